import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";
import type { Fault, Faults } from "../../organise/form";

export type FaultText = (pointer: string) => ReactNode | undefined;

/** What is wrong with a field, in words. */
export function useFaultText(faults: Faults): FaultText {
  const { i18n } = useLingui();
  return (pointer) => {
    const fault = faults[pointer];
    return fault ? (
      <Text fault={fault} number={(value) => new Intl.NumberFormat(i18n.locale).format(value)} />
    ) : undefined;
  };
}

function Text({ fault, number }: { fault: Fault; number: (value: number) => string }) {
  switch (fault.is) {
    case "missing":
      return <Trans>Something is needed here.</Trans>;
    case "past":
      return <Trans>Choose a time that is still to come.</Trans>;
    case "before-start":
      return <Trans>It must end after it begins.</Trans>;
    case "after-end":
      return <Trans>It must not be after the end of the event.</Trans>;
    case "before-from":
      return <Trans>The sale must end after it begins.</Trans>;
    case "no-time":
      return <Trans>This is no date and time.</Trans>;
    case "no-amount":
      return <Trans>This is no amount of this currency.</Trans>;
    case "twice":
      return <Trans>One choice is there twice.</Trans>;
    case "no-choice":
      return <Trans>At least one choice is needed.</Trans>;
    case "number":
      return (
        <Trans>
          A whole number from {number(fault.least)} to {number(fault.most)}.
        </Trans>
      );
    case "refused":
      // The server says it in English alone.
      return (
        <span lang="en" dir="ltr">
          {fault.detail}
        </span>
      );
  }
}

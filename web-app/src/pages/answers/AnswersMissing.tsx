import { Trans } from "@lingui/react/macro";
import type { ComponentProps } from "react";
import { Notice } from "../../ui/Notice";
import { AnswersForm } from "./AnswersForm";

/** In the place of tickets that are not shown before what is required is answered. */
export function AnswersMissing(properties: Omit<ComponentProps<typeof AnswersForm>, "save">) {
  return (
    <>
      <Notice tone="unknown" live title={<Trans>Your tickets wait for your answers</Trans>}>
        <p>
          <Trans>The places are yours. What is required must be answered before their tickets are shown.</Trans>
        </p>
      </Notice>
      <AnswersForm {...properties} save={<Trans>Save and show the tickets</Trans>} />
    </>
  );
}

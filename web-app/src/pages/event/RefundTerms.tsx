import { Trans, useLingui } from "@lingui/react/macro";
import type { Event } from "../../api";
import { formatWhen } from "../../lib/time";
import styles from "./EventPage.module.css";

/** What becomes of the money, said before it is paid. */
export function RefundTerms({ event }: { event: Pick<Event, "refund_until" | "timezone"> }) {
  const { i18n } = useLingui();
  const until = event.refund_until;
  const open = until !== undefined && Date.parse(until) > Date.now();
  return (
    <p className={styles.terms}>
      {open ? (
        <Trans>
          <strong>Refunds:</strong> cancel until {formatWhen(until, i18n.locale, event.timezone)} and you get all of
          your money back.
        </Trans>
      ) : (
        <Trans>
          <strong>No refunds:</strong> once paid, these tickets cannot be given back. If the event is cancelled, you get
          all of your money back.
        </Trans>
      )}
    </p>
  );
}

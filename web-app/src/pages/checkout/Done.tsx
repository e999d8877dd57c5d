import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link } from "react-router";
import type { Booking, Event } from "../../api";
import { useAccount } from "../../app/store";
import { asks } from "../../checkout/answers";
import { useCheckout } from "../../checkout/state";
import { LinkButton } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { QrCode } from "../../ui/QrCode";
import { AnswersMissing } from "../answers/AnswersMissing";
import { GuestNote } from "../guest/GuestNote";
import styles from "./Checkout.module.css";

export function Done({ event, booking }: { event: Event; booking: Booking }) {
  const { t } = useLingui();
  const account = useAccount();
  const [checkout, update] = useCheckout(event.id);
  const first = booking.tickets?.[0];
  // Free tickets come before anything that need not be answered could be asked.
  const required = event.questions?.filter((question) => question.required);
  const unasked = booking.total.amount === 0 && asks(event.questions, booking.items) && !asks(required, booking.items);
  const count = booking.items.reduce((sum, item) => sum + item.quantity, 0);
  if (booking.answers_missing) {
    return (
      <AnswersMissing
        booking={booking}
        event={event}
        draft={checkout.answers}
        onDraft={(answers) => update.change({ answers })}
        onSaved={() => {
          update.change({ answers: {} });
          document.querySelector("h1")?.focus();
        }}
      />
    );
  }
  return (
    <>
      <Notice tone="good" live title={<Plural value={count} one="# ticket is yours" other="# tickets are yours" />}>
        {account.state === "in" && (
          <p>
            {account.user.guest ? (
              <Trans>They are on their way to {account.user.email}.</Trans>
            ) : (
              <Trans>They are in your account, and on their way to {account.user.email}.</Trans>
            )}
          </p>
        )}
      </Notice>
      {first && (
        <div className={styles.preview}>
          <QrCode text={first.code} label={t`QR code of ticket ${first.number}`} />
        </div>
      )}
      {unasked && (
        <p>
          <Trans>
            The organiser would like to know something more:{" "}
            <Link to={`/orders/${booking.id}`}>answer with your order</Link>.
          </Trans>
        </p>
      )}
      {account.state === "in" && account.user.guest && <GuestNote email={account.user.email} />}
      <div className={styles.buttons}>
        <LinkButton to={`/orders/${booking.id}`}>
          <Trans>See my tickets</Trans>
        </LinkButton>
        <LinkButton look="quiet" to={`/e/${event.id}`}>
          <Trans>Back to the event</Trans>
        </LinkButton>
      </div>
    </>
  );
}

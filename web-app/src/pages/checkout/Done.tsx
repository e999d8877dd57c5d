import { Plural, Trans, useLingui } from "@lingui/react/macro";
import type { Booking, Event } from "../../api";
import { useAccount } from "../../app/store";
import { LinkButton } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { QrCode } from "../../ui/QrCode";
import styles from "./Checkout.module.css";

export function Done({ event, booking }: { event: Event; booking: Booking }) {
  const { t } = useLingui();
  const account = useAccount();
  const first = booking.tickets?.[0];
  const count = booking.items.reduce((sum, item) => sum + item.quantity, 0);
  return (
    <>
      <Notice tone="good" live title={<Plural value={count} one="# ticket is yours" other="# tickets are yours" />}>
        {account.state === "in" && (
          <p>
            <Trans>They are in your account, and on their way to {account.user.email}.</Trans>
          </p>
        )}
      </Notice>
      {first && (
        <div className={styles.preview}>
          <QrCode text={first.code} label={t`QR code of ticket ${first.number}`} />
        </div>
      )}
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

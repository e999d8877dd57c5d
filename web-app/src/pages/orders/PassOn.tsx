import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { useNameTicketMutation, useOfferTicketMutation, useWithdrawOfferMutation } from "../../api/transfers";
import { newKey } from "../../lib/key";
import { formatWhen, ownZone } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import styles from "./Orders.module.css";

interface Properties {
  booking: string;
  number: number;
  name: string | null;
  /** The address that it is offered to by now. */
  offeredTo: string | null;
  /** Whether the booking is somebody else's. */
  borrowed?: boolean;
  onClose: () => void;
}

/** A ticket's dialog: in whose name it is, and whether it goes to somebody else. */
export function PassOn({ booking, number, name, offeredTo, borrowed = false, onClose }: Properties) {
  const { t } = useLingui();
  return (
    <Dialog open onClose={onClose} title={t`Ticket ${number}`}>
      <Naming booking={booking} number={number} name={name} />
      <Offer booking={booking} number={number} offeredTo={offeredTo} borrowed={borrowed} />
    </Dialog>
  );
}

function Naming({ booking, number, name }: { booking: string; number: number; name: string | null }) {
  const { t } = useLingui();
  const [save, { error, isLoading, isSuccess }] = useNameTicketMutation();
  return (
    <form
      className={styles.part}
      onSubmit={(event) => {
        event.preventDefault();
        void save({ booking, number, name: String(new FormData(event.currentTarget).get("name")).trim() });
      }}
    >
      <Field
        label={t`Who comes with it`}
        hint={t`The name stands on the ticket, and is shown at the door.`}
        name="name"
        defaultValue={name ?? ""}
        autoComplete="off"
        required
        maxLength={100}
      />
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" look="quiet" busy={isLoading}>
          <Trans>Save the name</Trans>
        </Button>
        <p role="status">{isSuccess && <Trans>Saved.</Trans>}</p>
      </div>
    </form>
  );
}

function Offer({
  booking,
  number,
  offeredTo,
  borrowed,
}: Pick<Properties, "booking" | "number" | "offeredTo"> & { borrowed: boolean }) {
  const { t, i18n } = useLingui();
  const [offer, offering] = useOfferTicketMutation();
  const [withdraw, withdrawing] = useWithdrawOfferMutation();
  // One key for one wish: asked again after a lost answer, it is the same offer.
  const [key, setKey] = useState(newKey);
  const made = withdrawing.isSuccess ? undefined : offering.data;
  const to = made?.email ?? (withdrawing.isSuccess ? null : offeredTo);
  return (
    <section className={styles.part} aria-labelledby="pass-on">
      <h3 id="pass-on">
        <Trans>Give it to somebody else</Trans>
      </h3>
      {to !== null ? (
        <Notice tone="wait" live title={<OfferedTo to={to} />}>
          <p>
            {made ? (
              <Trans>
                It can be accepted until {formatWhen(made.expires_at, i18n.locale, ownZone())}. Until then it stays
                yours.
              </Trans>
            ) : (
              <Trans>Until it is accepted it stays yours.</Trans>
            )}
          </p>
          {withdrawing.error && <FailureNotice error={withdrawing.error} />}
          <Button
            look="quiet"
            busy={withdrawing.isLoading}
            onClick={async () => {
              const { error } = await withdraw({ booking, number });
              if (!error) offering.reset();
            }}
          >
            <Trans>Withdraw the offer</Trans>
          </Button>
        </Notice>
      ) : (
        <form
          className={styles.part}
          onSubmit={async (event) => {
            event.preventDefault();
            const email = String(new FormData(event.currentTarget).get("email"));
            const { error } = await offer({ booking, number, email, key });
            if (!error) {
              withdrawing.reset();
              setKey(newKey());
            }
          }}
        >
          <p>
            {borrowed ? (
              <Trans>
                Whoever has this address, confirmed in an account, can accept it within seven days. Then the code that
                you have is void.
              </Trans>
            ) : (
              <Trans>
                Whoever has this address, confirmed in an account, can accept it within seven days. Then the code that
                you have is void. The order stays yours: if you cancel it, this ticket is void as well.
              </Trans>
            )}
          </p>
          <Field
            label={t`Their email`}
            name="email"
            type="email"
            autoComplete="off"
            required
            maxLength={254}
            onChange={() => setKey(newKey())}
          />
          {offering.error && <FailureNotice error={offering.error} />}
          <p role="status" className="visually-hidden">
            {withdrawing.isSuccess && <Trans>The offer is withdrawn.</Trans>}
          </p>
          <div className={styles.buttons}>
            <Button type="submit" busy={offering.isLoading}>
              <Trans>Offer the ticket</Trans>
            </Button>
          </div>
        </form>
      )}
    </section>
  );
}

export function OfferedTo({ to }: { to: string }) {
  return <Trans>Offered to {to}</Trans>;
}

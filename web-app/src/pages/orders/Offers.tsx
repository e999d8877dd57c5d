import { Trans, useLingui } from "@lingui/react/macro";
import { type User, useEventQuery } from "../../api";
import { type TicketOffer, useAcceptTicketMutation, useOffersQuery } from "../../api/transfers";
import { ROUTES } from "../../app/routes";
import { formatWhen, ownZone } from "../../lib/time";
import { Button, LinkButton } from "../../ui/Button";
import { FailureNotice, Notice } from "../../ui/Notice";
import styles from "./Orders.module.css";

/** Tickets that somebody is offered; nothing where there are none. */
export function Offers({ user }: { user: User }) {
  const { data } = useOffersQuery(undefined, { refetchOnMountOrArgChange: true, skip: !user.email_verified });
  if (!data || data.items.length === 0) return null;
  return (
    <section className={styles.tickets} aria-labelledby="offers">
      <h2 id="offers">
        <Trans>Tickets for you</Trans>
      </h2>
      {data.items.map((offer) => (
        <Offered key={offer.id} offer={offer} />
      ))}
    </section>
  );
}

function Offered({ offer }: { offer: TicketOffer }) {
  const { i18n } = useLingui();
  const { data: event } = useEventQuery(offer.event_id);
  const [accept, { error, isLoading }] = useAcceptTicketMutation();
  const type = event?.ticket_types.find((each) => each.id === offer.ticket_type_id)?.name;
  return (
    <Notice
      tone="info"
      title={event ? <Trans>Somebody offers you a ticket for “{event.title}”</Trans> : <Trans>A ticket for you</Trans>}
    >
      {event && (
        <p>
          <bdi>{type}</bdi> · {formatWhen(event.starts_at, i18n.locale, event.timezone)} · <bdi>{event.venue.name}</bdi>
        </p>
      )}
      <p>
        <Trans>You can accept it until {formatWhen(offer.expires_at, i18n.locale, ownZone())}.</Trans>
      </p>
      {error && <FailureNotice error={error} />}
      <Button busy={isLoading} onClick={() => void accept({ token: offer.token })}>
        <Trans>Accept the ticket</Trans>
      </Button>
    </Notice>
  );
}

/** Who has not shown yet that they read their address sees no offers, and is told how to. */
export function Unconfirmed() {
  return (
    <Notice tone="unknown" title={<Trans>Your address is not confirmed</Trans>}>
      <p>
        <Trans>A ticket that somebody offers you can be accepted once it is.</Trans>
      </p>
      <LinkButton to={ROUTES.verifyEmail} look="quiet">
        <Trans>Confirm your address</Trans>
      </LinkButton>
    </Notice>
  );
}

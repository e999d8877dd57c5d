import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "react-router";
import type { ListedEvent } from "../api";
import { categoryName } from "../i18n/words";
import { formatMoney } from "../lib/money";
import { formatDay, formatTime, stub } from "../lib/time";
import { Cover } from "./Cover";
import styles from "./EventCard.module.css";

/** An event in a list, as a ticket: its cover, a perforation, and what stands on the stub. */
export function EventCard({ event }: { event: ListedEvent }) {
  const { i18n } = useLingui();
  const language = i18n.locale;
  const { day, month } = stub(event.starts_at, language, event.timezone);
  const cheapest = Math.min(...event.ticket_types.map((type) => type.price));
  const several = event.ticket_types.some((type) => type.price !== cheapest);
  const price = formatMoney({ amount: cheapest, currency: event.currency }, language, true);
  return (
    <article className={styles.card}>
      <Cover id={event.id} category={event.category} image={event.image} accent={event.accent}>
        <span className={styles.category}>{categoryName(event.category, (text) => i18n._(text))}</span>
        <span className={styles.date} aria-hidden="true">
          <span className={styles.day}>{day}</span>
          <span>{month}</span>
        </span>
      </Cover>
      <div className={styles.body}>
        <h2 className={styles.title} dir="auto">
          <Link to={`/e/${event.id}`}>{event.title}</Link>
        </h2>
        <p className={styles.when}>
          <time dateTime={event.starts_at}>
            {formatDay(event.starts_at, language, event.timezone)},{" "}
            {formatTime(event.starts_at, language, event.timezone)}
          </time>
        </p>
        <p className={styles.where}>
          <bdi>{event.venue.name}</bdi>, <bdi>{event.venue.city}</bdi>
        </p>
        <p className={styles.price}>
          {event.status === "cancelled" ? (
            <strong className={styles.cancelled}>
              <Trans>Cancelled</Trans>
            </strong>
          ) : cheapest === 0 ? (
            several ? (
              <Trans>from free</Trans>
            ) : (
              <Trans>Free</Trans>
            )
          ) : several ? (
            <Trans>from {price}</Trans>
          ) : (
            price
          )}
        </p>
      </div>
    </article>
  );
}

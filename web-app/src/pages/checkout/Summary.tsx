import { Trans, useLingui } from "@lingui/react/macro";
import type { Event, Selection } from "../../api";
import { chosen } from "../../checkout/state";
import { formatMoney, type Money } from "../../lib/money";
import { formatWhen } from "../../lib/time";
import { Cover } from "../../ui/Cover";
import styles from "./Checkout.module.css";

/** What is bought. */
export function Summary({ event, items, total }: { event: Event; items: Selection[]; total: Money | undefined }) {
  const { i18n } = useLingui();
  const language = i18n.locale;
  const sum = total ?? { amount: chosen(event, items).total, currency: event.currency };
  return (
    <section className={styles.summary} aria-labelledby="summary">
      <Cover id={event.id} category={event.category} image={event.image} />
      <div className={styles.summaryText}>
        <h2 id="summary" dir="auto">
          {event.title}
        </h2>
        <p>
          <time dateTime={event.starts_at}>{formatWhen(event.starts_at, language, event.timezone)}</time>
        </p>
        <p>
          <bdi>{event.venue.name}</bdi>, <bdi>{event.venue.city}</bdi>
        </p>
        <ul className={styles.lines}>
          {items.map((item) => {
            const type = event.ticket_types.find((each) => each.id === item.ticket_type_id);
            const amount = item.quantity * (type?.price ?? 0);
            return (
              <li key={item.ticket_type_id}>
                <span>
                  {i18n.number(item.quantity)} × <bdi>{type?.name}</bdi>
                </span>
                <span>{formatMoney({ amount, currency: event.currency }, language)}</span>
              </li>
            );
          })}
          <li className={styles.total}>
            <span>
              <Trans>Total</Trans>
            </span>
            <span>{formatMoney(sum, language)}</span>
          </li>
        </ul>
      </div>
    </section>
  );
}

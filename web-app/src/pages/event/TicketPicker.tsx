import { Plural, Trans, useLingui } from "@lingui/react/macro";
import type { Availability, Event, Selection, TicketType } from "../../api";
import { MOST } from "../../checkout/handoff";
import { formatMoney } from "../../lib/money";
import { formatWhen } from "../../lib/time";
import { Quantity } from "../../ui/Quantity";
import styles from "./TicketPicker.module.css";

interface Properties {
  event: Event;
  availability: Availability | undefined;
  items: Selection[];
  onChange: (items: Selection[]) => void;
}

/** As many or fewer are few. */
const FEW = 10;

export function TicketPicker({ event, availability, items, onChange }: Properties) {
  const { i18n } = useLingui();
  const language = i18n.locale;
  const choose = (type: string, quantity: number) => {
    const others = items.filter((item) => item.ticket_type_id !== type);
    const order = event.ticket_types.map((each) => each.id);
    const next = quantity > 0 ? [...others, { ticket_type_id: type, quantity }] : others;
    onChange(next.sort((a, b) => order.indexOf(a.ticket_type_id) - order.indexOf(b.ticket_type_id)));
  };
  return (
    <ul className={styles.types}>
      {event.ticket_types.map((type) => {
        const left = availability?.ticket_types.find((each) => each.id === type.id);
        const quantity = items.find((item) => item.ticket_type_id === type.id)?.quantity ?? 0;
        // What is not known yet does not keep anybody from choosing: only a hold takes places.
        const max = Math.min(MOST, type.per_person_limit, left ? (left.on_sale ? left.available : 0) : MOST);
        return (
          <li
            key={type.id}
            className={styles.type}
            data-off={(left && (!left.on_sale || left.available === 0)) || undefined}
          >
            <div>
              <p className={styles.name} dir="auto">
                {type.name}
              </p>
              <p className={styles.price}>
                {type.price === 0 ? (
                  <Trans>Free</Trans>
                ) : (
                  formatMoney({ amount: type.price, currency: event.currency }, language)
                )}
              </p>
              <p className={styles.left}>
                <Left type={type} left={left} zone={event.timezone} />
              </p>
            </div>
            {max > 0 || quantity > 0 ? (
              <Quantity name={type.name} value={quantity} max={max} onChange={(value) => choose(type.id, value)} />
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}

function Left({
  type,
  left,
  zone,
}: {
  type: TicketType;
  left: Availability["ticket_types"][number] | undefined;
  zone: string;
}) {
  const { i18n } = useLingui();
  if (!left) return <span aria-hidden="true">…</span>;
  if (left.on_sale) {
    if (left.available === 0) {
      return (
        <strong className={styles.gone}>
          <Trans>Sold out</Trans>
        </strong>
      );
    }
    return left.available <= FEW ? (
      <strong className={styles.few}>
        <Plural value={left.available} one="Only # left" other="Only # left" />
      </strong>
    ) : (
      <Plural value={left.available} one="# left" other="# left" />
    );
  }
  const now = Date.now();
  if (type.sales_from && Date.parse(type.sales_from) > now) {
    return <Trans>On sale from {formatWhen(type.sales_from, i18n.locale, zone)}</Trans>;
  }
  if (type.sales_until && Date.parse(type.sales_until) <= now) return <Trans>The sale has ended</Trans>;
  return <Trans>Not on sale now</Trans>;
}

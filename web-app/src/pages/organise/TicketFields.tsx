import { Trans, useLingui } from "@lingui/react/macro";
import { blankTicket, type EventForm, MOST, type TicketForm } from "../../organise/form";
import { Button } from "../../ui/Button";
import { Checkbox, Field } from "../../ui/Field";
import type { FaultText } from "./faults";
import styles from "./Organise.module.css";

interface Properties {
  form: EventForm;
  /** It was published: what is sold cannot be taken away. */
  opened: boolean;
  fault: FaultText;
  onChange: (tickets: TicketForm[]) => void;
}

export function TicketFields({ form, opened, fault, onChange }: Properties) {
  const { t } = useLingui();
  const { tickets, currency } = form;
  const set = (key: string, part: Partial<TicketForm>) =>
    onChange(tickets.map((ticket) => (ticket.key === key ? { ...ticket, ...part } : ticket)));
  return (
    <>
      {tickets.map((ticket, index) => {
        const at = `/ticket_types/${index}`;
        const number = index + 1;
        const name = ticket.name.trim() || t`Ticket type ${number}`;
        return (
          <fieldset key={ticket.key} className={styles.item}>
            <legend dir="auto">{name}</legend>
            <Field
              label={t`Name`}
              value={ticket.name}
              onChange={({ target }) => set(ticket.key, { name: target.value })}
              error={fault(`${at}/name`)}
              maxLength={MOST.name}
              required
              dir="auto"
            />
            <div className={styles.three}>
              <Field
                label={t`Price in ${currency}`}
                hint={t`0: free`}
                inputMode="decimal"
                value={ticket.price}
                onChange={({ target }) => set(ticket.key, { price: target.value })}
                error={fault(`${at}/price`)}
                required
                dir="ltr"
              />
              <Field
                label={t`Places`}
                hint={t`In all`}
                inputMode="numeric"
                value={ticket.capacity}
                onChange={({ target }) => set(ticket.key, { capacity: target.value })}
                error={fault(`${at}/capacity`)}
                required
                dir="ltr"
              />
              <Field
                label={t`Limit per person`}
                hint={t`In all orders`}
                inputMode="numeric"
                value={ticket.limit}
                onChange={({ target }) => set(ticket.key, { limit: target.value })}
                error={fault(`${at}/per_person_limit`)}
                required
                dir="ltr"
              />
            </div>
            <div className={styles.pair}>
              <Field
                label={t`On sale from (optional)`}
                type="datetime-local"
                value={ticket.from}
                onChange={({ target }) => set(ticket.key, { from: target.value })}
                error={fault(`${at}/sales_from`)}
              />
              <Field
                label={t`On sale until (optional)`}
                type="datetime-local"
                value={ticket.until}
                onChange={({ target }) => set(ticket.key, { until: target.value })}
                error={fault(`${at}/sales_until`)}
              />
            </div>
            <Checkbox
              label={t`Taken off sale for now`}
              hint={t`Whatever the times say. What is held stays held.`}
              checked={ticket.paused}
              onChange={({ target }) => set(ticket.key, { paused: target.checked })}
            />
            {tickets.length > 1 && (!opened || ticket.id === undefined) && (
              <div>
                <Button
                  look="plain"
                  aria-label={t`Remove: ${name}`}
                  onClick={() => onChange(tickets.filter((each) => each.key !== ticket.key))}
                >
                  <Trans>Remove</Trans>
                </Button>
              </div>
            )}
          </fieldset>
        );
      })}
      {tickets.length < MOST.tickets && (
        <div>
          <Button look="quiet" onClick={() => onChange([...tickets, blankTicket()])}>
            <Trans>Add a ticket type</Trans>
          </Button>
        </div>
      )}
    </>
  );
}

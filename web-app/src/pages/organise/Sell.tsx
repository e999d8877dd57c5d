import { Trans, useLingui } from "@lingui/react/macro";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import type { Selection } from "../../api";
import { type CounterSale, type NewSale, useSellMutation } from "../../api/organise";
import { isProblem } from "../../api/problem";
import { chosen } from "../../checkout/state";
import { formatMoney } from "../../lib/money";
import { useLive } from "../../organise/live";
import { anew, once } from "../../organise/once";
import { Button } from "../../ui/Button";
import { Choices, Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty, Panel } from "../../ui/Panel";
import { TicketPicker } from "../event/TicketPicker";
import styles from "./Organise.module.css";
import { useOrganiser, useOwnEvent } from "./parts";

/** Sells to somebody who stands there. */
export function Sell() {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const event = useOwnEvent();
  const { availability } = useLive(event.id, event.status === "published" ? ["availability"] : []);
  const [items, setItems] = useState<Selection[]>([]);
  const [method, setMethod] = useState<NewSale["method"]>("cash");
  const [sold, setSold] = useState<CounterSale | null>(null);
  const [sell, { error, isLoading, reset }] = useSellMutation();
  const { count, total } = chosen(event, items);
  const price = formatMoney({ amount: total, currency: event.currency }, i18n.locale);
  if (event.status !== "published")
    return (
      <Page title={t`Counter`}>
        <Empty title={<Trans>Nothing is for sale</Trans>}>
          <p>
            <Trans>Only a published event sells, at the counter as well.</Trans>
          </p>
        </Empty>
      </Page>
    );
  if (sold)
    return (
      <Page title={t`Counter`} narrow>
        <Notice tone="good" live title={<Trans>Sold: {formatMoney(sold.total, i18n.locale)}</Trans>}>
          <p>
            <Trans>The places are theirs. If you typed an address, the tickets are on their way there.</Trans>
          </p>
          <Link to={`/organise/${organiser.id}/events/${event.id}/orders/${sold.order_id}`}>
            <Trans>See the order</Trans>
          </Link>
        </Notice>
        <div>
          <Button
            autoFocus
            onClick={() => {
              setSold(null);
              setItems([]);
              reset();
            }}
          >
            <Trans>Next sale</Trans>
          </Button>
        </div>
      </Page>
    );
  const choose = (next: Selection[]) => {
    // Who clears the counter sells to somebody else from then on.
    if (next.length === 0) anew(`sale.${event.id}`);
    setItems(next);
  };
  const submit = async (submitted: FormEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    if (isLoading || count === 0) return;
    const form = new FormData(submitted.currentTarget);
    const [name, email] = ["name", "email"].map((field) => String(form.get(field)).trim());
    const sale: NewSale = {
      items,
      method,
      ...((name || email) && { buyer: { ...(name && { name }), ...(email && { email }) } }),
    };
    const answer = await once(`sale.${event.id}`, sale, (key) => sell({ event: event.id, sale, key }));
    if (answer.data) setSold(answer.data);
  };
  return (
    <Page title={t`Counter`}>
      <form className={styles.columns} onSubmit={(submitted) => void submit(submitted)}>
        <Panel title={<Trans>Tickets</Trans>}>
          <TicketPicker event={event} availability={availability} items={items} onChange={choose} />
        </Panel>
        <Panel title={<Trans>Sale</Trans>}>
          <Choices
            label={t`Paid by`}
            choices={[
              { value: "cash", label: t`Cash` },
              { value: "card", label: t`Card, on a terminal of your own` },
            ]}
            chosen={[method]}
            onChange={(value) => setMethod(value === "card" ? "card" : "cash")}
          />
          <Field label={t`Name (optional)`} name="name" autoComplete="off" maxLength={200} dir="auto" />
          <Field
            label={t`Email (optional)`}
            hint={t`The tickets are sent there.`}
            name="email"
            type="email"
            autoComplete="off"
            maxLength={254}
            dir="ltr"
          />
          {error && (
            <FailureNotice error={error}>
              {isProblem(error, "/problems/sold-out", "/problems/over-limit", "/problems/not-on-sale") && (
                <p>
                  <Trans>Nothing was sold: take no money.</Trans>
                </p>
              )}
            </FailureNotice>
          )}
          <Button type="submit" busy={isLoading} disabled={count === 0}>
            {count === 0 ? t`Choose tickets` : t`Take ${price} and sell`}
          </Button>
          <p className={styles.faint}>
            <Trans>Take the money first. The sale counts at once, and cannot be undone: only cancelled.</Trans>
          </p>
        </Panel>
      </form>
    </Page>
  );
}

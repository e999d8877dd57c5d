import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "react-router";
import type { Failure } from "../../api/problem";
import { formatWhen, ownZone } from "../../lib/time";
import { type KeptOrder, keptOrders } from "../../orders/keep";
import { Cover } from "../../ui/Cover";
import { Dialog } from "../../ui/Dialog";
import { Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { QrCode } from "../../ui/QrCode";
import styles from "./Orders.module.css";

/** Whether nobody answered at all: then what is kept here is better than nothing. */
export function isOffline(error: unknown): boolean {
  return (error as Failure | undefined)?.kind === "network";
}

function useKept(): KeptOrder[] | null {
  const [kept, setKept] = useState<KeptOrder[] | null>(null);
  useEffect(() => {
    let gone = false;
    void keptOrders().then((orders) => {
      if (!gone) setKept(orders);
    });
    return () => {
      gone = true;
    };
  }, []);
  return kept;
}

/** Orders whose tickets are kept in this browser, while the server cannot be reached. */
export function KeptOrders() {
  const { i18n } = useLingui();
  const kept = useKept();
  if (!kept || kept.length === 0) return null;
  return (
    <section className={styles.tickets} aria-labelledby="kept">
      <h2 id="kept">
        <Trans>Kept on this device</Trans>
      </h2>
      <ul className={styles.orders}>
        {kept.map((order) => (
          <li key={order.id}>
            <article className={styles.order}>
              <Cover id={order.event.id} category={order.event.category} />
              <div className={styles.text}>
                <h3 className={styles.name} dir="auto">
                  <Link to={`/orders/${order.id}`}>{order.event.title}</Link>
                </h3>
                <p className={styles.faint}>
                  {formatWhen(order.event.starts_at, i18n.locale, order.event.timezone)} ·{" "}
                  <bdi>{order.event.venue.name}</bdi>
                </p>
                <p>
                  <Count count={order.tickets.length} />
                </p>
              </div>
            </article>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The tickets of one order as they were kept; `other` where they were not. */
export function KeptTickets({ id, other }: { id: string; other: ReactNode }) {
  const { t, i18n } = useLingui();
  const kept = useKept();
  const [shown, setShown] = useState<KeptOrder["tickets"][number] | null>(null);
  const order = kept?.find((each) => each.id === id);
  if (!kept) return null;
  if (!order) return other;
  const { event } = order;
  return (
    <Page title={event.title}>
      <p>
        {formatWhen(event.starts_at, i18n.locale, event.timezone)} · <bdi>{event.venue.name}</bdi>,{" "}
        <bdi>{event.venue.city}</bdi>
      </p>
      <Notice tone="unknown" title={<Trans>Kept on this device</Trans>}>
        <p>
          <Trans>
            The server cannot be reached. These are your tickets as of{" "}
            {formatWhen(new Date(order.savedAt).toISOString(), i18n.locale, ownZone())}.
          </Trans>
        </p>
      </Notice>
      <ul className={styles.ticketList}>
        {order.tickets.map((ticket) => (
          <li key={ticket.number} className={styles.ticket}>
            <button
              type="button"
              className={styles.qr}
              onClick={() => setShown(ticket)}
              aria-label={t`Show ticket ${ticket.number} on the whole screen`}
            >
              <QrCode text={ticket.code} label={t`QR code of ticket ${ticket.number}`} />
            </button>
            <p className={styles.name} dir="auto">
              {ticket.type}
            </p>
            <p className={styles.faint}>
              <Trans>Ticket {ticket.number}</Trans>
              {ticket.name && (
                <>
                  {" · "}
                  <bdi>{ticket.name}</bdi>
                </>
              )}
            </p>
          </li>
        ))}
      </ul>
      <Dialog full open={shown !== null} onClose={() => setShown(null)} title={shown?.type ?? ""}>
        {shown && (
          <div className={styles.screen}>
            <QrCode text={shown.code} label={t`QR code of ticket ${shown.number}`} />
            <p>
              <bdi>{event.title}</bdi> · <Trans>Ticket {shown.number}</Trans>
            </p>
          </div>
        )}
      </Dialog>
    </Page>
  );
}

function Count({ count }: { count: number }) {
  return <Plural value={count} one="# ticket" other="# tickets" />;
}

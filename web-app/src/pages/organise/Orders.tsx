import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { type ListedOrder, type OrderStatus, useOwnOrdersInfiniteQuery } from "../../api/organise";
import { useSettled } from "../../lib/hooks";
import { formatMoney } from "../../lib/money";
import { formatWhen, ownZone } from "../../lib/time";
import { Badge } from "../../ui/Badge";
import { LinkButton } from "../../ui/Button";
import { Field, Select } from "../../ui/Field";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/Panel";
import { type Column, Table } from "../../ui/Table";
import { STATUS } from "../orders/words";
import styles from "./Organise.module.css";
import { ExportMenu, Listed, useOrganiser, useOwnEvent } from "./parts";
import { ORDER_TONE } from "./words";

const STATES = Object.keys(STATUS) as OrderStatus[];

export function Orders() {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const event = useOwnEvent();
  const [search, setSearch] = useSearchParams();
  const [typed, setTyped] = useState(search.get("q") ?? "");
  const q = useSettled(typed.trim(), 300);
  const status = STATES.find((each) => each === search.get("status"));
  useEffect(() => {
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        if (q === "") after.delete("q");
        else after.set("q", q);
        return after;
      },
      { replace: true },
    );
  }, [q, setSearch]);
  const filter = { event: event.id, ...(q !== "" && { q }), ...(status && { status }) };
  const list = useOwnOrdersInfiniteQuery(filter, { refetchOnMountOrArgChange: true });
  const orders = list.currentData?.pages.flatMap((page) => page.items) ?? [];
  const base = `/organise/${organiser.id}/events/${event.id}`;
  const columns: Column<ListedOrder>[] = [
    {
      key: "buyer",
      title: t`Buyer`,
      names: true,
      cell: (order) => (
        <>
          <Link to={`${base}/orders/${order.id}`}>
            <bdi>{order.buyer.name ?? order.buyer.email ?? t`No name given`}</bdi>
          </Link>
          {order.buyer.name !== null && order.buyer.email !== null && (
            <p className={styles.faint}>
              <bdi>{order.buyer.email}</bdi>
            </p>
          )}
        </>
      ),
    },
    {
      key: "items",
      title: t`Tickets`,
      cell: (order) =>
        order.items.map((item) => (
          <p key={item.ticket_type_id}>
            {item.quantity} × <bdi>{item.name}</bdi>
          </p>
        )),
    },
    {
      key: "total",
      title: t`Total`,
      figure: true,
      cell: (order) => (
        <>
          {formatMoney(order.total, i18n.locale)}
          {order.refunded.amount > 0 && (
            <p className={styles.faint}>
              <Trans>{formatMoney(order.refunded, i18n.locale)} given back</Trans>
            </p>
          )}
        </>
      ),
    },
    {
      key: "status",
      title: t`State`,
      cell: (order) => (
        <>
          <Badge tone={ORDER_TONE[order.status]}>{i18n._(STATUS[order.status])}</Badge>
          {order.channel === "counter" && (
            <p className={styles.faint}>
              <Trans>At the counter</Trans>
            </p>
          )}
          {order.note !== null && (
            <p className={styles.faint}>
              <Trans>Has a note</Trans>
            </p>
          )}
        </>
      ),
    },
    { key: "when", title: t`Ordered`, cell: (order) => formatWhen(order.created_at, i18n.locale, ownZone()) },
  ];
  const narrowed = q !== "" || status !== undefined;
  return (
    <Page title={t`Orders`}>
      <div className={styles.bar}>
        <search className={styles.filters}>
          <Field
            label={t`Search orders`}
            type="search"
            placeholder={t`A name, an address, an order's number`}
            value={typed}
            maxLength={100}
            onChange={({ target }) => setTyped(target.value)}
            dir="auto"
          />
          <Select
            label={t`State`}
            value={status ?? ""}
            onChange={({ target }) =>
              setSearch(
                (before) => {
                  const after = new URLSearchParams(before);
                  if (target.value === "") after.delete("status");
                  else after.set("status", target.value);
                  return after;
                },
                { replace: true },
              )
            }
          >
            <option value="">{t({ message: "All", context: "orders" })}</option>
            {STATES.map((each) => (
              <option key={each} value={each}>
                {i18n._(STATUS[each])}
              </option>
            ))}
          </Select>
        </search>
        <ExportMenu what={{ list: "orders", filter }} name="orders" />
      </div>
      <Listed
        state={{ ...list, data: list.currentData }}
        empty={
          orders.length === 0 &&
          (narrowed ? (
            <Empty title={<Trans>No orders match</Trans>} />
          ) : (
            <Empty title={<Trans>No orders yet</Trans>}>
              <p>
                <Trans>Orders appear here as soon as somebody holds tickets. You can also sell at the counter.</Trans>
              </p>
              {organiser.may("edit-orders") && event.status === "published" && (
                <LinkButton look="quiet" to={`${base}/sell`}>
                  <Trans>Sell at the counter</Trans>
                </LinkButton>
              )}
            </Empty>
          ))
        }
      >
        <p className={styles.faint} role="status">
          <Plural value={orders.length} one="# order is shown" other="# orders are shown" />
        </p>
        <Table caption={t`Orders`} columns={columns} rows={orders} rowKey={(order) => order.id} />
      </Listed>
    </Page>
  );
}

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Link, Navigate } from "react-router";
import { type Booking, useBookingsInfiniteQuery, useEventQuery } from "../../api";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { formatMoney } from "../../lib/money";
import { formatWhen } from "../../lib/time";
import { Button, LinkButton } from "../../ui/Button";
import { Cover } from "../../ui/Cover";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage, Skeleton } from "../../ui/Skeleton";
import { GuestNote } from "../guest/GuestNote";
import { Held } from "./Held";
import { isOffline, KeptOrders } from "./Kept";
import { Offers } from "./Offers";
import styles from "./Orders.module.css";
import { STATUS } from "./words";

export default function Orders() {
  const { t } = useLingui();
  const account = useAccount();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useBookingsInfiniteQuery(undefined, {
    skip: account.state !== "in",
    refetchOnMountOrArgChange: true,
  });
  if (account.state === "out") return <Navigate to={ROUTES.login} state={{ to: ROUTES.orders }} replace />;
  if (account.state === "loading") return <LoadingPage />;
  const member = account.state === "in" && !account.user.guest ? account.user : null;
  const orders = data?.pages.flatMap((page) => page.items) ?? [];
  const incomplete = data?.pages.some((page) => page.incomplete);
  return (
    <Page title={t`My tickets`}>
      {account.state === "failed" && <FailureNotice error={account.error} retry={account.retry} />}
      {error && <FailureNotice error={error} retry={refetch} />}
      {(isOffline(error) || (account.state === "failed" && isOffline(account.error))) && <KeptOrders />}
      {incomplete && (
        <Notice tone="unknown" title={<Trans>Some orders are missing</Trans>}>
          <p>
            <Trans>
              A part of the platform cannot be reached just now. What you bought there is safe, and not in this list.
            </Trans>
          </p>
        </Notice>
      )}
      {account.state === "in" && account.user.guest && <GuestNote email={account.user.email} />}
      {member && <Offers user={member} />}
      {!data && !error && account.state === "in" && <Skeleton height="9rem" />}
      {data && orders.length === 0 && (
        <div className={styles.empty}>
          <p className={styles.emptyTitle}>
            <Trans>No tickets yet</Trans>
          </p>
          <LinkButton to={ROUTES.discover}>
            <Trans>See what is on</Trans>
          </LinkButton>
        </div>
      )}
      <ul className={styles.orders}>
        {orders.map((booking) => (
          <li key={booking.id}>
            <OrderCard booking={booking} />
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <div>
          <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            <Trans>Show more orders</Trans>
          </Button>
        </div>
      )}
      {member && <Held />}
    </Page>
  );
}

function OrderCard({ booking }: { booking: Booking }) {
  const { i18n } = useLingui();
  const { data: event } = useEventQuery(booking.event_id);
  const count = booking.items.reduce((sum, item) => sum + item.quantity, 0);
  return (
    <article className={styles.order}>
      <Cover id={booking.event_id} category={event?.category ?? ""} image={event?.image} />
      <div className={styles.text}>
        <h2 className={styles.name} dir="auto">
          <Link to={`/orders/${booking.id}`}>{event?.title ?? <Trans>Order</Trans>}</Link>
        </h2>
        <p className={styles.faint}>
          {event ? (
            <>
              {formatWhen(event.starts_at, i18n.locale, event.timezone)} · <bdi>{event.venue.name}</bdi>
            </>
          ) : (
            "…"
          )}
        </p>
        <p className={styles.facts}>
          <span className={styles.status} data-status={booking.status}>
            {i18n._(STATUS[booking.status])}
          </span>
          <span>
            <Plural value={count} one="# ticket" other="# tickets" /> · {formatMoney(booking.total, i18n.locale)}
          </span>
        </p>
      </div>
    </article>
  );
}

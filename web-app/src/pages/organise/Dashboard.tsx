import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useState } from "react";
import type { Analytics } from "../../api/organise";
import { type OwnEvent, useCheckinListsQuery } from "../../api/organise";
import { isLanguage, LANGUAGES } from "../../i18n/languages";
import { formatMoney } from "../../lib/money";
import { formatClock } from "../../lib/time";
import { useLive } from "../../organise/live";
import { series } from "../../organise/series";
import { LinkButton } from "../../ui/Button";
import { Chart } from "../../ui/Chart";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty, Panel } from "../../ui/Panel";
import { Skeleton } from "../../ui/Skeleton";
import { Segments } from "../../ui/Tabs";
import styles from "./Organise.module.css";
import { useOrganiser, useOwnEvent } from "./parts";

/** How often the door is asked how many came, in milliseconds. */
const DOOR = 10_000;

/** How an event is doing, as it goes on. */
export function Dashboard() {
  const { t } = useLingui();
  const event = useOwnEvent();
  const organiser = useOrganiser();
  const counts = organiser.may("see-orders");
  const sells = event.status === "published";
  const live = useLive(
    event.id,
    event.status === "draft"
      ? []
      : [...(sells ? (["availability"] as const) : []), ...(counts ? (["analytics"] as const) : [])],
  );
  if (event.status === "draft") return <Draft event={event} />;
  const error = live.errors.availability ?? live.errors.analytics;
  return (
    <Page title={t`Overview`}>
      {event.status === "cancelled" && (
        <Notice tone="bad" title={<Trans>This event is cancelled</Trans>}>
          <p>
            <Trans>Its orders are cancelled, and what was paid goes back.</Trans>
          </p>
        </Notice>
      )}
      {error !== undefined && (
        <FailureNotice error={error}>
          <p>
            <Trans>What is shown may be out of date. It is asked for again by itself.</Trans>
          </p>
        </FailureNotice>
      )}
      <Figures event={event} analytics={live.analytics} counts={counts} door={organiser.may("see-attendees")} />
      <div className={styles.columns}>
        {counts && <OverTime event={event} analytics={live.analytics} />}
        {sells && (
          <Panel title={<Trans>What is left</Trans>}>
            <Levels event={event} left={live.availability} />
          </Panel>
        )}
      </div>
    </Page>
  );
}

function Draft({ event }: { event: OwnEvent }) {
  const { t } = useLingui();
  const organiser = useOrganiser();
  return (
    <Page title={t`Overview`}>
      <Empty title={<Trans>A draft, which only your team sees</Trans>}>
        <p>
          {organiser.may("edit-events") ? (
            <Trans>
              Look at it as buyers will see it. When everything is right, publish it: then its tickets are on sale.
            </Trans>
          ) : (
            <Trans>As soon as it is published, its sales are shown here.</Trans>
          )}
        </p>
        {organiser.may("edit-events") && (
          <div className={styles.buttons}>
            <LinkButton look="quiet" to={`/organise/${organiser.id}/events/${event.id}/edit`}>
              <Trans>Edit</Trans>
            </LinkButton>
            <LinkButton look="quiet" to={`/organise/${organiser.id}/events/${event.id}/edit?view=preview`}>
              <Trans>Preview</Trans>
            </LinkButton>
          </div>
        )}
      </Empty>
    </Page>
  );
}

function Figure({ title, value, note }: { title: ReactNode; value: ReactNode; note?: ReactNode }) {
  return (
    <div className={styles.figure}>
      <dt>{title}</dt>
      <dd>
        <span className={styles.value}>{value}</span>
        {note && <span className={styles.note}>{note}</span>}
      </dd>
    </div>
  );
}

function Figures({
  event,
  analytics,
  counts,
  door,
}: {
  event: OwnEvent;
  analytics: Analytics | undefined;
  counts: boolean;
  door: boolean;
}) {
  const { i18n } = useLingui();
  const language = i18n.locale;
  const lists = useCheckinListsQuery(event.id, {
    skip: !door,
    pollingInterval: DOOR,
    skipPollingIfUnfocused: true,
    refetchOnMountOrArgChange: true,
  });
  const number = (value: number) => new Intl.NumberFormat(language).format(value);
  const percent = (value: number) =>
    new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(value);
  const totals = analytics?.totals;
  const places = event.ticket_types.reduce((sum, type) => sum + type.capacity, 0);
  const list = lists.data?.items[0];
  const loading = counts && !analytics;
  return (
    <>
      {analytics && !analytics.available && (
        <Notice tone="info" title={<Trans>Figures are not counted here</Trans>}>
          <p>
            <Trans>
              This platform keeps no statistics. Orders and availability are right all the same: export the orders for
              sums.
            </Trans>
          </p>
        </Notice>
      )}
      {loading && <Skeleton height="7rem" />}
      <dl className={styles.figures}>
        {totals && (
          <>
            <Figure
              title={<Trans>Tickets sold</Trans>}
              value={number(totals.tickets)}
              note={<Trans>of {number(places)} places</Trans>}
            />
            <Figure
              title={<Trans>Revenue</Trans>}
              value={formatMoney(totals.revenue, language, true)}
              note={totals.refunded.amount > 0 && <Trans>{formatMoney(totals.refunded, language)} given back</Trans>}
            />
            <Figure
              title={<Trans>Orders</Trans>}
              value={number(totals.bookings)}
              note={totals.cancelled > 0 && <Trans>{number(totals.cancelled)} cancelled</Trans>}
            />
            <Figure
              title={<Trans>Holds</Trans>}
              value={number(totals.holds)}
              note={totals.conversion !== null && <Trans>{percent(totals.conversion)} became orders</Trans>}
            />
            {totals.views !== null && <Figure title={<Trans>Views of its page</Trans>} value={number(totals.views)} />}
          </>
        )}
        {list?.admissions !== undefined && (
          <Figure
            title={<Trans>Let in</Trans>}
            value={number(list.admissions)}
            note={
              lists.data && lists.data.items.length > 1 ? (
                <Trans>by the list “{list.name}”</Trans>
              ) : totals && totals.tickets > 0 ? (
                <Trans>{percent(list.admissions / totals.tickets)} of the tickets sold</Trans>
              ) : undefined
            }
          />
        )}
      </dl>
      {lists.error && <FailureNotice error={lists.error} retry={lists.refetch} />}
    </>
  );
}

const MEASURES = ["tickets", "revenue", "holds"] as const;
type Measure = (typeof MEASURES)[number];

function OverTime({ event, analytics }: { event: OwnEvent; analytics: Analytics | undefined }) {
  const { t, i18n } = useLingui();
  const [measure, setMeasure] = useState<Measure>("tickets");
  const language = i18n.locale;
  if (analytics && !analytics.available) return null;
  const names: Record<Measure, string> = { tickets: t`Tickets sold`, revenue: t`Revenue`, holds: t`Holds` };
  const value = (amount: number) =>
    measure === "revenue"
      ? formatMoney({ amount, currency: event.currency }, language)
      : new Intl.NumberFormat(language).format(amount);
  const today = analytics?.as_of.slice(0, 10) ?? "";
  const figures = analytics
    ? series(analytics.days, (day) => (measure === "revenue" ? day.revenue.amount : day[measure]), today)
    : [];
  const days = new Intl.DateTimeFormat(language, { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
  const bars = figures.map((bar) => {
    const from = new Date(bar.from);
    const until = new Date(from.getTime() + (bar.days - 1) * 86_400_000);
    return {
      key: bar.from,
      label: bar.days === 1 ? days.format(from) : days.formatRange(from, until),
      value: bar.value,
      text: value(bar.value),
    };
  });
  const total = value(figures.reduce((sum, bar) => sum + bar.value, 0));
  const name = names[measure];
  return (
    <Panel title={<Trans>Over time</Trans>}>
      <Segments
        label={t`What is shown`}
        choices={MEASURES.map((each) => ({ value: each, label: names[each] }))}
        chosen={measure}
        onChoose={setMeasure}
      />
      {!analytics ? (
        <Skeleton height="12rem" />
      ) : bars.length === 0 ? (
        <p className={styles.faint}>
          <Trans>Nothing has happened yet. The first hold is shown here within seconds.</Trans>
        </p>
      ) : (
        <Chart
          label={t`${name} by day: ${total} in all`}
          titles={[t`Day (UTC)`, name]}
          table={t`The same as a table`}
          bars={bars}
          rtl={isLanguage(language) && LANGUAGES[language].direction === "rtl"}
        />
      )}
      {analytics && (
        <p className={styles.faint}>
          <Trans>As of {formatClock(analytics.as_of, language)}. Days are those of UTC.</Trans>
        </p>
      )}
    </Panel>
  );
}

type Left = NonNullable<ReturnType<typeof useLive>["availability"]>;

function Levels({ event, left }: { event: OwnEvent; left: Left | undefined }) {
  const { i18n } = useLingui();
  const number = (value: number) => new Intl.NumberFormat(i18n.locale).format(value);
  if (!left) return <Skeleton lines={3} />;
  return (
    <>
      <ul className={styles.levels}>
        {event.ticket_types.map((type) => {
          const now = left.ticket_types.find((each) => each.id === type.id);
          const capacity = now?.capacity ?? type.capacity;
          const taken = now ? capacity - now.available : 0;
          const name = type.name;
          return (
            <li key={type.id} className={styles.level}>
              <div className={styles.levelHead}>
                <strong dir="auto">{name}</strong>
                <span>
                  <Trans>
                    {number(taken)} of {number(capacity)} sold or held
                  </Trans>
                </span>
              </div>
              {/* The line above says the same. */}
              <div className={styles.track} aria-hidden="true">
                <div
                  className={styles.fill}
                  style={{ inlineSize: `${capacity > 0 ? Math.round((taken / capacity) * 100) : 0}%` }}
                />
              </div>
              {now && !now.on_sale && (
                <p className={styles.faint}>
                  {type.paused ? <Trans>Taken off sale</Trans> : <Trans>Not on sale at this time</Trans>}
                </p>
              )}
            </li>
          );
        })}
      </ul>
      <p className={styles.faint}>
        <Trans>As of {formatClock(left.as_of, i18n.locale)}</Trans>
      </p>
    </>
  );
}

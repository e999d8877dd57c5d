import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useId, useMemo } from "react";
import { Link } from "react-router";
import type { ListedEvent } from "../../api";
import { useMedia } from "../../lib/hooks";
import {
  byDay,
  compareMonths,
  dayOf,
  firstWeekday,
  type Month,
  monthOf,
  monthText,
  noon,
  plusMonths,
  weekdays,
  weeksOf,
} from "../../lib/month";
import { formatTime } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./Calendar.module.css";

/** Events of a day that its cell has room for. */
const ROOM = 3;
/** How many months there are to turn to, from this one on. */
const AHEAD = 60;

interface Properties {
  month: Month;
  /** What begins about that month; nothing while it is not known. */
  events: ListedEvent[] | undefined;
  /** The day that is looked at. */
  day: string;
  onMonth: (month: Month) => void;
  onDay: (day: string) => void;
}

/** A month with what begins in it, each on the day that it is at its venue. Where there is no room for seven columns it is a list of days. */
export default function Calendar({ month, events, day, onMonth, onDay }: Properties) {
  const { t, i18n } = useLingui();
  const wide = useMedia("(min-width: 44rem)");
  const now = new Date();
  const present = monthOf(now);
  const days = useMemo(() => byDay(events ?? [], month), [events, month]);
  const write = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(i18n.locale, { ...options, timeZone: "UTC" });
  const title = write({ month: "long", year: "numeric" }).format(noon(`${monthText(month)}-15`));
  return (
    <div className={styles.calendar}>
      <div className={styles.head}>
        <h2 className={styles.title} aria-live="polite">
          {title}
        </h2>
        <div className={styles.turn}>
          <Button
            look="quiet"
            aria-label={t`The month before`}
            disabled={compareMonths(month, present) <= -1}
            onClick={() => onMonth(plusMonths(month, -1))}
          >
            <span aria-hidden="true" className={styles.arrow}>
              ‹
            </span>
          </Button>
          <Button look="quiet" disabled={compareMonths(month, present) === 0} onClick={() => onMonth(present)}>
            <Trans>This month</Trans>
          </Button>
          <Button
            look="quiet"
            aria-label={t`The month after`}
            disabled={compareMonths(month, present) >= AHEAD}
            onClick={() => onMonth(plusMonths(month, 1))}
          >
            <span aria-hidden="true" className={styles.arrow}>
              ›
            </span>
          </Button>
        </div>
      </div>
      {events === undefined ? (
        <Skeleton height="24rem" />
      ) : wide ? (
        <>
          <Grid month={month} title={title} days={days} today={dayOf(now)} day={day} onDay={onDay} write={write} />
          {days.has(day) && <Day day={day} events={days.get(day) ?? []} write={write} />}
        </>
      ) : days.size === 0 ? (
        <p className={styles.none}>
          <Trans>Nothing begins in this month.</Trans>
        </p>
      ) : (
        [...days].map(([each, list]) => <Day key={each} day={each} events={list} write={write} />)
      )}
    </div>
  );
}

type Write = (options: Intl.DateTimeFormatOptions) => Intl.DateTimeFormat;

function Grid({
  month,
  title,
  days,
  today,
  day: chosen,
  onDay,
  write,
}: {
  month: Month;
  title: string;
  days: Map<string, ListedEvent[]>;
  today: string;
  day: string;
  onDay: (day: string) => void;
  write: Write;
}) {
  const { t, i18n } = useLingui();
  // Weeks begin where somebody is as they are used to, where the language says no more than itself.
  const locale = navigator.languages.find((each) => each.toLowerCase().startsWith(`${i18n.locale}-`)) ?? i18n.locale;
  const first = firstWeekday(locale);
  const [long, short, date] = [
    write({ weekday: "long" }),
    write({ weekday: "short" }),
    write({ weekday: "long", day: "numeric", month: "long" }),
  ];
  return (
    <table className={styles.grid}>
      <caption className="visually-hidden">{t`Events in ${title}`}</caption>
      <thead>
        <tr>
          {weekdays(first).map((each) => (
            <th key={each} scope="col" abbr={long.format(noon(each))}>
              <span aria-hidden="true">{short.format(noon(each))}</span>
              <span className="visually-hidden">{long.format(noon(each))}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeksOf(month, first).map((week) => (
          <tr key={week.find((each) => each !== null)}>
            {week.map((each, index) => {
              // biome-ignore lint/suspicious/noArrayIndexKey: an empty place has nothing else
              if (each === null) return <td key={index} className={styles.out} />;
              const list = days.get(each) ?? [];
              const name = date.format(noon(each));
              const more = list.length - ROOM;
              return (
                <td key={each} data-chosen={(each === chosen && list.length > 0) || undefined}>
                  <p className={styles.number}>
                    <time dateTime={each} aria-current={each === today ? "date" : undefined}>
                      {i18n.number(Number(each.slice(8)))}
                    </time>
                  </p>
                  {list.length > 0 && (
                    <ul className={styles.events} aria-label={name}>
                      {list.slice(0, more === 1 ? ROOM + 1 : ROOM).map((event) => (
                        <li key={event.id}>
                          <Entry event={event} />
                        </li>
                      ))}
                    </ul>
                  )}
                  {more > 1 && (
                    <button
                      type="button"
                      className={styles.more}
                      aria-pressed={each === chosen}
                      aria-label={t`All of ${name}`}
                      onClick={() => onDay(each === chosen ? "" : each)}
                    >
                      <Plural value={more} one="# more" other="# more" />
                    </button>
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Day({ day, events, write }: { day: string; events: ListedEvent[]; write: Write }) {
  const id = useId();
  return (
    <section className={styles.day} aria-labelledby={id}>
      <h3 id={id}>
        <time dateTime={day}>{write({ weekday: "long", day: "numeric", month: "long" }).format(noon(day))}</time>
      </h3>
      <ul className={styles.events}>
        {events.map((event) => (
          <li key={event.id}>
            <Entry event={event} where />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Entry({ event, where = false }: { event: ListedEvent; where?: boolean }) {
  const { i18n } = useLingui();
  return (
    <Link to={`/e/${event.id}`} className={styles.entry} data-off={event.status === "cancelled" || undefined}>
      <time dateTime={event.starts_at}>{formatTime(event.starts_at, i18n.locale, event.timezone)}</time>{" "}
      <bdi className={styles.name}>{event.title}</bdi>
      {event.status === "cancelled" && (
        <span className={styles.off}>
          {" "}
          <Trans>Cancelled</Trans>
        </span>
      )}
      {where && (
        <span className={styles.where}>
          {" "}
          <bdi>{event.venue.name}</bdi>, <bdi>{event.venue.city}</bdi>
        </span>
      )}
    </Link>
  );
}

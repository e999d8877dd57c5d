/** Months and days of a calendar. A day is its text (`2027-03-01`), which is no instant: it begins when the clocks of a place say so. */
import { toZoned } from "./zoned";

export interface Month {
  year: number;
  /** 1 to 12. */
  month: number;
}

const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");

/** As it stands in an address; nothing where that is no month of these centuries. */
export function parseMonth(text: string): Month | null {
  const [, year, month] = /^(2[01]\d\d)-(0[1-9]|1[0-2])$/.exec(text) ?? [];
  return year === undefined ? null : { year: Number(year), month: Number(month) };
}

export const monthText = ({ year, month }: Month) => `${pad(year, 4)}-${pad(month)}`;

/** The month that it is here. */
export const monthOf = (now: Date): Month => ({ year: now.getFullYear(), month: now.getMonth() + 1 });

/** The day that it is here. */
export const dayOf = (now: Date) => `${monthText(monthOf(now))}-${pad(now.getDate())}`;

export function plusMonths({ year, month }: Month, months: number): Month {
  const all = year * 12 + month - 1 + months;
  return { year: Math.floor(all / 12), month: (all % 12) + 1 };
}

/** Less than 0: the first is before the other. */
export const compareMonths = (one: Month, other: Month) => (one.year - other.year) * 12 + one.month - other.month;

export const daysIn = ({ year, month }: Month) => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** Noon of a day in UTC, for writing it in a language with the zone `UTC`. */
export const noon = (day: string) => new Date(`${day}T12:00:00Z`);

/** The weeks of a month, each of seven days, of which those of other months are nothing. Weekdays are 1 (Monday) to 7. */
export function weeksOf(month: Month, firstDay: number): (string | null)[][] {
  const first = noon(`${monthText(month)}-01`).getUTCDay();
  const before = (first - (firstDay % 7) + 7) % 7;
  const days: (string | null)[] = Array<null>(before).fill(null);
  for (let day = 1; day <= daysIn(month); day += 1) days.push(`${monthText(month)}-${pad(day)}`);
  while (days.length % 7 !== 0) days.push(null);
  return Array.from({ length: days.length / 7 }, (_, week) => days.slice(week * 7, week * 7 + 7));
}

/** Weekdays in their order, each as a day that is one. */
export function weekdays(firstDay: number): string[] {
  // 1 January 2024 is a Monday.
  return Array.from({ length: 7 }, (_, index) => `2024-01-${pad(((firstDay - 1 + index) % 7) + 1)}`);
}

/** The weekday that weeks begin with where a language is spoken: 1 (Monday) to 7. */
export function firstWeekday(language: string): number {
  interface Weeks {
    firstDay: number;
  }
  const locale = new Intl.Locale(language) as Intl.Locale & { getWeekInfo?: () => Weeks; weekInfo?: Weeks };
  return locale.getWeekInfo?.().firstDay ?? locale.weekInfo?.firstDay ?? 1;
}

const HOUR = 3_600_000;

/** The instants between which it is this month anywhere: clocks go from 12 hours behind UTC to 14 before it. */
export function rangeOfMonth(month: Month): { from: string; to: string } {
  const start = ({ year, month: number }: Month) => Date.UTC(year, number - 1, 1);
  return {
    from: new Date(start(month) - 14 * HOUR).toISOString(),
    to: new Date(start(plusMonths(month, 1)) + 12 * HOUR).toISOString(),
  };
}

/** The day on which something begins where it is. Of a zone that this browser does not know it is the day in UTC. */
export function localDay(instant: string, zone: string): string {
  return (toZoned(instant, zone) || new Date(instant).toISOString()).slice(0, 10);
}

/** What begins in a month where it is, by its day, in the order in which it begins. */
export function byDay<Thing extends { starts_at: string; timezone: string }>(
  things: readonly Thing[],
  month: Month,
): Map<string, Thing[]> {
  const days = new Map<string, Thing[]>();
  const sorted = [...things].sort((one, other) => Date.parse(one.starts_at) - Date.parse(other.starts_at));
  for (const thing of sorted) {
    const day = localDay(thing.starts_at, thing.timezone);
    if (!day.startsWith(`${monthText(month)}-`)) continue;
    days.set(day, [...(days.get(day) ?? []), thing]);
  }
  return new Map([...days].sort(([one], [other]) => (one < other ? -1 : 1)));
}

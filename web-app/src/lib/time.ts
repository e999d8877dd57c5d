/** Dates as a language and a place write them. */

const WHOLE: Intl.DateTimeFormatOptions = {
  weekday: "short",
  day: "numeric",
  month: "long",
  year: "numeric",
  hour: "numeric",
  minute: "2-digit",
};

/** The zone of whoever looks. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function format(
  instant: string | number,
  language: string,
  timeZone: string,
  options: Intl.DateTimeFormatOptions,
): string {
  try {
    return new Intl.DateTimeFormat(language, { ...options, timeZone }).format(new Date(instant));
  } catch {
    // A zone that this browser does not know.
    return new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" }).format(new Date(instant));
  }
}

export const formatWhen = (instant: string, language: string, zone: string) => format(instant, language, zone, WHOLE);

export const formatDay = (instant: string, language: string, zone: string) =>
  format(instant, language, zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" });

export const formatTime = (instant: string, language: string, zone: string) =>
  format(instant, language, zone, { hour: "numeric", minute: "2-digit" });

export const formatClock = (instant: string, language: string) =>
  format(instant, language, ownZone(), { hour: "numeric", minute: "2-digit", second: "2-digit" });

export const formatZone = (instant: string, language: string, zone: string) =>
  new Intl.DateTimeFormat(language, { timeZone: zone, timeZoneName: "longGeneric" })
    .formatToParts(new Date(instant))
    .find((part) => part.type === "timeZoneName")?.value ?? zone;

/** What stands on a ticket's stub. */
export function stub(instant: string, language: string, zone: string): { day: string; month: string } {
  return {
    day: format(instant, language, zone, { day: "numeric" }),
    month: format(instant, language, zone, { month: "short" }),
  };
}

/** From when to when, in one line: the end as a time alone where it is the same day. */
export function formatSpan(from: string, to: string, language: string, timeZone: string): string {
  try {
    return new Intl.DateTimeFormat(language, { ...WHOLE, timeZone }).formatRange(new Date(from), new Date(to));
  } catch {
    return format(from, language, timeZone, WHOLE);
  }
}

/** Whether an instant shows another time on the clocks of these zones. */
export function differs(instant: string, zone: string, other: string): boolean {
  const shown = (timeZone: string) =>
    format(instant, "en", timeZone, {
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    });
  return shown(zone) !== shown(other);
}

/** Days as people choose them, from and to as the API takes them. */
export type DayRange = "any" | "today" | "weekend" | "week" | "month";

export function rangeOf(range: DayRange, now: Date): { from?: string; to?: string } {
  const start = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const plus = (date: Date, days: number) => new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
  const until = (to: Date, from = now) => ({ from: from.toISOString(), to: to.toISOString() });
  switch (range) {
    case "any":
      return {};
    case "today":
      return until(plus(start, 1));
    case "weekend": {
      // Saturday and Sunday; on a Sunday, what is left of it.
      const saturday = plus(start, now.getDay() === 0 ? -1 : 6 - now.getDay());
      return until(plus(saturday, 2), saturday > now ? saturday : now);
    }
    case "week":
      return until(plus(start, 7));
    case "month":
      return until(plus(start, 30));
  }
}

/** A day of a form (`2027-03-01`) as the instant at which it begins here, or ends. */
export function dayToInstant(day: string, end: boolean): string | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return undefined;
  const instant = new Date(year, month - 1, date + (end ? 1 : 0));
  return Number.isNaN(instant.getTime()) ? undefined : instant.toISOString();
}

/** Times as a form has them (`2027-03-01T19:30`), by the clocks of a place. */

const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");

function clocks(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    calendar: "iso8601",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
}

/** What a place's clocks show at an instant, as if it were UTC, in milliseconds. */
function shown(instant: number, zone: string): number {
  const parts = clocks(zone).formatToParts(instant);
  const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((each) => each.type === type)?.value);
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}

/** What an instant is called there; nothing where the zone is not known. */
export function toZoned(instant: string | number, zone: string): string {
  try {
    const date = new Date(shown(new Date(instant).getTime(), zone));
    const day = `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
    return `${day}T${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
  } catch {
    return "";
  }
}

/**
 * The instant at which the clocks there show this. Of an hour that they show twice it is the first; in one that they skip it is as much later as they
 * skip. Nothing where it is no time, or the zone is not known.
 */
export function fromZoned(local: string, zone: string): string | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(local)) return null;
  const wanted = Date.parse(`${local}Z`);
  if (Number.isNaN(wanted)) return null;
  try {
    // Offsets of the day before and after cover a change of the clocks between.
    const offsets = [wanted - 86_400_000, wanted + 86_400_000].map((near) => shown(near, zone) - near);
    const tries = offsets.map((offset) => wanted - offset).sort((one, other) => one - other);
    const found = tries.find((instant) => shown(instant, zone) === wanted) ?? wanted - (offsets[0] ?? 0);
    return new Date(found).toISOString().replace(".000Z", "Z");
  } catch {
    return null;
  }
}

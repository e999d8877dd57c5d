import type { Filters } from "../../api";
import { parseMoney } from "../../lib/money";
import { type Month, monthOf, parseMonth, rangeOfMonth } from "../../lib/month";
import { type DayRange, dayToInstant, rangeOf } from "../../lib/time";

/** What somebody looks for, as it stands in the address: it can be kept, shared and gone back to. */
export interface Search {
  q: string;
  category: string;
  city: string;
  days: DayRange | "own";
  /** Days of a calendar, for `own`. */
  from: string;
  to: string;
  currency: string;
  /** As typed, in the currency's major unit. */
  min: string;
  max: string;
  available: boolean;
  sort: string;
  view: "list" | "calendar";
  /** Of the calendar, as `2027-03`; nothing: the present one. */
  month: string;
  /** That is looked at in the calendar, as `2027-03-01`. */
  day: string;
}

export const SORTS = ["starts_at", "-starts_at", "price", "-price", "title"] as const;
const RANGES: readonly string[] = ["any", "today", "weekend", "week", "month", "own"];

export const EMPTY: Search = {
  q: "",
  category: "",
  city: "",
  days: "any",
  from: "",
  to: "",
  currency: "",
  min: "",
  max: "",
  available: false,
  sort: "",
  view: "list",
  month: "",
  day: "",
};

/** Out of an address; what is none of ours there is left out. */
export function read(parameters: URLSearchParams): Search {
  const text = (name: string, most: number) => (parameters.get(name) ?? "").slice(0, most);
  const days = text("days", 10);
  const sort = text("sort", 20);
  const currency = text("currency", 4).toUpperCase();
  return {
    q: text("q", 200),
    category: text("category", 40),
    city: text("city", 100),
    days: RANGES.includes(days) ? (days as Search["days"]) : "any",
    from: text("from", 10),
    to: text("to", 10),
    currency: /^[A-Z]{3}$/.test(currency) ? currency : "",
    min: text("min", 15),
    max: text("max", 15),
    available: parameters.get("available") === "true",
    sort: (SORTS as readonly string[]).includes(sort) ? sort : "",
    view: parameters.get("view") === "calendar" ? "calendar" : "list",
    month: parseMonth(text("month", 8)) ? text("month", 8) : "",
    day: /^\d{4}-\d\d-\d\d$/.test(text("day", 11)) ? text("day", 11) : "",
  };
}

/** For an address: only what was chosen. */
export function write(search: Search): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value !== EMPTY[name as keyof Search]) parameters.set(name, String(value));
  }
  return parameters;
}

/** Whether anything was chosen but how it is shown. */
export function isNarrowed(search: Search): boolean {
  const { view: _view, month: _month, day: _day, ...rest } = search;
  return Object.entries(rest).some(([name, value]) => value !== EMPTY[name as keyof Search]);
}

/** The month that the calendar shows. */
export const shownMonth = (search: Search, now: Date): Month => parseMonth(search.month) ?? monthOf(now);

/** As it is asked for. A calendar has its own days, and their order. Prices count within a currency alone. `now` by the minute, so that asking twice is asking the same. */
export function toFilters(search: Search, now: Date): Filters {
  const minute = new Date(Math.floor(now.getTime() / 60_000) * 60_000);
  const own = search.days === "own";
  const from = own ? dayToInstant(search.from, false) : undefined;
  const to = own ? dayToInstant(search.to, true) : undefined;
  const calendar = search.view === "calendar";
  const range = calendar
    ? rangeOfMonth(shownMonth(search, now))
    : search.days === "own"
      ? { ...(from && { from }), ...(to && { to }) }
      : rangeOf(search.days, minute);
  const price = (text: string) => (search.currency ? parseMoney(text, search.currency) : null);
  const [min, max] = [price(search.min), price(search.max)];
  const byPrice = search.sort.endsWith("price");
  return {
    ...(search.q.trim() && { q: search.q.trim() }),
    ...(search.category && { category: search.category }),
    ...(search.city && { city: search.city }),
    ...range,
    ...(search.currency && { currency: search.currency }),
    ...(min !== null && { min_price: min }),
    ...(max !== null && (min === null || max >= min) && { max_price: max }),
    ...(search.available && { available: true }),
    ...(search.sort && !calendar && (!byPrice || search.currency) && { sort: search.sort }),
  };
}

import type { DayFigures } from "../api/organise";

const DAY = 86_400_000;
/** Bars that can be told apart on a phone. */
const BARS = 31;

export interface Bar {
  /** The first of its days, as the API has it. */
  from: string;
  /** How many days it stands for. */
  days: number;
  value: number;
}

const dayOf = (instant: number) => new Date(instant).toISOString().slice(0, 10);

/** Figures of days as bars over all of the time between, days on which nothing happened included: one for each day, or for as many as it takes. */
export function series(figures: DayFigures[], value: (day: DayFigures) => number, today: string): Bar[] {
  const first = figures[0]?.day;
  if (first === undefined) return [];
  const from = Date.parse(first);
  const until = Math.max(Date.parse(today), Date.parse(figures.at(-1)?.day ?? first));
  const span = Math.round((until - from) / DAY) + 1;
  // Weeks are easier to think in than eight days.
  const days = span <= BARS ? 1 : Math.ceil(span / BARS / 7) * 7;
  const count = Math.ceil(span / days);
  // The last bar ends today: the first one may begin before there was anything.
  const begin = until - (count * days - 1) * DAY;
  const bars = Array.from({ length: count }, (_, index) => ({
    from: dayOf(begin + index * days * DAY),
    days,
    value: 0,
  }));
  for (const day of figures) {
    const bar = bars[Math.floor((Date.parse(day.day) - begin) / DAY / days)];
    if (bar) bar.value += value(day);
  }
  return bars;
}

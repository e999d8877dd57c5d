import { expect, test } from "vitest";
import {
  byDay,
  compareMonths,
  dayOf,
  daysIn,
  firstWeekday,
  localDay,
  monthText,
  parseMonth,
  plusMonths,
  rangeOfMonth,
  weekdays,
  weeksOf,
} from "./month";

test.each(["", "2027", "2027-00", "2027-13", "2027-3", "1999-12", "2200-01", "2027-03-01", "abcd-01"])(
  "%j is no month",
  (text) => {
    expect(parseMonth(text)).toBeNull();
  },
);

test.each([
  ["2027-03", 1, "2027-04"],
  ["2027-12", 1, "2028-01"],
  ["2027-01", -1, "2026-12"],
  ["2027-06", -18, "2025-12"],
  ["2027-06", 0, "2027-06"],
])("%s and %i months is %s", (text, months, expected) => {
  const month = parseMonth(text);
  expect(month && monthText(plusMonths(month, months))).toBe(expected);
});

test("months have an order, and their days", () => {
  expect(compareMonths({ year: 2026, month: 12 }, { year: 2027, month: 1 })).toBe(-1);
  expect([1, 2, 4, 12].map((month) => daysIn({ year: 2027, month }))).toEqual([31, 28, 30, 31]);
  expect([2028, 2100].map((year) => daysIn({ year, month: 2 }))).toEqual([29, 28]);
  expect(dayOf(new Date(2027, 2, 9, 23, 59))).toBe("2027-03-09");
});

test("weeks begin where the language begins them, and have seven days", () => {
  // 1 March 2027 is a Monday.
  const monday = weeksOf({ year: 2027, month: 3 }, 1);
  expect(monday).toHaveLength(5);
  expect(monday[0]?.[0]).toBe("2027-03-01");
  expect(monday[4]).toEqual(["2027-03-29", "2027-03-30", "2027-03-31", null, null, null, null]);
  const sunday = weeksOf({ year: 2027, month: 3 }, 7);
  expect(sunday[0]).toEqual([null, "2027-03-01", "2027-03-02", "2027-03-03", "2027-03-04", "2027-03-05", "2027-03-06"]);
  expect(weeksOf({ year: 2027, month: 3 }, 6)[0]?.slice(0, 3)).toEqual([null, null, "2027-03-01"]);
  // Of four whole weeks there is no empty fifth.
  expect(weeksOf({ year: 2027, month: 2 }, 1)).toHaveLength(4);
  for (const firstDay of [1, 2, 3, 4, 5, 6, 7]) {
    const weeks = weeksOf({ year: 2028, month: 2 }, firstDay);
    expect(weeks.every((week) => week.length === 7)).toBe(true);
    expect(weeks.flat().filter((day) => day !== null)).toHaveLength(29);
  }
  expect(weekdays(7)).toEqual([
    "2024-01-07",
    "2024-01-01",
    "2024-01-02",
    "2024-01-03",
    "2024-01-04",
    "2024-01-05",
    "2024-01-06",
  ]);
  expect([firstWeekday("de"), firstWeekday("en-GB"), firstWeekday("en-US")]).toEqual([1, 1, 7]);
});

test("an event is on the day that it is where it happens", () => {
  expect(localDay("2027-03-01T19:00:00Z", "Asia/Colombo")).toBe("2027-03-02");
  expect(localDay("2027-03-01T03:00:00Z", "America/New_York")).toBe("2027-02-28");
  expect(localDay("2027-03-01T03:00:00Z", "Mars/Olympus")).toBe("2027-03-01");
  // Around the night in which the clocks are put forward.
  expect(localDay("2027-03-28T21:59:00Z", "Europe/Berlin")).toBe("2027-03-28");
  expect(localDay("2027-03-28T22:00:00Z", "Europe/Berlin")).toBe("2027-03-29");
});

test("a month is asked for wherever it may be already, or still", () => {
  const march = { year: 2027, month: 3 };
  const { from, to } = rangeOfMonth(march);
  expect([from, to]).toEqual(["2027-02-28T10:00:00.000Z", "2027-04-01T12:00:00.000Z"]);
  const at = (starts_at: string, timezone: string) => ({ starts_at, timezone });
  const first = at("2027-02-28T10:00:00Z", "Pacific/Kiritimati");
  const last = at("2027-04-01T10:59:00Z", "Pacific/Pago_Pago");
  const before = at("2027-02-28T12:00:00Z", "UTC");
  const late = at("2027-03-05T21:00:00Z", "Europe/Berlin");
  const early = at("2027-03-05T08:00:00Z", "Europe/Berlin");
  expect([...byDay([last, late, before, first, early], march)]).toEqual([
    ["2027-03-01", [first]],
    ["2027-03-05", [early, late]],
    ["2027-03-31", [last]],
  ]);
});

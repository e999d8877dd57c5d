import { expect, test } from "vitest";
import type { DayFigures } from "../api/organise";
import { series } from "./series";

const day = (date: string, tickets: number) => ({ day: date, tickets }) as DayFigures;
const tickets = (figures: DayFigures) => figures.tickets;

test("days without anything are bars of nothing, up to today", () => {
  expect(series([day("2027-02-27", 3), day("2027-03-01", 2)], tickets, "2027-03-02")).toEqual([
    { from: "2027-02-27", days: 1, value: 3 },
    { from: "2027-02-28", days: 1, value: 0 },
    { from: "2027-03-01", days: 1, value: 2 },
    { from: "2027-03-02", days: 1, value: 0 },
  ]);
  expect(series([], tickets, "2027-03-02")).toEqual([]);
});

test("a long time is shown in weeks, which end today, and loses nothing", () => {
  const bars = series([day("2027-01-01", 5), day("2027-03-01", 1), day("2027-04-10", 2)], tickets, "2027-04-10");
  expect(bars.every((bar) => bar.days === 7)).toBe(true);
  expect(bars.at(-1)).toEqual({ from: "2027-04-04", days: 7, value: 2 });
  expect(bars.reduce((sum, bar) => sum + bar.value, 0)).toBe(8);
  expect(series([day("2025-01-01", 5)], tickets, "2027-04-10").length).toBeLessThanOrEqual(31);
});

import { expect, test } from "vitest";
import { differs, formatSpan, formatWhen, rangeOf, stub } from "./time";

const start = "2027-03-01T19:00:00Z";

test("an event is shown by the clocks of its venue", () => {
  expect(formatWhen(start, "en", "Asia/Colombo")).toContain("12:30");
  expect(stub(start, "en", "Asia/Colombo")).toEqual({ day: "2", month: "Mar" });
  expect(stub(start, "de", "Europe/Lisbon")).toEqual({ day: "1", month: "Mär" });
});

test("a zone that is not known is no reason to show nothing", () => {
  expect(formatWhen(start, "en", "Mars/Olympus")).toContain("7:00");
  expect(formatSpan(start, start, "en", "Mars/Olympus")).toContain("7:00");
});

test("the end of the same day is a time alone", () => {
  expect(formatSpan(start, "2027-03-01T22:00:00Z", "en", "UTC")).toMatch(/7:00\s–\s10:00/);
});

test("zones differ where their clocks do", () => {
  expect(differs(start, "Europe/Berlin", "Europe/Vienna")).toBe(false);
  expect(differs(start, "Europe/Berlin", "Europe/London")).toBe(true);
});

// Days are those of the calendar here, whatever the zone is that the test runs in.
const local = (day: number, hour = 12) => new Date(2027, 2, day, hour);
test.each([
  ["any", local(1), {}],
  ["today", local(1), { from: local(1).toISOString(), to: local(2, 0).toISOString() }],
  // A Monday, and the Sunday after it.
  ["weekend", local(1), { from: local(6, 0).toISOString(), to: local(8, 0).toISOString() }],
  ["weekend", local(7), { from: local(7).toISOString(), to: local(8, 0).toISOString() }],
  ["week", local(1), { from: local(1).toISOString(), to: local(8, 0).toISOString() }],
] as const)("%s at %s", (range, now, expected) => {
  expect(rangeOf(range, now)).toEqual(expected);
});

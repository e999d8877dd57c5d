import { expect, test } from "vitest";
import { fromZoned, toZoned } from "./zoned";

test.each([
  ["2027-03-01T19:30", "Asia/Colombo", "2027-03-01T14:00:00Z"],
  ["2027-07-01T00:15", "Europe/Berlin", "2027-06-30T22:15:00Z"],
  ["2027-01-01T12:00", "America/New_York", "2027-01-01T17:00:00Z"],
  ["2027-01-01T00:00", "UTC", "2027-01-01T00:00:00Z"],
])("%s in %s is %s, and the other way", (local, zone, instant) => {
  expect(fromZoned(local, zone)).toBe(instant);
  expect(toZoned(instant, zone)).toBe(local);
});

test("an hour that comes twice is the first, and one that is skipped goes on behind", () => {
  expect(fromZoned("2027-10-31T02:30", "Europe/Berlin")).toBe("2027-10-31T00:30:00Z");
  expect(fromZoned("2027-03-28T02:30", "Europe/Berlin")).toBe("2027-03-28T01:30:00Z");
  expect(fromZoned("2027-11-07T01:30", "America/New_York")).toBe("2027-11-07T05:30:00Z");
});

test("what is no time, or nowhere, is nothing", () => {
  expect(fromZoned("tomorrow", "UTC")).toBeNull();
  expect(fromZoned("2027-99-01T19:30", "UTC")).toBeNull();
  expect(fromZoned("2027-03-01T19:30", "Mars/Olympus")).toBeNull();
  expect(toZoned("2027-03-01T19:30:00Z", "Mars/Olympus")).toBe("");
});

import { expect, test } from "vitest";
import { announcement, minutesAndSeconds, remaining, ServerClock } from "./clock";

const at = (seconds: number) => new Date(seconds * 1000).toUTCString();

test("answers bound the difference of the clocks, each from both sides", () => {
  const clock = new ServerClock();
  // The server is 5 s ahead, and cuts its seconds off.
  clock.learn(at(1005), 1000_100, 1000_200);
  expect(clock.ahead).toBeGreaterThan(4_500);
  expect(clock.ahead).toBeLessThan(5_500);
  clock.learn(at(1005), 1000_900, 1000_950);
  clock.learn(at(1006), 1001_010, 1001_040);
  expect(Math.abs(clock.ahead - 5_000)).toBeLessThan(100);
});

test("a clock that was set begins anew, and nonsense teaches nothing", () => {
  const clock = new ServerClock();
  clock.learn(at(1000), 1000_000, 1000_100);
  clock.learn("yesterday", 0, 0);
  clock.learn(null, 0, 0);
  clock.learn(at(5000), 1000_000, 1000_100);
  expect(clock.now(1000_000)).toBeGreaterThan(4_999_000);
});

test("more than was given is never left of a hold", () => {
  const hold = { createdAt: "2027-01-01T00:00:00Z", expiresAt: "2027-01-01T00:10:00Z" };
  const begin = Date.parse(hold.createdAt);
  expect(remaining(hold, begin - 60_000)).toBe(600_000);
  expect(remaining(hold, begin + 30_000)).toBe(570_000);
  expect(remaining(hold, begin + 700_000)).toBe(0);
  expect(minutesAndSeconds(600_000)).toBe("10:00");
  expect(minutesAndSeconds(59_001)).toBe("1:00");
  expect(minutesAndSeconds(5_000)).toBe("0:05");
});

test.each([
  [600_000, null],
  [300_000, 5],
  [299_000, 5],
  [120_000, 2],
  [60_000, 1],
  [1, 1],
  [0, 0],
])("with %i ms left it is said: %s", (left, minutes) => {
  expect(announcement(left)).toBe(minutes);
});

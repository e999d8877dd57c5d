import { expect, test } from "vitest";
import { coverOf } from "./cover";

test("a cover is the event's own and stays it", () => {
  expect(coverOf("eu_1", "music")).toEqual(coverOf("eu_1", "music"));
  expect(coverOf("eu_1", "music")).not.toEqual(coverOf("eu_2", "music"));
  expect(coverOf("eu_1", "music").pattern).toBe(coverOf("eu_2", "music").pattern);
});

test("a category that nobody knows has a cover as well", () => {
  const cover = coverOf("eu_1", "underwater-chess");
  expect(cover.hue).toBeGreaterThanOrEqual(0);
  expect(cover.hue).toBeLessThan(360);
});

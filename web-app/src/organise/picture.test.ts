import { expect, test } from "vitest";
import { judge, prepare, shrunk } from "./picture";

const MIB = 1024 * 1024;

test.each([
  ["image/jpeg", MIB, 1280, 720, "fits"],
  ["image/webp", 10, 4000, 1000, "fits"],
  ["image/jpeg", MIB + 1, 1280, 720, "shrink"],
  ["image/png", 10, 4000, 3000, "shrink"],
  ["image/gif", 10, 100, 100, "kind"],
  ["", 10, 100, 100, "kind"],
  ["image/png", 41 * MIB, 100, 100, "size"],
  ["image/png", 10, 401, 100, "ratio"],
  ["image/png", 10, 100, 401, "ratio"],
])("%s of %i bytes with %i by %i pixels: %s", (type, size, width, height, verdict) => {
  expect(judge({ type, size }, { width, height })).toBe(verdict);
});

test("what is made smaller keeps its form", () => {
  expect(shrunk({ width: 6000, height: 4000 })).toEqual({ width: 2560, height: 1707 });
  expect(shrunk({ width: 1000, height: 3000 })).toEqual({ width: 853, height: 2560 });
  expect(shrunk({ width: 800, height: 600 })).toEqual({ width: 800, height: 600 });
  expect(shrunk({ width: 4000, height: 1000 }, 1024)).toEqual({ width: 1024, height: 256 });
});

test("what is no picture is told before anything is sent", async () => {
  expect(await prepare(new File(["text"], "notes.txt", { type: "text/plain" }), "image")).toBe("kind");
  expect(await prepare(new File(["not really"], "a.png", { type: "image/png" }), "logo")).toBe("broken");
});

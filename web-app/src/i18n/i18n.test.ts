import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { choose, LANGUAGES } from "./languages";
import { isProblemType, PROBLEMS } from "./problems";

test.each([
  [["de-CH", "en"], "de"],
  [["fr", "ar-EG"], "ar"],
  [["SI"], "si"],
  [["fr"], "en"],
  [[], "en"],
])("of %o it is %s", (tags, language) => {
  expect(choose(tags)).toBe(language);
});

test("each language has a catalog, and each catalog a language", () => {
  const catalogs = readdirSync(join(import.meta.dirname, "../locales")).map((file) => file.replace(".po", ""));
  expect(catalogs.sort()).toEqual(Object.keys(LANGUAGES).sort());
});

test("placeholders and links are the same in every language", () => {
  const marks = (text: string) => [...text.matchAll(/\{\w+[,}]|<\/?\d>/g)].map(([mark]) => mark).sort();
  for (const language of Object.keys(LANGUAGES)) {
    const catalog = readFileSync(join(import.meta.dirname, `../locales/${language}.po`), "utf8");
    for (const [, source, translation] of catalog.matchAll(/^msgid "(.+)"\nmsgstr "(.*)"$/gm)) {
      expect(marks(translation ?? ""), `${language}: ${source}`).toEqual(marks(source ?? ""));
    }
  }
});

test("only types that there are have a text", () => {
  expect(Object.keys(PROBLEMS).length).toBeGreaterThan(40);
  expect(isProblemType("/problems/sold-out")).toBe(true);
  expect(isProblemType("toString")).toBe(false);
});

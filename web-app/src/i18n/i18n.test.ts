import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { LATER } from "../../lingui.config";
import { choose, LANGUAGES } from "./languages";
import { isProblemType, PROBLEMS } from "./problems";

const SOURCES = join(import.meta.dirname, "..");

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
  const catalogs = readdirSync(join(SOURCES, "locales")).map((file) => file.replace(".po", ""));
  expect(catalogs.sort()).toEqual(Object.keys(LANGUAGES).sort());
});

test.each(["locales", "pages/locales", "pages/organise/locales", "pages/admin/locales"])(
  "placeholders and links are the same in every language: %s",
  (folder) => {
    const marks = (text: string) => [...text.matchAll(/\{\w+[,}]|<\/?\d>/g)].map(([mark]) => mark).sort();
    for (const language of Object.keys(LANGUAGES)) {
      const catalog = readFileSync(join(SOURCES, folder, `${language}.po`), "utf8");
      for (const [, source, translation] of catalog.matchAll(/^msgid "(.+)"\nmsgstr "(.*)"$/gm)) {
        expect(marks(translation ?? ""), `${language}: ${source}`).toEqual(marks(source ?? ""));
      }
    }
  },
);

test("what comes with the first page draws nothing whose texts come later", () => {
  const isLater = (path: string) =>
    [...LATER, "pages/organise", "pages/admin"].some((part) => path.startsWith(`${part}/`));
  const found: string[] = [];
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
  const drawing = new Set(files.filter((file) => readFileSync(join(SOURCES, file), "utf8").includes("@lingui/")));
  for (const file of files.filter((each) => !isLater(each) && !each.includes(".test."))) {
    for (const [, from] of readFileSync(join(SOURCES, file), "utf8").matchAll(/ from "(\..+)";$/gm)) {
      const path = relative(SOURCES, join(SOURCES, dirname(file), from ?? ""));
      if (isLater(path) && [".ts", ".tsx"].some((ending) => drawing.has(path + ending))) found.push(`${file}: ${path}`);
    }
  }
  expect(found).toEqual([]);
});

test("only types that there are have a text", () => {
  expect(Object.keys(PROBLEMS).length).toBeGreaterThan(40);
  expect(isProblemType("/problems/sold-out")).toBe(true);
  expect(isProblemType("toString")).toBe(false);
});

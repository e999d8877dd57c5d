import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { accentOf, accentTokens, contrast, GROUNDS, hueOf, ON_ACCENT, parseColour } from "./accent";

const tokens = readFileSync(join(import.meta.dirname, "../styles/tokens.css"), "utf8");
const token = (name: string) => {
  const [, light, dark] = new RegExp(`--${name}: light-dark\\((#[0-9a-f]+), (#[0-9a-f]+)\\)`).exec(tokens) ?? [];
  return { light: light ?? "", dark: dark ?? "" };
};

test("the grounds are those of the page", () => {
  const grounds = ["paper", "card", "sunken"].map(token);
  expect(grounds.map(({ light }) => light)).toEqual([...GROUNDS.light]);
  expect(grounds.map(({ dark }) => dark)).toEqual([...GROUNDS.dark]);
});

test("contrast is that of WCAG", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
  expect(contrast("#ffffff", "#ffffff")).toBe(1);
});

// The corners of the colours, greys, and some between.
const parts = ["00", "40", "80", "c0", "ff"];
const colours = parts.flatMap((red) => parts.flatMap((green) => parts.map((blue) => `#${red}${green}${blue}`)));

test("whatever the colour is, it can be read in both themes, and so can what stands on it", () => {
  const { light: inkLight, dark: inkDark } = token("ink");
  for (const colour of colours) {
    const found = accentOf(colour);
    for (const [theme, ink] of [
      ["light", inkLight],
      ["dark", inkDark],
    ] as const) {
      const { accent, strong, soft, on } = found?.[theme] ?? { accent: "", strong: "", soft: "", on: "" };
      const pairs = [
        ...[...GROUNDS[theme], soft].flatMap((ground) => [
          [accent, ground],
          [strong, ground],
        ]),
        [on, accent],
        [on, strong],
        [ink, soft],
      ];
      for (const [text = "", ground = ""] of pairs)
        expect(contrast(text, ground), `${colour}, ${theme}: ${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      expect(on).toBe(ON_ACCENT[theme]);
    }
  }
});

test("a colour that can be read is left as it is", () => {
  expect(accentOf("#0b6e4f")?.light.accent).toBe("#0b6e4f");
  expect(accentOf("#7fd6b0")?.dark.accent).toBe("#7fd6b0");
});

test("what is no colour changes nothing", () => {
  for (const text of ["", "red", "#fff", "#12345g", "#1234567", "url(x)", "#0b6e4f;--x:1"]) {
    expect(parseColour(text)).toBeNull();
    expect(accentTokens(text)).toBeUndefined();
  }
  expect(accentTokens(undefined)).toBeUndefined();
  expect(Object.keys(accentTokens("#0B6E4F") ?? {})).toEqual([
    "--accent",
    "--accent-strong",
    "--accent-soft",
    "--on-accent",
  ]);
});

test("hues go around, and greys have none", () => {
  expect([hueOf("#ff0000"), hueOf("#00ff00"), hueOf("#0000ff")]).toEqual([29, 142, 264]);
  expect([hueOf("#808080"), hueOf("#000000"), hueOf("none")]).toEqual([null, null, null]);
});

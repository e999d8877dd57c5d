import { expect, test } from "vitest";
import { formatMoney, minorDigits, parseMoney } from "./money";

test.each([
  [{ amount: 4500, currency: "EUR" }, "en", false, "€45.00"],
  [{ amount: 4500, currency: "EUR" }, "en", true, "€45"],
  [{ amount: 4550, currency: "EUR" }, "en", true, "€45.50"],
  [{ amount: 4500, currency: "JPY" }, "en", false, "¥4,500"],
  [{ amount: 4500, currency: "KWD" }, "en", false, "KWD 4.500"],
])("%o in %s is %s", (money, language, short, text) => {
  expect(formatMoney(money, language, short).replaceAll("\u00a0", " ")).toBe(text);
});

test("German writes the sign behind", () => {
  expect(formatMoney({ amount: 123456, currency: "EUR" }, "de").replaceAll("\u00a0", " ")).toBe("1.234,56 €");
});

test.each([
  ["20", "EUR", 2000],
  ["12.5", "EUR", 1250],
  ["12,50", "EUR", 1250],
  [" 7 ", "JPY", 7],
  ["1.234", "KWD", 1234],
  ["", "EUR", null],
  ["-1", "EUR", null],
  ["1e3", "EUR", null],
  ["12.3456", "EUR", null],
])("%s %s is %s minor units", (text, currency, amount) => {
  expect(parseMoney(text, currency)).toBe(amount);
});

test("a currency that nobody knows has two digits", () => {
  expect(minorDigits("XX")).toBe(2);
});

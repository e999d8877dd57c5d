import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { Countdown } from "./Countdown";

const shown = (left: number) => (
  <I18nProvider i18n={i18n}>
    <Countdown left={left} />
  </I18nProvider>
);

test("what is left is said at 5, 2, 1 and 0 minutes, and at no other time", () => {
  const { rerender } = render(shown(600_000));
  const said = () => (screen.queryByRole("status") ?? screen.getByRole("alert")).textContent;
  const heard: (string | null)[] = [said()];
  for (let left = 599_000; left >= 0; left -= 1000) {
    rerender(shown(left));
    if (said() !== heard.at(-1)) heard.push(said());
  }
  expect(heard).toEqual([
    "",
    "Your tickets are held for 5 more minutes.",
    "Your tickets are held for 2 more minutes.",
    "Your tickets are held for 1 more minute.",
    "The hold has expired.",
  ]);
});

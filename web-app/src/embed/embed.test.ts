import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Availability, Event } from "../api";
import { LANGUAGES, type Language } from "../i18n/languages";
import { PROPERTIES } from "../pages/organise/Embed";
import { Card } from "./card";
import { isDone, wait } from "./source";
import { STYLE } from "./style";
import { counted, languageOf, WORDS } from "./words";

const ORIGIN = "https://tickets.example";
const event = (changes: Partial<Event> = {}): Event => ({
  id: "eu_e",
  organiser_id: "eu_o",
  status: "published",
  revision: 1,
  title: "Night of Strings",
  description: "",
  category: "music",
  venue: { name: "Blue Hall", city: "Colombo", country: "LK" },
  starts_at: "2027-03-01T13:30:00Z",
  ends_at: "2027-03-01T16:30:00Z",
  timezone: "Asia/Colombo",
  currency: "EUR",
  region: "eu",
  ticket_types: [
    { id: "eu_a", name: "Standard", price: 4500, capacity: 100, per_person_limit: 6 },
    { id: "eu_b", name: "Balcony", price: 0, capacity: 10, per_person_limit: 2 },
  ],
  ...changes,
});
const left = (...lines: [id: string, available: number, on_sale: boolean][]): Availability => ({
  event_id: "eu_e",
  version: 1,
  as_of: "2027-01-01T00:00:00Z",
  ticket_types: lines.map(([id, available, on_sale]) => ({ id, capacity: 100, available, on_sale })),
});
const drawn = (language: Language = "en", changes: Partial<Event> = {}) => {
  const card = new Card(ORIGIN, language, 2);
  card.showEvent(event(changes));
  document.body.replaceChildren(card.element);
  return card;
};
const button = (name: string) =>
  [...document.querySelectorAll("button")].find(
    (each) => each.getAttribute("aria-label") === name,
  ) as HTMLButtonElement;
const go = () => document.querySelector(".go") as HTMLElement;

beforeEach(() => vi.useFakeTimers({ now: new Date("2027-01-01T00:00:00Z"), toFake: ["Date"] }));
afterEach(() => vi.useRealTimers());

describe("a card", () => {
  test("leads to the checkout with what was chosen", () => {
    const card = drawn();
    card.showLeft(left(["eu_a", 58, true], ["eu_b", 3, true]));
    expect(document.body.textContent).toContain("58 left");
    expect(document.body.textContent).toContain("Only 3 left");
    expect((go() as HTMLButtonElement).disabled).toBe(true);
    button("One more: Standard").click();
    button("One more: Standard").click();
    button("One more: Balcony").click();
    expect(go().textContent).toBe("Continue: €90.00");
    expect(go().getAttribute("href")).toBe(`${ORIGIN}/checkout/eu_e?ticket=eu_a.2&ticket=eu_b.1`);
    button("One fewer: Standard").click();
    button("One fewer: Standard").click();
    expect(go().textContent).toBe("Continue");
  });

  test("offers no more than a person may have, and than there is", () => {
    const card = drawn();
    button("One more: Balcony").click();
    button("One more: Balcony").click();
    expect(button("One more: Balcony").disabled).toBe(true);
    card.showLeft(left(["eu_a", 58, true], ["eu_b", 1, true]));
    expect(document.querySelector("[role=status]")?.textContent).toBe("Some of what you chose is gone.");
    expect(go().getAttribute("href")).toContain("ticket=eu_b.1");
  });

  test("says why nothing can be bought", () => {
    drawn().showLeft(left(["eu_a", 0, true], ["eu_b", 0, true]));
    expect(go().textContent).toBe("Sold out");
    const soon = event().ticket_types.map((type) => ({ ...type, sales_from: "2027-02-01T04:30:00Z" }));
    drawn("en", { ticket_types: soon }).showLeft(left(["eu_a", 9, false], ["eu_b", 9, false]));
    expect(go().textContent).toBe("Not on sale now");
    expect(document.querySelector(".left")?.textContent).toMatch(/^On sale from Mon, February 1, 2027.*10:00/);
    drawn("en", { status: "cancelled" });
    expect(document.body.textContent).toContain("This event was cancelled");
    expect(document.querySelector(".go, fieldset")).toBeNull();
    drawn("en", { ends_at: "2026-12-31T00:00:00Z" });
    expect(document.body.textContent).toContain("This event is over");
  });

  test("shows what organisers write as text", () => {
    const evil = "<img src=x onerror=alert(1)>";
    drawn("en", { title: evil, venue: { name: evil, city: evil, country: "LK" } });
    expect(document.querySelector("img")).toBeNull();
    expect(document.querySelector("[role=heading]")?.textContent).toBe(evil);
    expect(document.querySelector("[style], script")).toBeNull();
  });

  test("has the event's colour, unless the page has one", () => {
    const card = drawn("en", { accent: "#0b6e4f" });
    expect(card.element.style.getPropertyValue("--own")).toMatch(/^light-dark\(#0b6e4f, #[0-9a-f]{6}\)$/);
    card.showEvent(event({ revision: 2 }));
    expect(card.element.style.getPropertyValue("--own")).toBe("");
    expect(STYLE).toContain("var(--marquee-accent, var(--own,");
  });

  test("keeps what was chosen while what is left is not known", () => {
    const card = drawn();
    card.showLeft(left(["eu_a", 58, true], ["eu_b", 3, true]));
    button("One more: Standard").click();
    card.showUnknown();
    expect(document.querySelector("[role=status]")?.textContent).toBe("What is left is not known just now.");
    expect(go().getAttribute("href")).toContain("eu_a.1");
    card.showEvent(event());
    expect(go().getAttribute("href")).toContain("eu_a.1");
  });

  test.each(Object.entries(LANGUAGES))("is whole in %s", (tag, { direction }) => {
    const card = drawn(tag as Language);
    card.showLeft(left(["eu_a", 2, true], ["eu_b", 0, true]));
    expect(card.element.dir).toBe(direction);
    expect(document.body.textContent).toContain(WORDS[tag as Language].soldOut);
    expect(document.body.textContent).not.toMatch(/undefined|#/);
  });
});

test("numbers have the form that the language wants", () => {
  expect(counted(WORDS.ar.left, 2, "ar")).toBe("بقيت تذكرتان");
  expect(counted(WORDS.en.few, 1, "en")).toBe("Only 1 left");
});

test("the language is the element's, or that of what it stands in", () => {
  document.body.replaceChildren();
  document.documentElement.lang = "de-CH";
  const [outer, element] = [document.createElement("div"), document.createElement("div")];
  document.body.append(outer);
  outer.attachShadow({ mode: "open" }).append(element);
  expect(languageOf(element)).toBe("de");
  outer.lang = "ar";
  expect(languageOf(element)).toBe("ar");
  element.lang = "fr";
  expect(languageOf(element)).toBe("en");
  document.documentElement.lang = "en";
});

test("it is asked ever more seldom where nobody answers, and seldom where nobody looks", () => {
  expect([0, 1, 2, 3, 4, 20].map((failures) => wait(failures, false))).toEqual([
    5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
  ]);
  expect(wait(0, true)).toBe(60_000);
  expect(isDone(event(), Date.parse("2027-03-01T16:30:00Z"))).toBe(true);
  expect(isDone(event(), Date.parse("2027-03-01T16:29:59Z"))).toBe(false);
});

test("the page for organisers names every property that there is", () => {
  const used = new Set([...STYLE.matchAll(/--marquee-[a-z-]+/g)].map(([name]) => name));
  expect([...PROPERTIES].sort()).toEqual([...used].sort());
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OwnEvent } from "../api/organise";
import { COUNTRIES, CURRENCIES } from "./codes";
import {
  amountOf,
  amountText,
  blankForm,
  blankQuestion,
  blankTicket,
  changeOf,
  type EventForm,
  faultsOf,
  formOf,
  newEventOf,
} from "./form";

const event = {
  id: "eu_e",
  organiser_id: "eu_o",
  status: "published",
  revision: 3,
  title: "Night of Strings",
  description: "Four quartets.",
  category: "music",
  venue: { name: "Blue Hall", city: "Colombo", country: "LK" },
  starts_at: "2999-03-01T13:30:00Z",
  ends_at: "2999-03-01T16:30:00Z",
  timezone: "Asia/Colombo",
  currency: "EUR",
  region: "eu",
  ticket_types: [{ id: "eu_t", name: "Standard", price: 4500, capacity: 100, per_person_limit: 6 }],
  created_at: "2026-01-01T00:00:00Z",
  reminder_hours: 24,
} as OwnEvent;
const now = Date.parse("2998-01-01T00:00:00Z");
const form = formOf(event);

test("times stand by the venue's clocks, and money as people write it", () => {
  expect(form.start).toBe("2999-03-01T19:00");
  expect(form.tickets[0]?.price).toBe("45.00");
  expect(amountText(1500, "JPY")).toBe("1500");
  expect([amountOf("12,5", "EUR"), amountOf("0", "EUR")]).toEqual([1250, 0]);
  expect([amountOf("12.5", "JPY"), amountOf("1.234", "EUR"), amountOf("cheap", "EUR")]).toEqual([null, null, null]);
});

test("only what was changed is sent", () => {
  expect(changeOf(form, event)).toEqual({});
  expect(changeOf({ ...form, title: "Night of Brass " }, event)).toEqual({ title: "Night of Brass" });
  const other = changeOf({ ...form, zone: "Europe/Berlin" }, event);
  expect(other).toMatchObject({ timezone: "Europe/Berlin", starts_at: "2999-03-01T18:00:00Z" });
  expect(changeOf({ ...form, accent: "#0b6e4f" }, event)).toEqual({ accent: "#0b6e4f" });
  const green = { ...event, accent: "#0b6e4f" };
  expect(changeOf({ ...formOf(green), accent: "" }, green)).toEqual({ accent: null });
  const more = changeOf(
    { ...form, tickets: [...form.tickets, { ...blankTicket(), name: "Box", price: "90", capacity: "8" }] },
    event,
  );
  expect(more.ticket_types).toMatchObject([
    { id: "eu_t" },
    { name: "Box", price: 9000, capacity: 8, sales_from: null },
  ]);
  expect(more.ticket_types?.[1]).not.toHaveProperty("id");
  expect(changeOf({ ...form, refunds: true, refundUntil: "2999-02-01T00:00" }, event)).toEqual({
    refund_until: "2999-01-31T18:30:00Z",
  });
});

test("a new event that is filled in has no faults", () => {
  const filled: EventForm = {
    ...blankForm(event),
    title: "Night of Brass",
    start: "2999-04-01T19:00",
    end: "2999-04-01T22:00",
    tickets: [{ ...blankTicket(), name: "Standard", price: "45", capacity: "100" }],
    questions: [{ ...blankQuestion(), label: "Which meal?", kind: "choice", choices: "Fish\n Rice \n\n" }],
  };
  expect(faultsOf(filled, now)).toEqual({});
  expect(newEventOf(filled, "eu_o")).toMatchObject({
    organiser_id: "eu_o",
    venue: { country: "LK" },
    refund_until: null,
    questions: [{ choices: ["Fish", "Rice"], help: null }],
  });
});

test("what is missing or wrong stands at the field that the API would name", () => {
  const empty = faultsOf({ ...blankForm(), country: "" }, now);
  for (const field of ["/title", "/venue/name", "/venue/country", "/starts_at", "/ticket_types/0/price"])
    expect(empty[field]).toEqual({ is: "missing" });
  const wrong = faultsOf(
    {
      ...form,
      start: "2000-01-01T10:00",
      end: "2000-01-01T09:00",
      refunds: true,
      refundUntil: "2000-01-02T00:00",
      tickets: [
        {
          ...blankTicket(),
          name: "A",
          price: "4,555",
          capacity: "0",
          limit: "x",
          from: "2999-02-02T00:00",
          until: "2999-02-01T00:00",
        },
      ],
      questions: [
        { ...blankQuestion(), label: "?", kind: "choices", choices: "One\nOne" },
        { ...blankQuestion(), label: "?", kind: "choice" },
      ],
    },
    now,
    form,
  );
  expect(Object.fromEntries(Object.entries(wrong).map(([at, fault]) => [at, fault.is]))).toEqual({
    "/starts_at": "past",
    "/ends_at": "before-start",
    "/refund_until": "after-end",
    "/ticket_types/0/price": "no-amount",
    "/ticket_types/0/capacity": "number",
    "/ticket_types/0/per_person_limit": "number",
    "/ticket_types/0/sales_until": "before-from",
    "/questions/0/choices": "twice",
    "/questions/1/choices": "no-choice",
  });
});

test("an event that has begun can still have its text changed", () => {
  expect(faultsOf({ ...form, title: "Still on" }, Date.parse("3001-01-01T00:00:00Z"), form)).toEqual({});
});

test("codes are those of the API", () => {
  const { schemas } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../../components/web/openapi.json"), "utf8"),
  ).components;
  expect(COUNTRIES).toEqual(schemas.Country.enum);
  expect(CURRENCIES).toEqual(schemas.CurrencyInCirculation.enum);
});

import { expect, test } from "vitest";
import type { TicketType } from "../api";
import { checkoutPath, handedOver } from "./handoff";

const type = (id: string, limit: number): TicketType => ({
  id,
  name: id,
  price: 1000,
  capacity: 50,
  per_person_limit: limit,
});
const event = { ticket_types: [type("eu_a", 4), type("eu_b", 1000)] };
const of = (query: string) => handedOver(new URLSearchParams(query), event);

test("what was chosen elsewhere arrives", () => {
  const items = [
    { ticket_type_id: "eu_a", quantity: 2 },
    { ticket_type_id: "eu_b", quantity: 1 },
  ];
  const path = checkoutPath("eu_e", items);
  expect(path).toBe("/checkout/eu_e?ticket=eu_a.2&ticket=eu_b.1");
  expect(handedOver(new URL(path, "https://tickets.example").searchParams, event)).toEqual({ items, whole: true });
  expect(checkoutPath("eu_e", [])).toBe("/checkout/eu_e");
});

test("an address that asks for nothing changes nothing", () => {
  expect(of("")).toBeNull();
  expect(of("utm_source=mail")).toBeNull();
});

test.each([
  ["ticket=eu_a.5", [["eu_a", 4]]],
  ["ticket=eu_b.101", [["eu_b", 100]]],
  ["ticket=eu_c.1&ticket=eu_a.1", [["eu_a", 1]]],
  ["ticket=eu_a.1&ticket=eu_a.3", [["eu_a", 1]]],
  ["ticket=eu_a.0", []],
  ["ticket=eu_a.-1", []],
  ["ticket=eu_a.1e3", []],
  ["ticket=eu_a.99999", []],
  ["ticket=eu_a", []],
  ["ticket=%3Cscript%3E.1", []],
])("of %s only what can be bought is taken, and that it is not all is known", (query, taken) => {
  expect(of(query)).toEqual({
    items: taken.map(([id, quantity]) => ({ ticket_type_id: id, quantity })),
    whole: false,
  });
});

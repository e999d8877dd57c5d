import { expect, test } from "vitest";
import type { Event, Ticket } from "../api";
import { keptOf } from "./keep";

const event = {
  id: "eu_e",
  title: "Night of Strings",
  status: "published",
  category: "music",
  starts_at: "2027-03-01T19:00:00Z",
  ends_at: "2027-03-01T22:00:00Z",
  timezone: "Asia/Colombo",
  venue: { name: "Blue Hall", city: "Colombo", country: "LK" },
  ticket_types: [{ id: "eu_t", name: "Standard" }],
} as unknown as Event;
const ticket = (number: number, code: string | null): Ticket => ({
  number,
  code,
  ticket_type_id: "eu_t",
  name: null,
  state: "valid",
  admitted_at: null,
  transferred: false,
  offered_to: null,
});
const order = { id: "eu_b", status: "confirmed" } as const;
const NOW = Date.parse("2027-03-01T12:00:00Z");

test("of an order what can be shown at the door is kept, until a while after the event", () => {
  const kept = keptOf(order, event, [ticket(1, "A"), ticket(2, null)], NOW);
  expect(kept?.tickets).toEqual([{ number: 1, code: "A", type: "Standard", name: null }]);
  expect(keptOf(order, event, [ticket(2, null)], NOW)).toBeNull();
  expect(keptOf({ ...order, status: "cancelled" }, event, [ticket(1, "A")], NOW)).toBeNull();
  expect(keptOf(order, { ...event, status: "cancelled" }, [ticket(1, "A")], NOW)).toBeNull();
  expect(keptOf(order, event, [ticket(1, "A")], NOW + 4 * 86_400_000)).toBeNull();
});

import type { Event, Selection } from "../api";

/** As many of one type as the API takes at once. */
export const MOST = 100;

/** In the address, once for each ticket type: its id, a point, how many. */
const NAME = "ticket";

/** Where the checkout of an event begins with these tickets, from the root of the platform's address. */
export function checkoutPath(event: string, items: readonly Selection[]): string {
  const chosen = items.map((item) => [NAME, `${item.ticket_type_id}.${item.quantity}`]);
  const query = new URLSearchParams(chosen).toString();
  return `/checkout/${encodeURIComponent(event)}${query && `?${query}`}`;
}

export interface Handoff {
  items: Selection[];
  /** Whether that is all that the address asks for: anybody can write an address. */
  whole: boolean;
}

/** The tickets that an address asks for, as far as this event has them; nothing where it asks for none. */
export function handedOver(parameters: URLSearchParams, event: Pick<Event, "ticket_types">): Handoff | null {
  const asked = parameters.getAll(NAME);
  if (asked.length === 0) return null;
  const found = new Map<string, number>();
  let whole = true;
  for (const text of asked) {
    const [, id, digits] = /^([a-z0-9_]{1,64})\.([1-9]\d{0,3})$/.exec(text) ?? [];
    const type = event.ticket_types.find((each) => each.id === id);
    if (!type || found.has(type.id)) {
      whole = false;
      continue;
    }
    const quantity = Math.min(Number(digits), type.per_person_limit, MOST);
    if (quantity !== Number(digits)) whole = false;
    found.set(type.id, quantity);
  }
  // In the event's own order, as all choices are.
  const items = event.ticket_types.flatMap((type) => {
    const quantity = found.get(type.id);
    return quantity === undefined ? [] : [{ ticket_type_id: type.id, quantity }];
  });
  return { items, whole };
}

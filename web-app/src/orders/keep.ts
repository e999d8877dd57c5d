import type { Booking, Event, Ticket } from "../api";
import { done, empty, finished, open } from "../lib/idb";

const NAME = "marquee-tickets";
const STORE = "orders";
/** Milliseconds after the end of an event for which its tickets are kept. */
const OVER = 2 * 86_400_000;

/** An order's tickets, as this browser keeps them for when there is no network. */
export interface KeptOrder {
  id: string;
  /** When they were so, in milliseconds. */
  savedAt: number;
  event: Pick<Event, "id" | "title" | "category" | "starts_at" | "ends_at" | "timezone" | "venue">;
  tickets: { number: number; code: string; type: string; name: string | null }[];
}

/** What of an order is kept; nothing where there is no code to show. */
export function keptOf(
  booking: Pick<Booking, "id" | "status">,
  event: Event,
  tickets: Ticket[],
  now: number,
): KeptOrder | null {
  if (booking.status !== "confirmed" || event.status === "cancelled" || Date.parse(event.ends_at) + OVER < now)
    return null;
  const good = tickets.flatMap(({ number, code, ticket_type_id, name }) => {
    const type = event.ticket_types.find((each) => each.id === ticket_type_id)?.name ?? "";
    return code === null ? [] : [{ number, code, type, name }];
  });
  if (good.length === 0) return null;
  const { id, title, category, starts_at, ends_at, timezone, venue } = event;
  return {
    id: booking.id,
    savedAt: now,
    event: { id, title, category, starts_at, ends_at, timezone, venue },
    tickets: good,
  };
}

async function within<T>(work: (store: IDBObjectStore) => IDBRequest<T>, mode: IDBTransactionMode): Promise<T> {
  const database = await open(NAME, (made) => made.createObjectStore(STORE, { keyPath: "id" }));
  try {
    const transaction = database.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    const [answer] = await Promise.all([done(request), finished(transaction)]);
    return answer;
  } finally {
    database.close();
  }
}

/** Keeps an order's tickets as they are now, or no longer. */
export async function keepTickets(id: string, order: KeptOrder | null): Promise<void> {
  try {
    await within<unknown>((store) => (order ? store.put(order) : store.delete(id)) as IDBRequest<unknown>, "readwrite");
  } catch {
    // A browser that keeps nothing shows them with a network.
  }
}

/** The orders that are kept, the next event first. */
export async function keptOrders(now = Date.now()): Promise<KeptOrder[]> {
  try {
    const all = await within<KeptOrder[]>((store) => store.getAll(), "readonly");
    return all
      .filter((order) => Date.parse(order.event.ends_at) + OVER >= now)
      .sort((a, b) => a.event.starts_at.localeCompare(b.event.starts_at));
  } catch {
    return [];
  }
}

/** Whoever logs out takes their tickets along. */
export function forgetTickets(): void {
  empty(NAME, [STORE]);
}

import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { Booking, CardToken, Event, Payment, Selection } from "../api";
import { newKey } from "../lib/key";
import { tab } from "../lib/storage";
import type { Draft } from "./answers";

/**
 * What somebody is buying, in this tab. It is written down at once, so that a login, a reload or a lost network loses nothing, and with it the keys of
 * what was asked: who asks again asks with the same key, and nothing is done twice.
 */
export interface Checkout {
  items: Selection[];
  /** Of the hold of these items. */
  holdKey: string;
  /** The booking that came of it. */
  booking: string | null;
  /** A payment that was asked for, and whose answer is not known. */
  asked: { key: string; token: CardToken } | null;
  /** The payment that is under way, or done. */
  payment: string | null;
  /** What the organiser is answered, until that is saved. */
  answers: Draft;
}

export function begin(items: Selection[] = [], answers: Draft = {}): Checkout {
  return { items, holdKey: newKey(), booking: null, asked: null, payment: null, answers };
}

/** How many places were chosen of this event, and what they cost. What is not sold any more is left out. */
export function chosen(event: Pick<Event, "ticket_types">, items: Selection[]): { count: number; total: number } {
  let [count, total] = [0, 0];
  for (const item of items) {
    const type = event.ticket_types.find((each) => each.id === item.ticket_type_id);
    count += type ? item.quantity : 0;
    total += type ? item.quantity * type.price : 0;
  }
  return { count, total };
}

export const STEPS = ["choose", "details", "pay", "done"] as const;
export type Step = (typeof STEPS)[number];

/** The step that somebody may be at who wants to be at another: nobody pays for nothing, or twice. */
export function permitted(wanted: Step, checkout: Checkout, booking: Pick<Booking, "status"> | undefined): Step {
  if (booking?.status === "confirmed") return "done";
  if (wanted === "choose" || (checkout.items.length === 0 && checkout.booking === null)) return "choose";
  if (checkout.booking === null) return "details";
  // What it came to is not known yet, or it came to nothing: there the page says so.
  return wanted === "done" ? "pay" : wanted;
}

/** What is known of a payment, as it is to be shown: no two of them look alike. */
export type Verdict =
  | { is: "none" }
  | { is: "redirect"; url: string }
  | { is: "processing" }
  /** The hold ended before the money came. */
  | { is: "late" }
  | { is: "paid" }
  /** Paid, and all of it goes back. */
  | { is: "returned"; reason: NonNullable<Payment["refunds"]>[number]["reason"] }
  | { is: "failed"; code: string | undefined };

export function verdict(payment: Payment | undefined, booking: Pick<Booking, "status"> | undefined): Verdict {
  if (!payment) return { is: "none" };
  switch (payment.status) {
    case "requires_action":
      return payment.next_action ? { is: "redirect", url: payment.next_action.url } : { is: "processing" };
    case "processing":
      return booking?.status === "expired" ? { is: "late" } : { is: "processing" };
    case "failed":
      return { is: "failed", code: payment.failure };
    case "completed": {
      const back = payment.refunds?.find(
        (refund) => refund.status !== "failed" && refund.amount.amount === payment.amount.amount,
      );
      return back && booking?.status !== "confirmed" ? { is: "returned", reason: back.reason } : { is: "paid" };
    }
  }
}

const KEY = "marquee.checkout.";
const listeners = new Set<() => void>();
/** As it was last read, so that what has not changed is the same object. */
const cache = new Map<string, Checkout>();

function isCheckout(value: Partial<Checkout> | null): value is Checkout {
  return (
    value !== null &&
    Array.isArray(value.items) &&
    typeof value.holdKey === "string" &&
    "booking" in value &&
    "asked" in value
  );
}

export function load(event: string): Checkout {
  const known = cache.get(event);
  if (known) return known;
  const stored = tab.read<Partial<Checkout>>(KEY + event);
  const checkout = isCheckout(stored) ? { ...begin(), ...stored } : begin();
  cache.set(event, checkout);
  return checkout;
}

export function store(event: string, checkout: Checkout): void {
  cache.set(event, checkout);
  tab.write(KEY + event, checkout);
  for (const listener of listeners) listener();
}

/** Goes on with a booking that another tab, or another browser, has begun. */
export function resume(booking: Booking, payment: string | null = null): void {
  const items = booking.items.map(({ ticket_type_id, quantity }) => ({ ticket_type_id, quantity }));
  const known = load(booking.event_id);
  if (known.booking !== booking.id) store(booking.event_id, { ...begin(items), booking: booking.id, payment });
}

/** Forgets what is cached, as when a tab's person goes. */
export function forget(): void {
  cache.clear();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The checkout of an event, and what may happen to it. */
export function useCheckout(event: string) {
  const checkout = useSyncExternalStore(
    subscribe,
    useCallback(() => load(event), [event]),
  );
  const update = useMemo(() => {
    const change = (changes: Partial<Checkout>) => store(event, { ...load(event), ...changes });
    return {
      change,
      /** Other items are another wish, with a key of its own. */
      choose: (items: Selection[]) => change(begin(items)),
      /** The same items once more, after a hold has ended: its tickets have the same numbers. */
      again: () => change(begin(load(event).items, load(event).answers)),
      /** The same items once more, for somebody else. */
      anew: () => change(begin(load(event).items)),
      clear: () => change(begin()),
    };
  }, [event]);
  return [checkout, update] as const;
}

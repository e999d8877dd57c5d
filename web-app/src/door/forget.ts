import { empty } from "../lib/idb";

/**
 * Takes from this browser who comes to an event, when whoever stood at its door logs out. What the server has not heard of stays, for there it is
 * nowhere else.
 */
export function forgetLists(): void {
  empty("marquee-door", ["lists", "admissions"]);
}

import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { Booking, CardToken, Payment } from "../../api";

export const STATUS: Record<Booking["status"], MessageDescriptor> = {
  held: msg`Held, not paid`,
  paying: msg`Being paid`,
  confirmed: msg`Confirmed`,
  cancelled: msg({ message: "Cancelled", context: "order" }),
  expired: msg`Expired`,
};

/** The sandbox's cards, and what each shows. */
export const CARDS: Record<CardToken, { name: MessageDescriptor; effect: MessageDescriptor }> = {
  tok_ok: { name: msg`Card that works`, effect: msg`Paid at once` },
  tok_declined: { name: msg`Card that is declined`, effect: msg`The bank says no` },
  tok_insufficient: { name: msg`Card without money`, effect: msg`Declined: not enough money` },
  tok_redirect: { name: msg`Card that asks at the bank`, effect: msg`You approve it on another page` },
  tok_ok_async: { name: msg`Slow card`, effect: msg`Paid after a second or two` },
  tok_timeout: { name: msg`Card without an answer`, effect: msg`The outcome is found out later` },
  tok_late: { name: msg`Card that is late`, effect: msg`The money comes after the hold has ended` },
};

/** Why a payment failed, as the API's codes say. */
const FAILURES: Record<string, MessageDescriptor> = {
  insufficient_funds: msg`There is not enough money on the card.`,
  card_declined: msg`The bank declined the card.`,
  not_completed: msg`It was not completed on the provider's page in time.`,
  declined_by_buyer: msg`It was declined on the provider's page.`,
  hold_expired: msg`The hold expired before it was completed.`,
  booking_cancelled: msg`The order was cancelled before it was paid.`,
  event_cancelled: msg`The event was cancelled.`,
  already_paid: msg`The order was paid by another payment.`,
};

export function failureText(code: string | undefined): MessageDescriptor {
  return FAILURES[code ?? ""] ?? msg`The bank declined the card.`;
}

type RefundReason = NonNullable<Payment["refunds"]>[number]["reason"];

export const REFUNDS: Record<RefundReason, MessageDescriptor> = {
  cancelled: msg`The order was cancelled.`,
  event_cancelled: msg`The event was cancelled.`,
  sold_out: msg`The money came after the hold had ended, and the places had gone to others.`,
  over_limit: msg`The money came after the hold had ended, and you would have more tickets than one person may.`,
  booking_cancelled: msg`The order had been cancelled before the money came.`,
  already_paid: msg`The order was paid already, by another payment.`,
  late: msg`The money came after the hold had ended.`,
  requested: msg`The organiser gave it back.`,
};

import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type {
  Attendee,
  Message,
  OrderStatus,
  OwnEvent,
  TeamRole,
  WebhookDelivery,
  WebhookType,
} from "../../api/organise";
import type { Permitted } from "../../organise/permissions";
import type { BadgeTone } from "../../ui/Badge";

export const ROLE: Record<TeamRole, { name: MessageDescriptor; may: MessageDescriptor }> = {
  owner: { name: msg`Owner`, may: msg`May do everything, and runs the team` },
  manager: { name: msg`Manager`, may: msg`Runs events, orders, messages and webhooks` },
  finance: { name: msg`Finance`, may: msg`Sees orders and figures, and gives money back` },
  door: { name: msg`Door`, may: msg`Sees who comes, and lets people in` },
};

export const PERMISSION: Record<Exclude<Permitted, `manage-${string}`>, MessageDescriptor> = {
  "see-events": msg`See events, drafts included`,
  "edit-events": msg`Create, change, publish and cancel events`,
  "see-orders": msg`See orders and figures`,
  "edit-orders": msg`Change and cancel orders, and sell`,
  refund: msg`Give money back`,
  "see-attendees": msg`See who comes`,
  "check-in": msg`Let people in`,
  "send-messages": msg`Write to those who come`,
};

export type Standing = "draft" | "on-sale" | "past" | "cancelled";

export function standingOf(event: Pick<OwnEvent, "status" | "ends_at">, now: number): Standing {
  if (event.status !== "published") return event.status;
  return Date.parse(event.ends_at) < now ? "past" : "on-sale";
}

export const STANDING: Record<Standing, { name: MessageDescriptor; tone: BadgeTone }> = {
  draft: { name: msg({ message: "Draft", context: "event" }), tone: "wait" },
  "on-sale": { name: msg({ message: "Published", context: "event" }), tone: "good" },
  past: { name: msg({ message: "Past", context: "event" }), tone: "quiet" },
  cancelled: { name: msg({ message: "Cancelled", context: "event" }), tone: "bad" },
};

export const ORDER_TONE: Record<OrderStatus, BadgeTone> = {
  held: "wait",
  paying: "wait",
  confirmed: "good",
  cancelled: "bad",
  expired: "quiet",
};

export const ATTENDEE: Record<Attendee["state"], { name: MessageDescriptor; tone: BadgeTone }> = {
  valid: { name: msg({ message: "Not there yet", context: "attendee" }), tone: "wait" },
  admitted: { name: msg({ message: "Let in", context: "attendee" }), tone: "good" },
  void: { name: msg({ message: "Void", context: "attendee" }), tone: "quiet" },
};

export const MESSAGE_STATE: Record<Message["state"], { name: MessageDescriptor; tone: BadgeTone }> = {
  addressing: { name: msg({ message: "Being addressed", context: "message" }), tone: "wait" },
  sending: { name: msg({ message: "Being sent", context: "message" }), tone: "wait" },
  done: { name: msg({ message: "Sent", context: "message" }), tone: "good" },
};

export const WEBHOOK_TYPES: Record<WebhookType, MessageDescriptor> = {
  "event.published": msg`An event was published`,
  "event.updated": msg`An event was changed`,
  "event.cancelled": msg`An event was cancelled`,
  "order.confirmed": msg`An order was confirmed`,
  "order.cancelled": msg`An order was cancelled`,
  "order.refunded": msg`Money went back`,
  "ticket.transferred": msg`A ticket was passed on`,
  "ticket.admitted": msg`Somebody was let in`,
};

export const DELIVERY: Record<WebhookDelivery["state"], { name: MessageDescriptor; tone: BadgeTone }> = {
  due: { name: msg({ message: "Waiting", context: "webhook" }), tone: "wait" },
  delivered: { name: msg({ message: "Delivered", context: "webhook" }), tone: "good" },
  failed: { name: msg({ message: "Failed", context: "webhook" }), tone: "bad" },
};

/** Money that goes back: how far it is. */
export const REFUND_STATE: Record<"due" | "completed" | "failed", { name: MessageDescriptor; tone: BadgeTone }> = {
  due: { name: msg({ message: "On its way", context: "refund" }), tone: "wait" },
  completed: { name: msg({ message: "Given back", context: "refund" }), tone: "good" },
  failed: { name: msg({ message: "Refused by the provider", context: "refund" }), tone: "bad" },
};

export const REFUND_REASON: Record<string, MessageDescriptor> = {
  cancelled: msg`The order was cancelled`,
  event_cancelled: msg`The event was cancelled`,
  requested: msg`Given back by your team`,
  sold_out: msg`Paid late, and the places were gone`,
  over_limit: msg`Paid late, and above the limit per person`,
  booking_cancelled: msg`Paid after the order was cancelled`,
  already_paid: msg`Paid twice`,
  late: msg`Paid late`,
};

export const PAYMENT_STATE: Record<
  "requires_action" | "processing" | "completed" | "failed",
  { name: MessageDescriptor; tone: BadgeTone }
> = {
  requires_action: { name: msg({ message: "Waits for the buyer", context: "payment" }), tone: "wait" },
  processing: { name: msg({ message: "Being paid", context: "payment" }), tone: "wait" },
  completed: { name: msg({ message: "Paid", context: "payment" }), tone: "good" },
  failed: { name: msg({ message: "Failed", context: "payment" }), tone: "bad" },
};

import type { EventChange, NewEvent, OwnEvent } from "../api/organise";
import { newKey } from "../lib/key";
import { minorDigits, parseMoney } from "../lib/money";
import { ownZone } from "../lib/time";
import { fromZoned, toZoned } from "../lib/zoned";

type Kind = NonNullable<OwnEvent["questions"]>[number]["kind"];

export interface TicketForm {
  /** Which one it is while it has no id. */
  key: string;
  id?: string;
  name: string;
  price: string;
  capacity: string;
  limit: string;
  from: string;
  until: string;
  paused: boolean;
}

export interface QuestionForm {
  key: string;
  id?: string;
  label: string;
  help: string;
  kind: Kind;
  /** One a line. */
  choices: string;
  per: "order" | "ticket";
  required: boolean;
  /** Ids; none: all. */
  types: string[];
  door: boolean;
}

/** An event as it stands in the editor: times by the venue's clocks, everything as it is typed. */
export interface EventForm {
  title: string;
  description: string;
  category: string;
  /** `#rrggbb`; nothing: the platform's own. */
  accent: string;
  venue: string;
  city: string;
  country: string;
  zone: string;
  start: string;
  end: string;
  currency: string;
  refunds: boolean;
  refundUntil: string;
  reminder: string;
  tickets: TicketForm[];
  questions: QuestionForm[];
}

/** What is wrong with a field. */
export type Fault =
  | {
      is:
        | "missing"
        | "past"
        | "before-start"
        | "after-end"
        | "before-from"
        | "no-time"
        | "no-amount"
        | "twice"
        | "no-choice";
    }
  | { is: "number"; least: number; most: number }
  /** As the server says it, in English. */
  | { is: "refused"; detail: string };
/** By the field's JSON Pointer in the body: the server's faults find their places by the same. */
export type Faults = Record<string, Fault>;

/** What the API takes at most. */
export const MOST = {
  title: 200,
  description: 10_000,
  venue: 200,
  city: 100,
  name: 100,
  tickets: 50,
  questions: 30,
  label: 200,
  help: 1000,
  choices: 50,
  choice: 100,
} as const;
const CAPACITY = { least: 1, most: 1_000_000 };
const LIMIT = { least: 1, most: 1000 };

export const blankTicket = (): TicketForm => ({
  key: newKey(),
  name: "",
  price: "",
  capacity: "",
  limit: "10",
  from: "",
  until: "",
  paused: false,
});

export const blankQuestion = (): QuestionForm => ({
  key: newKey(),
  label: "",
  help: "",
  kind: "text",
  choices: "",
  per: "order",
  required: false,
  types: [],
  door: false,
});

/** A new event, with what is likely the same as the one before. */
export function blankForm(before?: OwnEvent): EventForm {
  return {
    title: "",
    description: "",
    category: before?.category ?? "music",
    accent: before?.accent ?? "",
    venue: before?.venue.name ?? "",
    city: before?.venue.city ?? "",
    country: before?.venue.country ?? "",
    zone: before?.timezone ?? ownZone(),
    start: "",
    end: "",
    currency: before?.currency ?? "EUR",
    refunds: false,
    refundUntil: "",
    reminder: String(before?.reminder_hours ?? 24),
    tickets: [blankTicket()],
    questions: [],
  };
}

/** An amount as it is typed. */
export function amountText(amount: number, currency: string): string {
  const digits = minorDigits(currency);
  return (amount / 10 ** digits).toFixed(digits);
}

/** What was typed as minor units; nothing where it is no amount of this currency. */
export function amountOf(text: string, currency: string): number | null {
  const digits = /[.,](\d+)$/.exec(text.trim())?.[1]?.length ?? 0;
  return digits > minorDigits(currency) ? null : parseMoney(text, currency);
}

export function formOf(event: OwnEvent): EventForm {
  const local = (instant: string | undefined) => (instant === undefined ? "" : toZoned(instant, event.timezone));
  return {
    title: event.title,
    description: event.description,
    category: event.category,
    accent: event.accent ?? "",
    venue: event.venue.name,
    city: event.venue.city,
    country: event.venue.country,
    zone: event.timezone,
    start: local(event.starts_at),
    end: local(event.ends_at),
    currency: event.currency,
    refunds: event.refund_until !== undefined,
    refundUntil: local(event.refund_until),
    reminder: String(event.reminder_hours),
    tickets: event.ticket_types.map((type) => ({
      key: type.id,
      id: type.id,
      name: type.name,
      price: amountText(type.price, event.currency),
      capacity: String(type.capacity),
      limit: String(type.per_person_limit),
      from: local(type.sales_from),
      until: local(type.sales_until),
      paused: type.paused ?? false,
    })),
    questions: (event.questions ?? []).map((question) => ({
      key: question.id,
      id: question.id,
      label: question.label,
      help: question.help ?? "",
      kind: question.kind,
      choices: (question.choices ?? []).join("\n"),
      per: question.per,
      required: question.required,
      types: question.ticket_types ?? [],
      door: question.show_at_check_in ?? false,
    })),
  };
}

export const isChosen = (kind: Kind) => kind === "choice" || kind === "choices";

const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

const whole = (text: string) => (/^\d{1,9}$/.test(text.trim()) ? Number(text) : null);

function isWithin(text: string, { least, most }: { least: number; most: number }): boolean {
  const value = whole(text);
  return value !== null && value >= least && value <= most;
}

/** What must be put right before it is sent. What stays as it was is not looked at again: an event that has begun can still have its text changed. */
export function faultsOf(form: EventForm, now: number, before?: EventForm): Faults {
  const faults: Faults = {};
  const missing = (pointer: string, text: string) => {
    if (text.trim() === "") faults[pointer] = { is: "missing" };
  };
  const time = (pointer: string, text: string): number | null => {
    const instant = fromZoned(text, form.zone);
    if (instant === null) faults[pointer] = { is: text === "" ? "missing" : "no-time" };
    return instant === null ? null : Date.parse(instant);
  };
  missing("/title", form.title);
  missing("/category", form.category);
  missing("/venue/name", form.venue);
  missing("/venue/city", form.city);
  missing("/venue/country", form.country);
  missing("/timezone", form.zone);
  const [start, end] = [time("/starts_at", form.start), time("/ends_at", form.end)];
  if (start !== null && start <= now && form.start !== before?.start) faults["/starts_at"] = { is: "past" };
  if (start !== null && end !== null && end <= start) faults["/ends_at"] = { is: "before-start" };
  if (form.refunds) {
    const until = time("/refund_until", form.refundUntil);
    if (until !== null && end !== null && until > end) faults["/refund_until"] = { is: "after-end" };
  }
  if (form.tickets.length === 0) faults["/ticket_types"] = { is: "missing" };
  form.tickets.forEach((ticket, index) => {
    const at = `/ticket_types/${index}`;
    missing(`${at}/name`, ticket.name);
    if (amountOf(ticket.price, form.currency) === null)
      faults[`${at}/price`] = { is: ticket.price.trim() === "" ? "missing" : "no-amount" };
    if (!isWithin(ticket.capacity, CAPACITY)) faults[`${at}/capacity`] = { is: "number", ...CAPACITY };
    if (!isWithin(ticket.limit, LIMIT)) faults[`${at}/per_person_limit`] = { is: "number", ...LIMIT };
    const from = ticket.from === "" ? null : time(`${at}/sales_from`, ticket.from);
    const until = ticket.until === "" ? null : time(`${at}/sales_until`, ticket.until);
    if (from !== null && until !== null && until <= from) faults[`${at}/sales_until`] = { is: "before-from" };
  });
  form.questions.forEach((question, index) => {
    const at = `/questions/${index}`;
    missing(`${at}/label`, question.label);
    if (!isChosen(question.kind)) return;
    const choices = lines(question.choices);
    if (choices.length === 0) faults[`${at}/choices`] = { is: "no-choice" };
    else if (new Set(choices).size < choices.length) faults[`${at}/choices`] = { is: "twice" };
  });
  return faults;
}

/** The whole of a form that has no faults, as the API takes it. */
function bodyOf(form: EventForm) {
  const instant = (local: string) => (local === "" ? null : fromZoned(local, form.zone));
  return {
    title: form.title.trim(),
    description: form.description.trim(),
    category: form.category,
    accent: form.accent || null,
    venue: { name: form.venue.trim(), city: form.city.trim(), country: form.country },
    starts_at: instant(form.start) ?? "",
    ends_at: instant(form.end) ?? "",
    timezone: form.zone,
    currency: form.currency,
    refund_until: form.refunds ? instant(form.refundUntil) : null,
    reminder_hours: whole(form.reminder) ?? 0,
    ticket_types: form.tickets.map((ticket) => ({
      ...(ticket.id !== undefined && { id: ticket.id }),
      name: ticket.name.trim(),
      price: amountOf(ticket.price, form.currency) ?? 0,
      capacity: whole(ticket.capacity) ?? 0,
      per_person_limit: whole(ticket.limit) ?? 1,
      sales_from: instant(ticket.from),
      sales_until: instant(ticket.until),
      paused: ticket.paused,
    })),
    questions: form.questions.map((question) => ({
      ...(question.id !== undefined && { id: question.id }),
      label: question.label.trim(),
      help: question.help.trim() || null,
      kind: question.kind,
      ...(isChosen(question.kind) && { choices: lines(question.choices) }),
      per: question.per,
      required: question.required,
      ...(question.types.length > 0 && { ticket_types: question.types }),
      show_at_check_in: question.door,
    })),
  };
}

export const newEventOf = (form: EventForm, organiser: string): NewEvent =>
  ({ organiser_id: organiser, ...bodyOf(form) }) as NewEvent;

/** What is to be another; nothing that stays as it is. */
export function changeOf(form: EventForm, event: OwnEvent): EventChange {
  const [is, was] = [bodyOf(form), bodyOf(formOf(event))];
  const changed = Object.entries(is).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name as keyof typeof was]),
  );
  return Object.fromEntries(changed) as EventChange;
}

export const isSame = (one: EventForm, other: EventForm) => JSON.stringify(one) === JSON.stringify(other);

/** The event that a form would make, for who looks at it before it is one; as far as it is filled in. */
export function previewOf(form: EventForm, id: string): OwnEvent {
  const body = bodyOf(form);
  const now = new Date().toISOString();
  const starts = body.starts_at || now;
  return {
    ...body,
    id,
    organiser_id: id,
    status: "draft",
    revision: 1,
    region: "",
    created_at: now,
    starts_at: starts,
    // An end that is not after it is no end yet.
    ends_at: [starts, body.ends_at].sort().at(-1),
    timezone: form.zone || "UTC",
    accent: form.accent || undefined,
    currency: form.currency,
    ...(body.refund_until === null ? { refund_until: undefined } : { refund_until: body.refund_until }),
    ticket_types: body.ticket_types.map((type, index) => ({
      id: form.tickets[index]?.key ?? String(index),
      name: type.name,
      price: type.price,
      capacity: type.capacity,
      per_person_limit: type.per_person_limit,
      ...(type.sales_from !== null && { sales_from: type.sales_from }),
      ...(type.sales_until !== null && { sales_until: type.sales_until }),
      ...(type.paused && { paused: true }),
    })),
    questions: undefined,
  } as unknown as OwnEvent;
}

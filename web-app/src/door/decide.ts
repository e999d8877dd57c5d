import type { components } from "../api/schema.gen";
import { hashOf, isForEvent, isOfType, isSigned, type Key, parse, plain } from "./code";

type Schemas = components["schemas"];
export type ScanOutcome = Schemas["ScanOutcome"];
export type CheckinList = Schemas["CheckinList"];

/** What a list for scanners says of a ticket. */
export interface Listed {
  type: string;
  name: string | null;
  void: boolean;
  admitted: boolean;
}

/** What was downloaded to decide without a network. */
export interface OfflineList {
  event: string;
  list: CheckinList;
  keys: Key[];
  /** By the hash of the reference. */
  tickets: Map<string, Listed>;
  /** When that was so. */
  asOf: string;
}

/** When and where somebody was let in, as far as it is known here. */
export interface Admission {
  at: string | null;
  gate: string | null;
}

/** What is shown of a scan: no two of them look alike. */
export interface Verdict {
  is:
    | "admitted"
    | "already"
    | "cancelled"
    | "replaced"
    | "void"
    | "unknown"
    | "wrong-event"
    | "wrong-list"
    | "not-open"
    /** Neither the server nor this device could tell. */
    | "unchecked";
  at: string | null;
  gate: string | null;
  type: string | null;
  name: string | null;
  answers: { label: string; value: string }[];
  answersMissing: boolean;
  /** Decided by this device alone. */
  offline: boolean;
}

const nothing = { at: null, gate: null, type: null, name: null, answers: [], answersMissing: false };

export function verdict(is: Verdict["is"], more: Partial<Verdict> = {}): Verdict {
  return { ...nothing, is, offline: false, ...more };
}

function kindOf({ result, reason }: ScanOutcome): Verdict["is"] {
  switch (result) {
    case "admitted":
    case "unknown":
    case "wrong-event":
      return result;
    case "already-admitted":
      return "already";
    case "void":
      return reason === "not-on-list" ? "wrong-list" : (reason ?? "void");
  }
}

/** What the server says of a scan. */
export function verdictOf(outcome: ScanOutcome): Verdict {
  return verdict(kindOf(outcome), {
    at: outcome.admitted_at,
    gate: outcome.gate,
    type: outcome.ticket_type_id,
    name: outcome.name,
    answers: outcome.answers ?? [],
    answersMissing: outcome.answers_missing === true,
  });
}

/**
 * Decides without a network: a code that one of the keys has signed, for this event and list, and that is not listed as void. One that is signed and
 * not listed was sold since.
 */
export async function decide(
  text: string,
  { event, list, keys, tickets }: OfflineList,
  admission: (hash: string) => Admission | undefined,
  now: Date,
): Promise<{ verdict: Verdict; hash: string | null }> {
  const say = (is: Verdict["is"], hash: string | null = null, more: Partial<Verdict> = {}) => ({
    verdict: verdict(is, { offline: true, ...more }),
    hash,
  });
  const code = parse(text);
  // Codes from before they were signed can be told by the server alone.
  if (!code) return say(/^[A-Z0-9]{16}$/.test(plain(text)) ? "unchecked" : "unknown");
  const key = keys.find((each) => each.kid === code.kid);
  if (!key || !(await isSigned(code, key))) return say("unknown");
  if (!(await isForEvent(code, event))) return say("wrong-event");
  const hash = (await hashOf(text)) ?? "";
  const listed = tickets.get(hash);
  let type = listed?.type ?? null;
  for (const each of type === null ? (list.ticket_types ?? []) : []) if (await isOfType(code, each)) type = each;
  const ticket = { type, name: listed?.name ?? null };
  if (listed?.void) return say("void", hash, ticket);
  if (list.ticket_types && (type === null || !list.ticket_types.includes(type))) return say("wrong-list", hash, ticket);
  const time = now.getTime();
  if (list.opens_at && time < Date.parse(list.opens_at)) return say("not-open", hash, ticket);
  if (list.closes_at && time >= Date.parse(list.closes_at)) return say("not-open", hash, ticket);
  if (list.entries === "once") {
    const before = admission(hash);
    if (before ?? listed?.admitted)
      return say("already", hash, { ...ticket, at: before?.at ?? null, gate: before?.gate ?? null });
  }
  return say("admitted", hash, { ...ticket, at: now.toISOString() });
}

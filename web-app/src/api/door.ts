import type { OfflineList, ScanOutcome } from "../door/decide";
import type { Answer, Remote } from "../door/desk";
import { isProblemType } from "../i18n/problems";
import { api, at, query } from ".";
import { request } from "./fetch";
import { type Failure, failureOf } from "./problem";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];
export type Attendee = Schemas["Attendee"];
export type OwnEvent = Schemas["OwnEvent"];

/** Milliseconds that a scan is waited for before this device decides by itself. */
const SCAN = 4000;
/** Milliseconds that is waited for while what was scanned without a network is told. */
const MERGE = 15_000;
/** Milliseconds that an event is still shown after its end. */
const OVER = 12 * 3_600_000;
/** Pages that are looked at of an organiser's events, of attendees, and of a list for scanners. */
const PAGES = 40;

async function ask<T>(call: Parameters<typeof request>[0]): Promise<Answer<T>> {
  try {
    const response = await request(call);
    if (!response.ok) return { error: await failureOf(response, isProblemType) };
    return { data: (await response.json()) as T };
  } catch {
    return { error: { kind: "network" } };
  }
}

type Paged = { next_cursor: string | null };

/** All pages; the failure of the first that did not come. */
async function all<T extends Paged>(path: (cursor: string | null) => string): Promise<Answer<T[]>> {
  const pages: T[] = [];
  let cursor: string | null = null;
  do {
    const answer: Answer<T> = await ask<T>({ path: path(cursor) });
    if ("error" in answer) return answer;
    pages.push(answer.data);
    cursor = answer.data.next_cursor;
  } while (cursor !== null && pages.length < PAGES);
  return { data: pages };
}

const door = api.injectEndpoints({
  endpoints: (build) => ({
    /** Events on sale, or going on, whose doors whoever asks may stand at: the next ones first. */
    doorEvents: build.query<OwnEvent[], void>({
      queryFn: async () => {
        const organisers = await ask<Schemas["OrganiserPage"]>({ path: "/api/organisers" });
        if ("error" in organisers) return organisers;
        const events: OwnEvent[] = [];
        for (const { id, role } of organisers.data.items) {
          if (role === "finance") continue;
          const pages = await all<Schemas["OwnEventPage"]>(
            (cursor) => `/api/organisers${at(id)}/events?${query({ status: "published", limit: 50, cursor })}`,
          );
          if ("error" in pages) return pages;
          events.push(...pages.data.flatMap((page) => page.items));
        }
        const still = events.filter((event) => Date.parse(event.ends_at) + OVER > Date.now());
        return { data: still.sort((a, b) => a.starts_at.localeCompare(b.starts_at)) };
      },
    }),
    doorLists: build.query<Schemas["CheckinLists"], string>({
      query: (event) => ({ path: `/api/events${at(event)}/checkin-lists` }),
    }),
    doorAttendees: build.query<Schemas["AttendeePage"], { event: string; list: string; q: string }>({
      query: ({ event, ...rest }) => ({ path: `/api/events${at(event)}/attendees?${query({ ...rest, limit: 20 })}` }),
      keepUnusedDataFor: 0,
    }),
    /** How many were let in by a list, at each gate. */
    doorCounts: build.query<{ gate: string | null; count: number }[], { event: string; list: string }>({
      queryFn: async ({ event, list }) => {
        const pages = await all<Schemas["AttendeePage"]>(
          (cursor) => `/api/events${at(event)}/attendees?${query({ list, state: "admitted", limit: 100, cursor })}`,
        );
        if ("error" in pages) return pages;
        const counts = new Map<string | null, number>();
        for (const { gate } of pages.data.flatMap((page) => page.items)) counts.set(gate, (counts.get(gate) ?? 0) + 1);
        return { data: [...counts].map(([gate, count]) => ({ gate, count })).sort((a, b) => b.count - a.count) };
      },
      keepUnusedDataFor: 0,
    }),
  }),
});

export const { useDoorEventsQuery, useDoorListsQuery, useDoorAttendeesQuery, useDoorCountsQuery } = door;

/** What is needed to decide without a network: all pages of it, or nothing. */
export async function downloadList(event: string, list: string): Promise<Answer<OfflineList>> {
  const pages = await all<Schemas["OfflineList"]>(
    (cursor) => `/api/events${at(event)}/checkin-list?${query({ list, cursor })}`,
  );
  if ("error" in pages) return pages;
  const [first] = pages.data;
  if (!first || pages.data.at(-1)?.next_cursor !== null) return { error: { kind: "network" } satisfies Failure };
  const tickets = pages.data
    .flatMap((page) => page.tickets)
    .map(
      (ticket) =>
        [
          ticket.code_hash,
          { type: ticket.ticket_type_id, name: ticket.name, void: ticket.void, admitted: ticket.admitted },
        ] as const,
    );
  const keys = first.keys.map(({ kid, x }) => ({ kid, x }));
  return { data: { event, list: first.list, keys, tickets: new Map(tickets), asOf: first.as_of } };
}

/** The server, as a door asks it. */
export const remote: Remote = {
  scan: (post, code, manual, key) =>
    ask<ScanOutcome>({
      path: "/api/checkin",
      method: "POST",
      key,
      patience: SCAN,
      body: { code, gate: post.gate, event_id: post.event.id, list: post.list.id, ...(manual && { manual }) },
    }),
  undo: (post, code, manual) =>
    ask<{ result: string }>({
      path: "/api/checkin/undo",
      method: "POST",
      body: { code, event_id: post.event.id, list: post.list.id, ...(manual && { manual }) },
    }),
  merge: async (event, list, scans) => {
    const answer = await ask<Schemas["ScanOutcomes"]>({
      path: "/api/checkin/merge",
      method: "POST",
      patience: MERGE,
      body: { event_id: event, list, scans: scans.map(({ code, gate, at: when }) => ({ code, gate, at: when })) },
    });
    return "error" in answer ? answer : { data: answer.data.results };
  },
};

import { i18n } from "@lingui/core";
import type { BaseQueryFn } from "@reduxjs/toolkit/query";
import { isProblemType } from "../i18n/problems";
import { clock } from "../lib/clock";
import { tab } from "../lib/storage";
import { type Failure, failureOf } from "./problem";
import { accountKnown, refresh, session } from "./session";

export interface Call {
  path: string;
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Sent as JSON; a file as it is. */
  body?: unknown;
  /** The idempotency key of a write. */
  key?: string;
  /** The `ETag` of what a write changes. */
  ifMatch?: string;
  /** The `ETag` of what is known already: an answer may be 304 then. */
  ifNoneMatch?: string;
  accept?: string;
  signal?: AbortSignal;
  /** Milliseconds that an answer is waited for, where that is less than otherwise. */
  patience?: number;
}

/** Milliseconds that an answer is waited for: longer than the server takes to give up. */
const PATIENCE = 30_000;
const SEEN = "marquee.seen";

async function send(call: Call): Promise<Response> {
  const headers = new Headers({ accept: call.accept ?? "application/json", "accept-language": i18n.locale || "en" });
  const seen = tab.read<string>(SEEN);
  if (seen !== null) headers.set("marquee-seen", seen);
  if (call.key !== undefined) headers.set("idempotency-key", call.key);
  if (call.ifMatch !== undefined) headers.set("if-match", call.ifMatch);
  if (call.ifNoneMatch !== undefined) headers.set("if-none-match", call.ifNoneMatch);
  const file = call.body instanceof Blob;
  if (call.body !== undefined) headers.set("content-type", file ? (call.body as Blob).type : "application/json");
  const sent = Date.now();
  const patience = AbortSignal.timeout(call.patience ?? PATIENCE);
  const response = await fetch(new URL(call.path, document.baseURI), {
    method: call.method ?? "GET",
    headers,
    credentials: "same-origin",
    body: call.body === undefined ? null : file ? (call.body as Blob) : JSON.stringify(call.body),
    signal: call.signal ? AbortSignal.any([call.signal, patience]) : patience,
  });
  // Whoever sends it back reads what they wrote, at any edge.
  const now = response.headers.get("marquee-seen");
  if (now !== null) tab.write(SEEN, now);
  if (response.headers.get("cache-control")?.includes("no-store")) {
    clock.learn(response.headers.get("date"), sent, Date.now());
  }
  return response;
}

/** A call, with the cookies made anew in between where those have run out. `lapsed` is called where they cannot be. */
export async function request(call: Call, lapsed?: () => void): Promise<Response> {
  const since = Date.now();
  const response = await send(call);
  if (response.status !== 401 || !session.isKnown() || call.path.startsWith("/api/auth/login")) return response;
  const problem = (await response
    .clone()
    .json()
    .catch(() => ({}))) as { type?: string };
  // Other kinds of 401 are about what was sent, and not about the cookies.
  if (problem.type !== "/problems/unauthenticated" && problem.type !== "/problems/token-revoked") return response;
  if (await refresh(since)) return send(call);
  session.lapsed();
  lapsed?.();
  return response;
}

/** What an answer says beside its body. */
export interface Answered {
  status: number;
}

export type Answer = { data: unknown } | { error: Failure };

export const baseQuery: BaseQueryFn<Call, unknown, Failure, object, Answered> = async (call, { signal, dispatch }) => {
  try {
    const response = await request({ signal, ...call }, () => dispatch(accountKnown(false)));
    const meta: Answered = { status: response.status };
    if (!response.ok) return { error: await failureOf(response, isProblemType), meta };
    if (response.status === 204 || response.status === 202) return { data: null, meta };
    return { data: await response.json(), meta };
  } catch {
    return { error: { kind: "network" } };
  }
};

/** A file; throws a [`Failure`]. */
export async function requestFile(path: string, accept: string, patience = PATIENCE): Promise<Blob> {
  return (await requestPart(path, accept, patience)).file;
}

/** A file that may go on elsewhere, and where; throws a [`Failure`]. */
export async function requestPart(
  path: string,
  accept: string,
  patience = PATIENCE,
): Promise<{ file: Blob; next: string | null }> {
  let response: Response;
  try {
    response = await request({ path, accept, patience });
  } catch {
    throw { kind: "network" } satisfies Failure;
  }
  if (!response.ok) throw await failureOf(response, isProblemType);
  const next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "");
  return { file: await response.blob(), next: next?.[1] ?? null };
}

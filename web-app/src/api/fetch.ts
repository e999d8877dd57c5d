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
  body?: unknown;
  /** The idempotency key of a write. */
  key?: string;
  accept?: string;
  signal?: AbortSignal;
}

/** Milliseconds that an answer is waited for: longer than the server takes to give up. */
const PATIENCE = 30_000;
const SEEN = "marquee.seen";

async function send(call: Call): Promise<Response> {
  const headers = new Headers({ accept: call.accept ?? "application/json", "accept-language": i18n.locale || "en" });
  const seen = tab.read<string>(SEEN);
  if (seen !== null) headers.set("marquee-seen", seen);
  if (call.key !== undefined) headers.set("idempotency-key", call.key);
  if (call.body !== undefined) headers.set("content-type", "application/json");
  const sent = Date.now();
  const patience = AbortSignal.timeout(PATIENCE);
  const response = await fetch(new URL(call.path, document.baseURI), {
    method: call.method ?? "GET",
    headers,
    credentials: "same-origin",
    body: call.body === undefined ? null : JSON.stringify(call.body),
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

export type Answer = { data: unknown } | { error: Failure };

export const baseQuery: BaseQueryFn<Call, unknown, Failure> = async (call, { signal, dispatch }) => {
  try {
    const response = await request({ signal, ...call }, () => dispatch(accountKnown(false)));
    if (!response.ok) return { error: await failureOf(response, isProblemType) };
    if (response.status === 204 || response.status === 202) return { data: null };
    return { data: await response.json() };
  } catch {
    return { error: { kind: "network" } };
  }
};

/** A file; throws a [`Failure`]. */
export async function requestFile(path: string, accept: string): Promise<Blob> {
  let response: Response;
  try {
    response = await request({ path, accept });
  } catch {
    throw { kind: "network" } satisfies Failure;
  }
  if (!response.ok) throw await failureOf(response, isProblemType);
  return response.blob();
}

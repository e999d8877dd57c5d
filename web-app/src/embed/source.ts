import type { Availability, Event } from "../api";

/** What is heard of an event. */
export type News =
  | { is: "event"; event: Event }
  | { is: "left"; left: Availability }
  /** Nobody has answered: what is shown may be old. It is asked again. */
  | { is: "failed" }
  /** There is no such event, or not for the public. */
  | { is: "missing" };

/** Milliseconds between two questions for what is left. */
const EVERY = 5_000;
/** As long they become where nobody answers, or where nobody has touched the page for a while. */
const SELDOM = 60_000;
/** Milliseconds without a touch after which it is asked seldom: a page that was left open costs little. */
const QUIET = 600_000;
/** Milliseconds between two looks at the event itself. */
const EVENT = 300_000;
/** Milliseconds that an answer is waited for. */
const PATIENCE = 10_000;

/** Milliseconds until it is asked again, after so many failures in a row. */
export function wait(failures: number, quiet: boolean): number {
  return quiet ? SELDOM : Math.min(EVERY * 2 ** failures, SELDOM);
}

/** Without cookies, whoever is logged in there: all of it is public. What has not changed comes from the browser's cache, which asks with its `ETag`. */
function ask(url: URL, ended: AbortSignal): Promise<Response> {
  return fetch(url, {
    credentials: "omit",
    cache: "no-cache",
    redirect: "error",
    referrerPolicy: "strict-origin-when-cross-origin",
    headers: { accept: "application/json" },
    signal: AbortSignal.any([ended, AbortSignal.timeout(PATIENCE)]),
  });
}

/** Follows an event as long as the element is looked at, until `ended`, or until nothing can change any more. */
export async function follow(
  origin: string,
  id: string,
  element: Element,
  ended: AbortSignal,
  hear: (news: News) => void,
): Promise<void> {
  const at = new URL(`/api/events/${encodeURIComponent(id)}`, origin);
  const availability = new URL(`${at.pathname}/availability`, origin);
  let event: Event | undefined;
  let asked = 0;
  let known: string | null = null;
  let failures = 0;
  const touched = touches(element, ended);
  while (!ended.aborted) {
    await looked(element, ended);
    if (ended.aborted) return;
    try {
      if (event === undefined || Date.now() - asked > EVENT) {
        const answer = await ask(at, ended);
        if (answer.status === 404 || answer.status === 400) return hear({ is: "missing" });
        if (!answer.ok) throw new Error(String(answer.status));
        event = (await answer.json()) as Event;
        asked = Date.now();
        hear({ is: "event", event });
      }
      if (isDone(event, Date.now())) return;
      const answer = await ask(availability, ended);
      if (!answer.ok) throw new Error(String(answer.status));
      const tag = answer.headers.get("etag");
      if (tag === null || tag !== known || failures > 0)
        hear({ is: "left", left: (await answer.json()) as Availability });
      known = tag;
      failures = 0;
    } catch {
      if (ended.aborted) return;
      failures += 1;
      hear({ is: "failed" });
    }
    await pause(wait(failures, Date.now() - touched() > QUIET), ended);
  }
}

/** Whether nothing of it is sold any more, whatever happens. */
export function isDone(event: Pick<Event, "status" | "ends_at">, now: number): boolean {
  return event.status === "cancelled" || Date.parse(event.ends_at) <= now;
}

/** When somebody has last touched the element, or come back to the page. */
function touches(element: Element, ended: AbortSignal): () => number {
  let last = Date.now();
  const touch = () => {
    last = Date.now();
  };
  for (const kind of ["pointerdown", "keydown", "focusin"])
    element.addEventListener(kind, touch, { signal: ended, passive: true });
  document.addEventListener("visibilitychange", touch, { signal: ended });
  return () => last;
}

function pause(milliseconds: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      ended.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    ended.addEventListener("abort", done);
  });
}

/** Waits until the element is on the screen, or nearly, of a page that is looked at. */
function looked(element: Element, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let near = false;
    const look = () => {
      if (!ended.aborted && (document.hidden || !near)) return;
      watcher.disconnect();
      document.removeEventListener("visibilitychange", look);
      ended.removeEventListener("abort", look);
      resolve();
    };
    const watcher = new IntersectionObserver(
      (entries) => {
        near = entries.at(-1)?.isIntersecting ?? false;
        look();
      },
      { rootMargin: "400px" },
    );
    watcher.observe(element);
    document.addEventListener("visibilitychange", look);
    ended.addEventListener("abort", look);
  });
}

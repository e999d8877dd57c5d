import { isProblemType } from "../i18n/problems";
import type { Availability, Booking, Payment } from ".";
import { request } from "./fetch";
import type { Analytics } from "./organise";
import { failureOf } from "./problem";
import { refresh, session } from "./session";

/** What can be followed, by part: of an event, or by its own id. */
export interface Live {
  availability: Availability;
  analytics: Analytics;
  booking: Booking;
  payment: Payment;
}
export type Followed = keyof Live;

export type News =
  | { [Part in Followed]: { part: Part; value: Live[Part] } }[Followed]
  /** It is as it was, or could not be asked for: then `error` says why. */
  | { part: Followed; error: unknown };

/**
 * How each part is asked for where nobody tells of it: its path, and milliseconds between two questions. What is left changes with every hold, and costs
 * little to ask; figures are counted by whatever follows; and for what becomes of a payment somebody waits.
 */
const PARTS: Record<Followed, { path: (id: string) => string; every: number; list: keyof Lists }> = {
  availability: { path: (id) => `/api/events/${id}/availability`, every: 5_000, list: "events" },
  analytics: { path: (id) => `/api/events/${id}/analytics`, every: 15_000, list: "analytics" },
  booking: { path: (id) => `/api/bookings/${id}`, every: 1_500, list: "bookings" },
  payment: { path: (id) => `/api/payments/${id}`, every: 1_500, list: "payments" },
};
/** How much longer it is waited each time that nobody answers, at most so often. */
const LONGEST = 4;

/** What a socket is told to watch, and how much of each it may be. */
interface Lists {
  events: string[];
  bookings: string[];
  payments: string[];
  analytics: string[];
}
const EVENTS = 50;
const OWN = 14;

const PATH = "/api/live";
/** Milliseconds until a socket that was lost is opened again: at first, and at most; each half by chance, so that not everybody comes at once. */
const AGAIN = { first: 1_000, longest: 60_000 };
/** Milliseconds over which those come back whom a node has sent away. */
const SPREAD = 2_000;
/** Milliseconds that a socket is kept while nobody looks, and while nothing is followed. */
const KEPT = 10_000;
/** Milliseconds in which several changes of what is followed are one message. */
const GATHER = 20;

/** Codes of a close frame: the node stops; the token has ended. */
const RESTART = 1012;
const TOKEN_ENDED = 4001;

/**
 * Follows parts of what has this id, until the function that it gives is called. `later`: what is known is new enough for now.
 *
 * How is nobody's business but this module's. Where there is a live channel one socket tells of everything as it changes; where there is none, or it says
 * nothing, each part is asked for again and again, with the `ETag` of what is known. Both only while the page is looked at.
 */
export function follow(id: string, parts: Followed[], hear: (news: News) => void, later = false): () => void {
  const ends = parts.map((part) => subject(part, id).add(hear, later));
  return () => {
    for (const end of ends) end();
  };
}

/** A part of something, and everybody who follows it. */
class Subject {
  readonly part: Followed;
  readonly id: string;
  readonly ended = new AbortController();
  private followers = new Set<(news: News) => void>();
  private known: string | null = null;
  private latest: News | null = null;
  /** Whether the channel tells of it. */
  private told = false;
  private wake: (() => void) | null = null;

  constructor(part: Followed, id: string) {
    this.part = part;
    this.id = id;
  }

  add(hear: (news: News) => void, later: boolean): () => void {
    // One and the same function may be there twice.
    const follower = (news: News) => hear(news);
    this.followers.add(follower);
    if (this.latest) follower(this.latest);
    if (this.followers.size === 1) {
      channel.changed();
      void this.poll(later);
    }
    return () => {
      this.followers.delete(follower);
      if (this.followers.size > 0 || this.ended.signal.aborted) return;
      this.ended.abort();
      subjects.delete(key(this.part, this.id));
      channel.changed();
    };
  }

  /** The channel says what it is. */
  tell(value: unknown): void {
    this.told = true;
    this.known = null;
    this.say({ part: this.part, value } as News);
  }

  /** The channel tells of it no more. */
  untold(): void {
    if (!this.told) return;
    this.told = false;
    this.wake?.();
  }

  private say(news: News): void {
    if (!("error" in news)) this.latest = news;
    for (const follower of this.followers) follower(news);
  }

  /** Asks again and again, where nobody tells. */
  private async poll(later: boolean): Promise<void> {
    const { path, every } = PARTS[this.part];
    const ended = this.ended.signal;
    let failures = 0;
    if (later || channel.isOpen()) await this.pause(every);
    while (!ended.aborted) {
      if (this.told) {
        await this.pause(Number.POSITIVE_INFINITY);
        continue;
      }
      await looked(ended);
      if (ended.aborted) return;
      try {
        const known = this.known;
        const response = await request({
          path: path(encodeURIComponent(this.id)),
          signal: ended,
          ...(known !== null && { ifNoneMatch: known }),
        });
        // What was told meanwhile is newer.
        const news = !this.told;
        if (response.status === 304) {
          failures = 0;
        } else if (response.ok) {
          failures = 0;
          const value = await response.json();
          if (news && !this.told && !ended.aborted) {
            this.known = response.headers.get("etag");
            this.say({ part: this.part, value } as News);
          }
        } else {
          failures += 1;
          const error = await failureOf(response, isProblemType);
          if (news && !ended.aborted) this.say({ part: this.part, error });
        }
      } catch {
        if (ended.aborted) return;
        failures += 1;
        if (!this.told) this.say({ part: this.part, error: { kind: "network" } });
      }
      await this.pause(every * Math.min(2 ** failures, LONGEST));
    }
  }

  /** Waits, or until the channel has stopped to tell. */
  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(milliseconds) ? setTimeout(done, milliseconds) : undefined;
      const ended = this.ended.signal;
      const self = this;
      function done() {
        clearTimeout(timer);
        self.wake = null;
        ended.removeEventListener("abort", done);
        resolve();
      }
      if (ended.aborted) return done();
      this.wake = done;
      ended.addEventListener("abort", done);
    });
  }
}

const subjects = new Map<string, Subject>();
const key = (part: Followed, id: string) => `${part} ${id}`;

function subject(part: Followed, id: string): Subject {
  const name = key(part, id);
  let known = subjects.get(name);
  if (!known) {
    known = new Subject(part, id);
    subjects.set(name, known);
  }
  return known;
}

/** The one socket of this tab. */
class Channel {
  private socket: WebSocket | null = null;
  private open = false;
  /** There is no such thing here. */
  private off = false;
  /** Whether somebody was logged in when it was opened, and when that was. */
  private opened = { known: false, at: 0 };
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private leaving: ReturnType<typeof setTimeout> | undefined;
  private watched = "";

  constructor() {
    if (typeof document === "undefined") return;
    document.addEventListener("visibilitychange", () => this.look());
    window.addEventListener("online", () => this.now());
  }

  isOpen(): boolean {
    return this.open;
  }

  /** Other things are followed than before. */
  changed(): void {
    this.look();
    this.say();
  }

  /** Whether anybody wants to be told anything now. */
  private isWanted(): boolean {
    return subjects.size > 0 && !document.hidden;
  }

  /** Opens it when it is wanted, and closes it when it has not been for a while. */
  private look(): void {
    if (!this.isWanted()) {
      if (this.leaving === undefined) {
        this.leaving = setTimeout(() => {
          this.leaving = undefined;
          if (!this.isWanted()) this.close();
        }, KEPT);
      }
      return;
    }
    clearTimeout(this.leaving);
    this.leaving = undefined;
    if (this.socket === null && this.timer === undefined) this.connect();
  }

  /** Does not wait any longer to be opened again. */
  private now(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.isWanted()) this.look();
  }

  private connect(): void {
    if (this.off || this.socket !== null || typeof WebSocket === "undefined") return;
    const address = new URL(PATH, document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    let socket: WebSocket;
    try {
      socket = new WebSocket(address);
    } catch {
      this.off = true;
      return;
    }
    this.socket = socket;
    this.opened = { known: session.isKnown(), at: Date.now() };
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.open = true;
      this.watched = "";
      this.send();
    };
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) this.hear(String(data));
    };
    socket.onclose = ({ code }) => {
      if (this.socket === socket) void this.lost(code);
    };
  }

  private close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const socket = this.socket;
    this.ended();
    socket?.close();
  }

  /** There is no socket any more. */
  private ended(): void {
    this.socket = null;
    this.open = false;
    for (const each of subjects.values()) each.untold();
  }

  private async lost(code: number): Promise<void> {
    const begun = this.open;
    this.ended();
    if (code === RESTART) return this.again(Math.random() * SPREAD);
    if (code === TOKEN_ENDED) {
      await this.renew();
      return this.again(0);
    }
    if (!begun && this.failures === 0) {
      // A socket does not say why it could not be opened; a plain question does, where there is no such address.
      const status = await request({ path: PATH }).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 404) {
        this.off = true;
        return;
      }
      // Cookies that are worth nothing are refused.
      if (status > 0) await this.renew();
    }
    const pause = Math.min(AGAIN.first * 2 ** this.failures, AGAIN.longest);
    this.failures += 1;
    this.again(pause / 2 + (Math.random() * pause) / 2);
  }

  private async renew(): Promise<void> {
    if (!session.isKnown()) return;
    // Where nobody answers, polling says so.
    await refresh(this.opened.at).catch(() => false);
  }

  private again(pause: number): void {
    if (this.socket !== null) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.isWanted()) this.look();
    }, pause);
  }

  private hear(text: string): void {
    const said = JSON.parse(text) as
      | { type: Followed; id: string; value: unknown }
      | { type: "refused"; of: Followed; id: string; problem: { status?: number } };
    this.failures = 0;
    if (said.type !== "refused") {
      subjects.get(key(said.type, said.id))?.tell(said.value);
      return;
    }
    // Who asks hears why.
    subjects.get(key(said.of, said.id))?.untold();
    if (said.problem.status === 401 && session.isKnown()) {
      const { known } = this.opened;
      const socket = this.socket;
      this.ended();
      socket?.close();
      // Whoever has logged in since has good cookies.
      void (known ? this.renew() : Promise.resolve()).then(() => this.again(known ? AGAIN.first : 0));
    }
  }

  /** Says what is followed, a moment later: what else changes by then is said with it. */
  private say(): void {
    if (!this.open || this.gathering !== undefined) return;
    this.gathering = setTimeout(() => {
      this.gathering = undefined;
      this.send();
    }, GATHER);
  }

  private send(): void {
    if (!this.open || subjects.size === 0) return;
    const watch: Lists = { events: [], bookings: [], payments: [], analytics: [] };
    const own = () => watch.bookings.length + watch.payments.length + watch.analytics.length;
    for (const { part, id } of subjects.values()) {
      const { list } = PARTS[part];
      // What is more than it may be is asked for.
      if (list === "events" ? watch.events.length < EVENTS : own() < OWN) watch[list].push(id);
    }
    const message = JSON.stringify({ watch });
    if (message === this.watched) return;
    this.watched = message;
    this.socket?.send(message);
  }
}

const channel = new Channel();

/** Waits until the page is looked at. */
function looked(ended: AbortSignal): Promise<void> {
  if (!document.hidden || ended.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !ended.aborted) return;
      document.removeEventListener("visibilitychange", look);
      ended.removeEventListener("abort", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    ended.addEventListener("abort", look);
  });
}

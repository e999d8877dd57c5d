import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { News } from "./live";

/** A socket whose other end is the test. */
class FakeSocket {
  static all: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: unknown[] = [];
  closed = false;
  readonly address: URL;
  constructor(address: URL) {
    this.address = address;
    FakeSocket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
    this.lose(1005);
  }
  accept() {
    this.onopen?.();
  }
  say(message: unknown) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  lose(code: number) {
    this.onclose?.({ code });
  }
}

const sockets = () => FakeSocket.all;
const last = () => FakeSocket.all[FakeSocket.all.length - 1] as FakeSocket;

let asked: { path: string; known: string | null }[] = [];
let answer: (path: string) => Response | Promise<Response>;
let hidden = false;
let follow: typeof import("./live").follow;

function look(away: boolean) {
  hidden = away;
  document.dispatchEvent(new Event("visibilitychange"));
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("fetch", async (url: URL | string, init?: { headers?: Headers }) => {
    const path = new URL(url, document.baseURI).pathname;
    asked.push({ path, known: init?.headers?.get("if-none-match") ?? null });
    return answer(path);
  });
  localStorage.clear();
  sessionStorage.clear();
  [asked, hidden, FakeSocket.all] = [[], false, []];
  answer = () => new Response(null, { status: 503 });
  // A page of its own for each: whether there is a channel is found out once.
  vi.resetModules();
  ({ follow } = await import("./live"));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const LEFT = "/api/events/eu_e/availability";

test("where there is no channel, what is known is asked for with its ETag", async () => {
  vi.stubGlobal("WebSocket", undefined);
  const answers = [
    () => new Response('{"version":1}', { headers: { etag: '"1"' } }),
    () => new Response(null, { status: 304 }),
    () => Promise.reject(new TypeError("no network")),
    () => new Response('{"version":2}', { headers: { etag: '"2"' } }),
  ];
  answer = () => answers[asked.length - 1]?.() ?? new Promise(() => {});
  const heard: News[] = [];
  const end = follow("eu_e", ["availability"], (news) => heard.push(news));
  await vi.advanceTimersByTimeAsync(0);
  expect(heard).toMatchObject([{ value: { version: 1 } }]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(heard[1]).toEqual({ part: "availability", error: { kind: "network" } });
  // After a failure it takes longer until it is asked again.
  await vi.advanceTimersByTimeAsync(9_000);
  expect(asked.length).toBe(3);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(heard[2]).toMatchObject({ value: { version: 2 } });
  expect(asked.map(({ known }) => known)).toEqual([null, '"1"', '"1"', '"1"']);
  end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(4);
});

test("where the path answers 404 it is asked once whether there is a channel, and polled", async () => {
  answer = (path) => new Response(path === LEFT ? '{"version":1}' : null, { status: path === LEFT ? 200 : 404 });
  const end = follow("eu_e", ["availability"], () => {});
  last().lose(1006);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sockets().length).toBe(1);
  expect(asked.filter(({ path }) => path === "/api/live").length).toBe(1);
  expect(asked.filter(({ path }) => path === LEFT).length).toBeGreaterThan(10);
  end();
});

test("one socket tells of everything, and nothing is asked for meanwhile", async () => {
  answer = () => new Response('{"version":1}', { headers: { etag: '"1"' } });
  const heard: News[] = [];
  const end = follow("eu_e", ["availability", "analytics"], (news) => heard.push(news));
  const paid: News[] = [];
  const endPaid = follow("eu_p", ["payment"], (news) => paid.push(news), true);
  expect(last().address.href).toBe("ws://localhost:3000/api/live");
  last().accept();
  expect(last().sent).toEqual([{ watch: { events: ["eu_e"], bookings: [], payments: ["eu_p"], analytics: ["eu_e"] } }]);
  last().say({ type: "availability", id: "eu_e", value: { version: 2 } });
  last().say({ type: "analytics", id: "eu_e", value: { totals: {} } });
  last().say({ type: "payment", id: "eu_p", value: { status: "completed" } });
  last().say({ type: "availability", id: "eu_other", value: {} });
  await vi.advanceTimersByTimeAsync(0);
  // What was asked for before it came is older.
  expect(heard).toEqual([
    { part: "availability", value: { version: 2 } },
    { part: "analytics", value: { totals: {} } },
  ]);
  expect(paid).toEqual([{ part: "payment", value: { status: "completed" } }]);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(120_000);
  expect(asked.length).toBe(before);
  // Who comes later hears what is known, and is not told of by another message.
  const late: News[] = [];
  const endLate = follow("eu_e", ["availability"], (news) => late.push(news));
  expect(late).toMatchObject([{ value: { version: 2 } }]);
  await vi.advanceTimersByTimeAsync(100);
  expect(last().sent.length).toBe(1);
  endPaid();
  await vi.advanceTimersByTimeAsync(100);
  expect(last().sent[1]).toEqual({ watch: { events: ["eu_e"], bookings: [], payments: [], analytics: ["eu_e"] } });
  end();
  endLate();
  // A page that follows something else comes in a moment, or does not.
  await vi.advanceTimersByTimeAsync(9_000);
  expect(last().closed).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([last().closed, sockets().length]).toEqual([true, 1]);
});

test("a socket that is lost is opened again, later and later, and polled for meanwhile", async () => {
  answer = (path) => new Response('{"version":1}', { status: path === "/api/live" ? 400 : 200 });
  const end = follow("eu_e", ["availability"], () => {});
  last().accept();
  last().say({ type: "availability", id: "eu_e", value: { version: 2 } });
  await vi.advanceTimersByTimeAsync(0);
  const before = asked.length;
  last().lose(1006);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.length).toBe(before + 1);
  await vi.advanceTimersByTimeAsync(700);
  expect(sockets().length).toBe(1);
  await vi.advanceTimersByTimeAsync(50);
  expect(sockets().length).toBe(2);
  last().lose(1006);
  await vi.advanceTimersByTimeAsync(1_400);
  expect(sockets().length).toBe(2);
  await vi.advanceTimersByTimeAsync(100);
  expect(sockets().length).toBe(3);
  for (let tries = 0; tries < 20; tries += 1) {
    last().lose(1006);
    await vi.advanceTimersByTimeAsync(60_000);
  }
  expect(sockets().length).toBe(23);
  // When the network is there again nobody waits.
  last().lose(1006);
  await vi.advanceTimersByTimeAsync(0);
  window.dispatchEvent(new Event("online"));
  expect(sockets().length).toBe(24);
  // A node that stops asks for it itself: within two seconds, each at its own moment.
  last().accept();
  last().lose(1012);
  await vi.advanceTimersByTimeAsync(999);
  expect(sockets().length).toBe(24);
  await vi.advanceTimersByTimeAsync(1);
  expect(sockets().length).toBe(25);
  end();
});

test("with the token it ends, and goes on with another", async () => {
  localStorage.setItem("marquee.account", "true");
  answer = () => new Response("{}", { status: 200 });
  const end = follow("eu_b", ["booking"], () => {}, true);
  last().accept();
  await vi.advanceTimersByTimeAsync(10);
  last().lose(4001);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked.map(({ path }) => path)).toContain("/api/auth/refresh");
  expect(sockets().length).toBe(2);
  end();
});

test("what is refused is asked for, so that who follows it hears why", async () => {
  answer = () =>
    new Response('{"type":"/problems/not-found","status":404}', {
      status: 404,
      headers: { "content-type": "application/problem+json" },
    });
  const heard: News[] = [];
  const end = follow("eu_b", ["booking"], (news) => heard.push(news), true);
  last().accept();
  last().say({ type: "booking", id: "eu_b", value: { status: "held" } });
  last().say({ type: "refused", of: "booking", id: "eu_b", problem: { status: 404 } });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(heard[0]).toMatchObject({ value: { status: "held" } });
  expect(heard[1]).toMatchObject({ part: "booking", error: { type: "/problems/not-found" } });
  expect(sockets().length).toBe(1);
  end();
});

test("while nobody looks there is neither a socket nor a question", async () => {
  answer = () => new Response("{}");
  const end = follow("eu_e", ["availability"], () => {});
  last().accept();
  last().say({ type: "availability", id: "eu_e", value: { version: 1 } });
  await vi.advanceTimersByTimeAsync(0);
  look(true);
  await vi.advanceTimersByTimeAsync(5_000);
  look(false);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(last().closed).toBe(false);
  look(true);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(last().closed).toBe(true);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(600_000);
  expect([sockets().length, asked.length]).toEqual([1, before]);
  look(false);
  await vi.advanceTimersByTimeAsync(0);
  expect([sockets().length, asked.length]).toEqual([2, before + 1]);
  end();
});

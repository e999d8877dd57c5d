import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { makeStore } from "../app/store";
import { api } from ".";
import { session } from "./session";

const problem = (type: string, status: number, headers: Record<string, string> = {}) =>
  HttpResponse.json(
    { type: `/problems/${type}`, title: "", status, detail: "why", instance: "", request_id: "r1" },
    { status, headers },
  );

const server = setupServer();
beforeAll(() => {
  server.listen();
  // As browsers have them: one after the other.
  let last: Promise<unknown> = Promise.resolve();
  const request = (_name: string, work: () => Promise<unknown>) => {
    last = last.then(work, work);
    return last;
  };
  vi.stubGlobal("navigator", Object.assign(navigator, { locks: { request } }));
});
beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const url = (path: string) => new URL(path, document.baseURI).href;

test("cookies that have run out are made anew once, whoever asks meanwhile", async () => {
  session.began();
  let [good, refreshed] = [false, 0];
  server.use(
    http.get(url("/api/auth/me"), () => (good ? HttpResponse.json({ id: "eu_u" }) : problem("unauthenticated", 401))),
    http.get(url("/api/auth/sessions"), () =>
      good ? HttpResponse.json({ items: [] }) : problem("unauthenticated", 401),
    ),
    http.post(url("/api/auth/refresh"), () => {
      refreshed += 1;
      good = true;
      return HttpResponse.json({});
    }),
  );
  const { dispatch } = makeStore();
  const answers = await Promise.all([
    dispatch(api.endpoints.me.initiate()),
    dispatch(api.endpoints.sessions.initiate()),
  ]);
  expect(answers.map((answer) => answer.isSuccess)).toEqual([true, true]);
  expect(refreshed).toBe(1);
});

test("a session that is over is over", async () => {
  session.began();
  server.use(
    http.get(url("/api/auth/me"), () => problem("unauthenticated", 401)),
    http.post(url("/api/auth/refresh"), () => problem("token-revoked", 401)),
  );
  const { error } = await makeStore().dispatch(api.endpoints.me.initiate());
  expect(error).toMatchObject({ kind: "problem", type: "/problems/unauthenticated" });
});

test("a write carries its key, and what was seen is sent back", async () => {
  const sent: Headers[] = [];
  server.use(
    http.post(url("/api/bookings"), ({ request }) => {
      sent.push(request.headers);
      return HttpResponse.json({ id: "eu_b" }, { status: 201, headers: { "marquee-seen": "token" } });
    }),
  );
  const { dispatch } = makeStore();
  const wish = { event: "eu_e", items: [], key: "k1" };
  await dispatch(api.endpoints.hold.initiate(wish));
  await dispatch(api.endpoints.hold.initiate(wish));
  expect(sent.map((headers) => headers.get("idempotency-key"))).toEqual(["k1", "k1"]);
  expect(sent.map((headers) => headers.get("marquee-seen"))).toEqual([null, "token"]);
});

test("each way to fail is told apart", async () => {
  const { dispatch } = makeStore();
  const ask = async (answer: () => Response) => {
    server.use(http.get(url("/api/events/eu_e"), answer));
    const { error } = await dispatch(api.endpoints.event.initiate("eu_e", { forceRefetch: true }));
    return error;
  };
  expect(await ask(() => problem("rate-limited", 429, { "retry-after": "7" }))).toMatchObject({
    kind: "problem",
    type: "/problems/rate-limited",
    retryAfter: 7,
    requestId: "r1",
  });
  expect(await ask(() => HttpResponse.error())).toEqual({ kind: "network" });
  expect(await ask(() => new HttpResponse("<h1>Bad gateway</h1>", { status: 502 }))).toEqual({
    kind: "unreadable",
    status: 502,
  });
  expect(await ask(() => problem("of-tomorrow", 418))).toEqual({ kind: "unreadable", status: 418 });
});

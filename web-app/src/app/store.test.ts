import { act, renderHook, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { type ComponentProps, createElement, type ReactNode } from "react";
import { Provider } from "react-redux";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { api, type User } from "../api";
import { begin, forget, store as keep, load } from "../checkout/state";
import { isGuest, makeStore, useAccount, useSession } from "./store";

const server = setupServer(http.get(new URL("/api/auth/me", document.baseURI).href, () => HttpResponse.error()));
beforeAll(() => server.listen());
afterAll(() => server.close());
beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  forget();
});

const person: User = {
  id: "eu_p",
  email: "a@example.com",
  email_verified: true,
  name: "Ada",
  language: "en",
  roles: ["user"],
};
const guest: User = { ...person, id: "eu_g", email_verified: false, name: "", roles: [], guest: true };
const order = { id: "eu_b", event_id: "eu_e" } as Parameters<typeof api.util.upsertQueryData<"booking">>[2];

function visit() {
  const store = makeStore();
  const wrapper = ({ children }: { children: ReactNode }) =>
    createElement(Provider, { store } as ComponentProps<typeof Provider>, children);
  const { result } = renderHook(() => ({ account: useAccount(), session: useSession() }), { wrapper });
  const known = () => api.endpoints.booking.select("eu_b")(store.getState()).data;
  return { store, result, known };
}

test("a guest is somebody, and no member", async () => {
  const { result } = visit();
  expect([result.current.account.state, isGuest(result.current.account)]).toEqual(["out", false]);
  await act(async () => result.current.session.begin(guest));
  await waitFor(() => expect(isGuest(result.current.account)).toBe(true));
});

test("who logs in after a guest sees nothing of theirs, and goes on with what was chosen", async () => {
  const { store, result, known } = visit();
  await act(async () => result.current.session.begin(guest));
  await act(async () => void (await store.dispatch(api.util.upsertQueryData("booking", "eu_b", order))));
  keep("eu_e", begin([{ ticket_type_id: "eu_t", quantity: 2 }]));
  expect(known()).toBeDefined();

  await act(async () => result.current.session.begin(person));
  await waitFor(() => expect(result.current.account).toMatchObject({ state: "in", user: { id: "eu_p" } }));
  expect(known()).toBeUndefined();
  expect(load("eu_e").items).toHaveLength(1);
});

test("a guest whose address was mistyped leaves, and what was chosen stays; who logs out takes it along", async () => {
  const { result } = visit();
  const wish = begin([{ ticket_type_id: "eu_t", quantity: 2 }]);
  await act(async () => result.current.session.begin(guest));
  keep("eu_e", wish);
  await act(async () => result.current.session.lapse());
  expect(result.current.account.state).toBe("out");
  forget();
  expect(load("eu_e")).toEqual(wish);
  await act(async () => result.current.session.end());
  expect(load("eu_e").items).toEqual([]);
});

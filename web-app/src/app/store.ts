import { configureStore, createReducer } from "@reduxjs/toolkit";
import { setupListeners } from "@reduxjs/toolkit/query";
import { useDispatch, useSelector } from "react-redux";
import { api, type User, useMeQuery } from "../api";
import { isProblem } from "../api/problem";
import { accountKnown, session } from "../api/session";
import { forget } from "../checkout/state";
import { forgetLists } from "../door/forget";
import { forgetTickets } from "../orders/keep";

const account = createReducer(
  () => ({ known: session.isKnown() }),
  (builder) =>
    builder.addCase(accountKnown, (state, { payload }) => {
      state.known = payload;
    }),
);

export function makeStore() {
  const store = configureStore({
    reducer: { [api.reducerPath]: api.reducer, account },
    middleware: (defaults) => defaults().concat(api.middleware),
  });
  setupListeners(store.dispatch);
  return store;
}

type Store = ReturnType<typeof makeStore>;
type State = ReturnType<Store["getState"]>;
type Dispatch = Store["dispatch"];

/** What changes the store, and runs what changes it. */
export const useAppDispatch = () => useDispatch<Dispatch>();

/** What is to be shown of whoever uses this browser. */
export type Account =
  | { state: "out" }
  | { state: "loading" }
  | { state: "failed"; error: unknown; retry: () => void }
  | { state: "in"; user: User };

/** Whether it is somebody who buys with an address alone, and has no account. */
export function isGuest(account: Account): boolean {
  return account.state === "in" && account.user.guest === true;
}

export function useAccount(): Account {
  const known = useSelector((state: State) => state.account.known);
  const { data, error, refetch } = useMeQuery(undefined, { skip: !known });
  if (!known) return { state: "out" };
  if (data) return { state: "in", user: data };
  if (isProblem(error, "/problems/unauthenticated", "/problems/token-revoked")) return { state: "out" };
  if (error) return { state: "failed", error, retry: refetch };
  return { state: "loading" };
}

/** What to call when somebody has logged in or out. */
export function useSession() {
  const dispatch = useAppDispatch();
  return {
    begin(user: User): void {
      session.began();
      dispatch((_, state) => {
        const before = api.endpoints.me.select()(state()).data;
        // What a guest was shown, or somebody else, is not for whoever is here now.
        if (before && before.id !== user.id) dispatch(api.util.resetApiState());
      });
      dispatch(api.util.upsertQueryData("me", undefined, user));
      dispatch(accountKnown(true));
    },
    /** Nobody is logged in any more, and what was chosen stays for whoever goes on with it. */
    lapse(): void {
      session.lapsed();
      forgetTickets();
      dispatch(accountKnown(false));
      dispatch(api.util.resetApiState());
    },
    end(): void {
      forgetLists();
      forgetTickets();
      session.ended();
      forget();
      dispatch(accountKnown(false));
      dispatch(api.util.resetApiState());
    },
  };
}

/** Keeps to what other tabs do. */
export function followOtherTabs(store: Store): void {
  session.watch((known) => {
    store.dispatch(accountKnown(known));
    if (!known) store.dispatch(api.util.resetApiState());
  });
}

import { createAction } from "@reduxjs/toolkit";
import { local, tab } from "../lib/storage";

/** Whether somebody is logged in has changed. */
export const accountKnown = createAction<boolean>("account/known");

/** Whether somebody has logged in with this browser. The cookies say who; no script reads those, and asking for nobody would cost a request a page. */
const HINT = "marquee.account";
/** When the cookies were last made anew, in milliseconds. */
const REFRESHED = "marquee.refreshed";
/** Everything of a tab's that goes when its person does. */
const OWN = ["marquee.checkout.", "marquee.organise."];

export const session = {
  isKnown: (): boolean => local.read<boolean>(HINT) === true,
  began(): void {
    local.write(HINT, true);
  },
  /** The cookies are worth nothing any more. What was chosen stays: it is the same person who logs in again. */
  lapsed(): void {
    local.remove(HINT);
  },
  /** Somebody has left, and takes along what was theirs. */
  ended(): void {
    local.remove(HINT);
    for (const key of tab.keys().filter((key) => OWN.some((own) => key.startsWith(own)))) tab.remove(key);
  },
  /** Calls back when another tab logs in or out. */
  watch(changed: (known: boolean) => void): () => void {
    const listen = (event: StorageEvent) => {
      if (event.key === HINT) changed(event.newValue === "true");
    };
    window.addEventListener("storage", listen);
    return () => window.removeEventListener("storage", listen);
  },
};

/**
 * Has the cookies made anew, one tab at a time: a refresh token is good once, and a tab that waited finds that another has done it.
 * Gives whether there are good ones now; throws where nobody answers.
 */
export async function refresh(since: number): Promise<boolean> {
  const once = async () => {
    if ((local.read<number>(REFRESHED) ?? 0) > since) return true;
    const response = await fetch("/api/auth/refresh", { method: "POST" });
    if (response.ok) local.write(REFRESHED, Date.now());
    if (response.status >= 500 || response.status === 429) throw new TypeError("no answer");
    return response.ok;
  };
  // Only pages that came over TLS, or from this machine, have locks.
  return navigator.locks ? navigator.locks.request("marquee-refresh", once) : once();
}

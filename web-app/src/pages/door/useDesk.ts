import { useCallback, useEffect, useRef, useState } from "react";
import { downloadList, remote } from "../../api/door";
import type { Failure } from "../../api/problem";
import { canVerify } from "../../door/code";
import type { OfflineList } from "../../door/decide";
import { type Conflict, Desk, type Post } from "../../door/desk";
import { DoorStore, NoStore } from "../../door/keep";

/** Milliseconds between two tries to tell what waits, and between two downloads of the list. */
const SYNC = 5000;
const FRESH = 300_000;

/** How things stand at a gate, for who stands there. */
export interface Standing {
  waiting: number;
  away: boolean;
  /** When the list was so that is decided by without a network; null: there is none. */
  asOf: string | null;
  tickets: number;
  /** Whether this browser can verify signatures; null: that is not known yet. */
  verifies: boolean | null;
  conflicts: Conflict[];
  /** Why what waits cannot be told, or the list cannot be had, other than for want of a network. */
  failure: Failure | null;
  /** This browser keeps nothing: without a network nobody can be let in. */
  broken: boolean;
}

const BEGIN: Standing = {
  waiting: 0,
  away: !navigator.onLine,
  asOf: null,
  tickets: 0,
  verifies: null,
  conflicts: [],
  failure: null,
  broken: false,
};

/** A gate's desk, with what it keeps in this browser, told to the server whenever that is there. */
export function useDesk(post: Post): {
  desk: Desk | null;
  standing: Standing;
  refresh: () => void;
  dismiss: () => void;
} {
  const [desk, setDesk] = useState<Desk | null>(null);
  const [standing, setStanding] = useState<Standing>(BEGIN);
  const store = useRef<DoorStore | null>(null);
  const change = useCallback((more: Partial<Standing>) => setStanding((before) => ({ ...before, ...more })), []);

  // What a gate is opened with does not change: another one is another page.
  const [first] = useState(post);
  useEffect(() => {
    let gone = false;
    const opening = (async () => {
      const verifies = await canVerify();
      const kept = await DoorStore.open();
      const opened = await Desk.open(first, remote, kept);
      const list = await kept.list(first.event.id, first.list.id);
      if (gone) return kept.close();
      store.current = kept;
      if (verifies) opened.list = list;
      change({ verifies, waiting: opened.waiting, asOf: list?.asOf ?? null, tickets: list?.tickets.size ?? 0 });
      setDesk(opened);
    })();
    opening.catch(async () => {
      const opened = await Desk.open(first, remote, new NoStore());
      if (gone) return;
      change({ broken: true });
      setDesk(opened);
    });
    return () => {
      gone = true;
      store.current?.close();
      store.current = null;
    };
  }, [first, change]);

  const refresh = useCallback(() => {
    if (!desk) return;
    change({ waiting: desk.waiting, away: desk.isAway || !navigator.onLine });
  }, [desk, change]);

  useEffect(() => {
    if (!desk) return;
    let [gone, busy, downloaded] = [false, false, 0];
    const keep = async (list: OfflineList) => {
      if (!store.current) return;
      if (await canVerify()) desk.list = list;
      change({ asOf: list.asOf, tickets: list.tickets.size });
      await store.current.saveList(list);
    };
    const look = async () => {
      if (busy || gone) return;
      busy = true;
      try {
        if (navigator.onLine && desk.waiting > 0) {
          const told = await desk.sync();
          if (gone) return;
          setStanding((before) => ({
            ...before,
            conflicts: [...before.conflicts, ...told.conflicts],
            failure: told.error?.kind === "problem" && told.error.status < 500 ? told.error : null,
          }));
        }
        if (navigator.onLine && Date.now() - downloaded > FRESH) {
          const list = await downloadList(first.event.id, first.list.id);
          if (gone) return;
          if ("data" in list) {
            downloaded = Date.now();
            change({ failure: null });
            await keep(list.data);
          } else if (list.error.kind === "problem" && list.error.status < 500) {
            change({ failure: list.error });
          }
        }
        change({ waiting: desk.waiting, away: desk.isAway || !navigator.onLine });
      } catch {
        // What cannot be written down: the next look tries again.
      } finally {
        busy = false;
      }
    };
    void look();
    const timer = setInterval(() => void look(), SYNC);
    const now = () => void look();
    window.addEventListener("online", now);
    window.addEventListener("offline", now);
    return () => {
      gone = true;
      clearInterval(timer);
      window.removeEventListener("online", now);
      window.removeEventListener("offline", now);
    };
  }, [desk, first, change]);

  const dismiss = useCallback(() => change({ conflicts: [] }), [change]);
  return { desk, standing, refresh, dismiss };
}

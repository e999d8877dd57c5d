import { useEffect, useState } from "react";
import { type Followed, follow, type Live } from "../api/live";

export interface Shown extends Partial<Live> {
  /** Why what is shown may be out of date, by part. */
  errors: Partial<Record<Followed, unknown>>;
}

/** What is known of an event, and stays true while it is looked at. */
export function useLive(event: string, parts: Followed[]): Shown {
  const [shown, set] = useState<Shown>({ errors: {} });
  const wanted = parts.join();
  useEffect(() => {
    set({ errors: {} });
    const all = wanted === "" ? [] : (wanted.split(",") as Followed[]);
    return follow(event, all, (news) =>
      set((before) =>
        "error" in news
          ? { ...before, errors: { ...before.errors, [news.part]: news.error } }
          : { ...before, [news.part]: news.value, errors: { ...before.errors, [news.part]: undefined } },
      ),
    );
  }, [event, wanted]);
  return shown;
}

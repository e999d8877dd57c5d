import { useEffect } from "react";
import { api } from "../api";
import type { Followed, News } from "../api/live";
import { useAppDispatch } from "./store";

/** Keeps what the query of this name has of this id as it is now; null: of nothing. */
export function useFollow(part: Exclude<Followed, "analytics">, id: string | null): void {
  const dispatch = useAppDispatch();
  useEffect(() => {
    if (id === null) return;
    const hear = (news: News) => {
      if ("error" in news) return;
      switch (news.part) {
        case "availability":
          return void dispatch(api.util.upsertQueryData("availability", id, news.value));
        case "booking":
          return void dispatch(api.util.upsertQueryData("booking", id, news.value));
        case "payment":
          return void dispatch(api.util.upsertQueryData("payment", id, news.value));
      }
    };
    let end: (() => void) | null | undefined;
    // The first page has no room for it. Where it cannot be had there is no network, and nothing to follow.
    void import("../api/live").then(
      ({ follow }) => {
        // The query itself asks first.
        if (end !== null) end = follow(id, [part], hear, true);
      },
      () => {},
    );
    return () => {
      end?.();
      end = null;
    };
  }, [dispatch, part, id]);
}

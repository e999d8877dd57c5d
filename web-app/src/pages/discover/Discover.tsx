import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { skipToken } from "@reduxjs/toolkit/query";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { useEventsInfiniteQuery, useFacetsQuery, useMonthQuery } from "../../api";
import { categoryName } from "../../i18n/words";
import { useSettled } from "../../lib/hooks";
import { byDay, monthText } from "../../lib/month";
import { formatClock } from "../../lib/time";
import { Button } from "../../ui/Button";
import { EventCard } from "../../ui/EventCard";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Skeleton } from "../../ui/Skeleton";
import { Segments } from "../../ui/Tabs";
import styles from "./Discover.module.css";
import { FilterPanel } from "./FilterPanel";
import { EMPTY, isNarrowed, read, type Search, shownMonth, toFilters, write } from "./filters";

const Calendar = lazy(() => import("./Calendar"));

/** Milliseconds after the last key. */
const TYPING = 250;

export function Discover() {
  const { t, i18n } = useLingui();
  const [parameters, setParameters] = useSearchParams();
  const search = useMemo(() => read(parameters), [parameters]);
  const change = (changes: Partial<Search>) => setParameters(write({ ...search, ...changes }), { replace: true });

  // Typing is shown at once and asked for a little later.
  const [typed, setTyped] = useState(search.q);
  const settled = useSettled(typed, TYPING);
  const asked = useRef(search.q);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what was typed moves the address
  useEffect(() => {
    if (settled !== asked.current) {
      asked.current = settled;
      change({ q: settled });
    }
  }, [settled]);
  useEffect(() => {
    // Somebody went back, or followed a link.
    if (search.q !== asked.current) {
      asked.current = search.q;
      setTyped(search.q);
    }
  }, [search.q]);

  const calendar = search.view === "calendar";
  const filters = useMemo(() => toFilters(search, new Date()), [search]);
  const { currentData, isFetching, isFetchingNextPage, hasNextPage, fetchNextPage, ...list } = useEventsInfiniteQuery(
    calendar ? skipToken : filters,
  );
  const ofMonth = useMonthQuery(calendar ? filters : skipToken);
  const { category: _category, ...others } = filters;
  const wider = useFacetsQuery(others, { skip: !search.category });

  const pages = currentData?.pages;
  const first = calendar ? ofMonth.currentData : pages?.[0];
  const { error, refetch } = calendar ? ofMonth : list;
  const events = (calendar ? first?.items : pages?.flatMap((page) => page.items)) ?? [];
  const month = useMemo(() => shownMonth(search, new Date()), [search]);
  const found = !first
    ? 0
    : calendar
      ? [...byDay(first.items, month).values()].reduce((sum, day) => sum + day.length, 0)
      : Object.values(first.facets.category).reduce((sum, count) => sum + count, 0);
  const categories = Object.entries((search.category ? wider.currentData : first?.facets)?.category ?? {});
  const filtered = isNarrowed(search);

  return (
    <Page
      title={t`Discover`}
      heading={
        <div className={styles.hero}>
          <h1 tabIndex={-1}>
            <Trans>What will you remember this year?</Trans>
          </h1>
          <search>
            <form
              className={styles.search}
              onSubmit={(event) => {
                event.preventDefault();
                asked.current = typed;
                change({ q: typed });
              }}
            >
              <label htmlFor="q" className="visually-hidden">
                <Trans>Search events</Trans>
              </label>
              <input
                id="q"
                type="search"
                value={typed}
                maxLength={200}
                autoComplete="off"
                enterKeyHint="search"
                placeholder={t`A title, a venue, a city`}
                onChange={({ target }) => setTyped(target.value)}
              />
              <Button type="submit">
                <Trans>Search</Trans>
              </Button>
            </form>
          </search>
        </div>
      }
    >
      <div className={styles.chips}>
        <button type="button" aria-pressed={search.category === ""} onClick={() => change({ category: "" })}>
          <Trans>Everything</Trans>
        </button>
        {(categories.length > 0 ? categories : search.category ? [[search.category, 0] as const] : []).map(
          ([slug, count]) => (
            <button
              key={slug}
              type="button"
              aria-pressed={search.category === slug}
              onClick={() => change({ category: search.category === slug ? "" : slug })}
            >
              {categoryName(slug, (text) => i18n._(text))}
              {count > 0 && <span className={styles.count}>{i18n.number(count)}</span>}
            </button>
          ),
        )}
      </div>

      <div className={styles.columns}>
        <FilterPanel search={search} change={change} filters={filters} facets={first?.facets} events={events} />

        <section aria-label={t`Events`} className={styles.results}>
          <div className={styles.status}>
            <Segments
              label={t`How events are shown`}
              choices={[
                { value: "list", label: t`List` },
                { value: "calendar", label: t`Calendar` },
              ]}
              chosen={search.view}
              onChoose={(view) => change({ view })}
            />
            <p role="status">
              {first ? (
                <Plural value={found} _0="Nothing found" one="# event" other="# events" />
              ) : error ? null : (
                <Trans>Searching…</Trans>
              )}
            </p>
            {first && (
              <p className={styles.fresh}>
                <Trans>
                  As of <time dateTime={first.as_of}>{formatClock(first.as_of, i18n.locale)}</time>
                </Trans>
              </p>
            )}
            {filtered && (
              <Button
                look="plain"
                onClick={() => {
                  setTyped("");
                  asked.current = "";
                  setParameters(write({ ...EMPTY, view: search.view, month: search.month }), { replace: true });
                }}
              >
                <Trans>Clear the search</Trans>
              </Button>
            )}
          </div>
          {first?.incomplete && (
            <Notice tone="unknown" title={<Trans>Some events are missing</Trans>}>
              <p>
                <Trans>A part of the platform cannot be reached just now. What it sells is not in this list.</Trans>
              </p>
            </Notice>
          )}
          {error && <FailureNotice error={error} retry={refetch} />}
          {calendar && !error && (
            <Suspense fallback={<Skeleton height="24rem" />}>
              <Calendar
                month={month}
                events={first?.items}
                day={search.day}
                onMonth={(next) => change({ month: monthText(next), day: "" })}
                onDay={(day) => change({ day })}
              />
              {first && first.next_cursor !== null && (
                <Notice tone="unknown" title={<Trans>This month has more events than are shown</Trans>}>
                  <p>
                    <Trans>Search for less, as a city or a category, to see all of them.</Trans>
                  </p>
                </Notice>
              )}
            </Suspense>
          )}
          {!calendar && !first && !error && (
            <div className={styles.grid}>
              {["a", "b", "c", "d", "e", "f"].map((card) => (
                <Skeleton key={card} height="20rem" />
              ))}
            </div>
          )}
          {!calendar && first && events.length === 0 && (
            <div className={styles.empty}>
              <p className={styles.emptyTitle}>
                <Trans>No event is like that</Trans>
              </p>
              <p>
                <Trans>
                  Try another word, another city or more days. Words are found by their beginning, in titles, venues,
                  cities and descriptions.
                </Trans>
              </p>
            </div>
          )}
          {!calendar && (
            <ul className={styles.grid} aria-busy={isFetching}>
              {events.map((event) => (
                <li key={event.id}>
                  <EventCard event={event} />
                </li>
              ))}
            </ul>
          )}
          {!calendar && hasNextPage && (
            <div className={styles.more}>
              <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                <Trans>Show more events</Trans>
              </Button>
            </div>
          )}
        </section>
      </div>
    </Page>
  );
}

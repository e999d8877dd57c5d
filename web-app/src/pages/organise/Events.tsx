import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useEffect } from "react";
import { Link, useSearchParams } from "react-router";
import { type EventStatus, type OwnEvent, useOwnEventsInfiniteQuery } from "../../api/organise";
import { useNow } from "../../lib/hooks";
import { formatWhen } from "../../lib/time";
import { Badge } from "../../ui/Badge";
import { LinkButton } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/Panel";
import { type Column, Table } from "../../ui/Table";
import { Segments } from "../../ui/Tabs";
import styles from "./Organise.module.css";
import { Listed, useOrganiser } from "./parts";
import { STANDING, type Standing, standingOf } from "./words";

const VIEWS = ["all", "draft", "on-sale", "past", "cancelled"] as const;
type View = (typeof VIEWS)[number];

/** What the API tells apart. Whether an event is over it does not. */
const STATUS: Record<Standing, EventStatus> = {
  draft: "draft",
  "on-sale": "published",
  past: "published",
  cancelled: "cancelled",
};

export function Events() {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const [search, setSearch] = useSearchParams();
  const now = useNow(60_000);
  const view = VIEWS.find((each) => each === search.get("show")) ?? "all";
  const list = useOwnEventsInfiniteQuery(
    view === "all" ? { organiser: organiser.id } : { organiser: organiser.id, status: STATUS[view] },
    { refetchOnMountOrArgChange: true },
  );
  const { hasNextPage, isFetching, isError, fetchNextPage } = list;
  const events = (list.data?.pages.flatMap((page) => page.items) ?? []).filter(
    (event) => view === "all" || standingOf(event, now) === view,
  );
  const incomplete = list.data?.pages.some((page) => page.incomplete);
  // A page may have nothing of what is looked for, and the next one all of it.
  useEffect(() => {
    if (events.length === 0 && hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [events.length, hasNextPage, isFetching, isError, fetchNextPage]);

  const names: Record<View, string> = {
    all: t({ message: "All", context: "events" }),
    draft: t({ message: "Drafts", context: "events" }),
    "on-sale": t({ message: "Published", context: "events" }),
    past: t({ message: "Past", context: "events" }),
    cancelled: t({ message: "Cancelled", context: "events" }),
  };
  const columns: Column<OwnEvent>[] = [
    {
      key: "title",
      title: t`Event`,
      names: true,
      cell: (event) => (
        <Link to={`/organise/${organiser.id}/events/${event.id}`}>
          <bdi>{event.title}</bdi>
        </Link>
      ),
    },
    { key: "when", title: t`When`, cell: (event) => formatWhen(event.starts_at, i18n.locale, event.timezone) },
    {
      key: "where",
      title: t`Where`,
      cell: (event) => (
        <>
          <bdi>{event.venue.name}</bdi>, <bdi>{event.venue.city}</bdi>
        </>
      ),
    },
    {
      key: "places",
      title: t`Places`,
      figure: true,
      cell: (event) =>
        new Intl.NumberFormat(i18n.locale).format(event.ticket_types.reduce((sum, type) => sum + type.capacity, 0)),
    },
    {
      key: "state",
      title: t`State`,
      cell: (event) => {
        const { name, tone } = STANDING[standingOf(event, now)];
        return <Badge tone={tone}>{i18n._(name)}</Badge>;
      },
    },
  ];
  const create = organiser.may("edit-events") && (
    <LinkButton to={`/organise/${organiser.id}/new`}>
      <Trans>Create an event</Trans>
    </LinkButton>
  );
  return (
    <Page title={t`Events`}>
      <div className={styles.bar}>
        <Segments
          label={t`Which events`}
          choices={VIEWS.map((value) => ({ value, label: names[value] }))}
          chosen={view}
          onChoose={(value) => setSearch(value === "all" ? {} : { show: value }, { replace: true })}
        />
        {create}
      </div>
      {incomplete && (
        <Notice tone="unknown" title={<Trans>Some events are missing</Trans>}>
          <p>
            <Trans>A part of the platform cannot be reached just now. What is at home there is not in this list.</Trans>
          </p>
        </Notice>
      )}
      <Listed
        state={list}
        empty={
          events.length === 0 &&
          (view === "all" ? (
            <Empty title={<Trans>No events yet</Trans>}>
              <p>
                {organiser.may("edit-events") ? (
                  <Trans>Create the first one: it stays a draft that only your team sees until you publish it.</Trans>
                ) : (
                  <Trans>Events appear here as soon as your team creates one.</Trans>
                )}
              </p>
              {create}
            </Empty>
          ) : (
            <Empty title={<Trans>No events here</Trans>} />
          ))
        }
      >
        <p className={styles.faint} role="status">
          <Plural value={events.length} one="# event is shown" other="# events are shown" />
        </p>
        <Table caption={t`Events`} columns={columns} rows={events} rowKey={(event) => event.id} />
      </Listed>
    </Page>
  );
}

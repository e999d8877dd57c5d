import { Trans, useLingui } from "@lingui/react/macro";
import { Link, useParams } from "react-router";
import { type Organiser, useAllOrganisersInfiniteQuery } from "../../api/admin";
import { type OwnEvent, type TeamMember, useOwnEventsInfiniteQuery, useTeamQuery } from "../../api/organise";
import { formatWhen, ownZone } from "../../lib/time";
import { Badge } from "../../ui/Badge";
import { LinkButton } from "../../ui/Button";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import { LoadingPage } from "../../ui/Skeleton";
import { type Column, Table } from "../../ui/Table";
import { NotFound } from "../NotFound";
import styles from "./Admin.module.css";
import { Id, Listed } from "./parts";
import { EVENT, TEAM_ROLE } from "./words";

export function OrganiserPage() {
  const { t } = useLingui();
  const { id = "" } = useParams();
  const list = useAllOrganisersInfiniteQuery({ search: id }, { refetchOnMountOrArgChange: true });
  const found = list.currentData?.pages.flatMap((page) => page.items).find((organiser) => organiser.id === id);
  if (found) return <Found organiser={found} />;
  if (list.currentData) return <NotFound />;
  if (!list.error) return <LoadingPage />;
  return (
    <Page title={t`Organiser`} narrow>
      <FailureNotice error={list.error} retry={list.refetch} />
    </Page>
  );
}

function Found({ organiser }: { organiser: Organiser }) {
  const { t } = useLingui();
  return (
    <Page title={organiser.name}>
      <Panel title={<Trans>Organisation</Trans>}>
        <dl className={styles.facts}>
          <div>
            <dt>
              <Trans>Contact address</Trans>
            </dt>
            <dd>
              <bdi>{organiser.contact_email ?? t`None`}</bdi>
            </dd>
          </div>
          <div>
            <dt>
              <Trans>Id</Trans>
            </dt>
            <dd>
              <Id>{organiser.id}</Id>
            </dd>
          </div>
        </dl>
        <div>
          <LinkButton look="plain" to={`/admin/audit?subject=${organiser.id}`}>
            <Trans>What was done to it</Trans>
          </LinkButton>
        </div>
      </Panel>
      <Team organiser={organiser.id} />
      <Events organiser={organiser.id} />
    </Page>
  );
}

function Team({ organiser }: { organiser: string }) {
  const { t, i18n } = useLingui();
  const team = useTeamQuery(organiser, { refetchOnMountOrArgChange: true });
  const members = team.currentData?.items ?? [];
  const columns: Column<TeamMember>[] = [
    {
      key: "name",
      title: t`Name`,
      names: true,
      cell: (member) => (
        <Link to={`/admin/users/${member.user_id}`}>
          <bdi>{member.name}</bdi>
        </Link>
      ),
    },
    { key: "email", title: t`Email`, cell: (member) => <bdi>{member.email}</bdi> },
    { key: "role", title: t`Role`, cell: (member) => i18n._(TEAM_ROLE[member.role]) },
  ];
  return (
    <section className={styles.stack}>
      <h2>
        <Trans>Team</Trans>
      </h2>
      <Listed state={team} count={members.length} none={<Trans>Nobody is in this team</Trans>}>
        <Table caption={t`Team`} columns={columns} rows={members} rowKey={(member) => member.user_id} />
      </Listed>
    </section>
  );
}

function Events({ organiser }: { organiser: string }) {
  const { t, i18n } = useLingui();
  const list = useOwnEventsInfiniteQuery({ organiser }, { refetchOnMountOrArgChange: true });
  const pages = list.currentData?.pages ?? [];
  const events = pages.flatMap((page) => page.items);
  const missing = [...new Set(pages.flatMap((page) => page.incomplete ?? []))];
  const columns: Column<OwnEvent>[] = [
    {
      key: "title",
      title: t`Event`,
      names: true,
      cell: (event) =>
        event.status === "draft" ? (
          <bdi>{event.title}</bdi>
        ) : (
          <Link to={`/e/${event.id}`}>
            <bdi>{event.title}</bdi>
          </Link>
        ),
    },
    { key: "state", title: t`State`, cell: (event) => <EventBadge event={event} /> },
    {
      key: "starts",
      title: t`Begins`,
      cell: (event) => formatWhen(event.starts_at, i18n.locale, event.timezone || ownZone()),
    },
    { key: "region", title: t`Region`, cell: (event) => <Id>{event.region}</Id> },
  ];
  return (
    <section className={styles.stack}>
      <h2>
        <Trans>Events</Trans>
      </h2>
      {missing.length > 0 && <Missing regions={missing} />}
      <Listed state={list} count={events.length} none={<Trans>No events yet</Trans>}>
        <Table caption={t`Events`} columns={columns} rows={events} rowKey={(event) => event.id} />
      </Listed>
    </section>
  );
}

function EventBadge({ event }: { event: OwnEvent }) {
  const { i18n } = useLingui();
  const { name, tone } = EVENT[event.status];
  return <Badge tone={tone}>{i18n._(name)}</Badge>;
}

/** Regions that did not answer. */
export function Missing({ regions }: { regions: string[] }) {
  const { i18n } = useLingui();
  const names = new Intl.ListFormat(i18n.locale).format(regions);
  return <Notice tone="bad" title={<Trans>These regions did not answer: {names}</Trans>} />;
}

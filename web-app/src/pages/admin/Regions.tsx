import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { type NodeReport, type Region, useRegionsQuery } from "../../api/admin";
import { formatClock, formatWhen, ownZone } from "../../lib/time";
import { Badge } from "../../ui/Badge";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import { LoadingPage } from "../../ui/Skeleton";
import { type Column, Table } from "../../ui/Table";
import styles from "./Admin.module.css";
import { Missing } from "./Organiser";
import { Id } from "./parts";
import { CHECK, NODE, NODE_ROLE } from "./words";

/** Milliseconds between two looks, while the page is looked at: nodes say how they are every 5 s. */
export const LOOK = 10_000;

export function Regions() {
  const { t } = useLingui();
  const { data, error, refetch } = useRegionsQuery(undefined, {
    refetchOnMountOrArgChange: true,
    pollingInterval: LOOK,
    skipPollingIfUnfocused: true,
  });
  if (!data && !error) return <LoadingPage />;
  const regions = [...(data?.items ?? [])].sort((one, other) => one.id.localeCompare(other.id));
  return (
    <Page title={t`Regions`}>
      {error && <FailureNotice error={error} retry={refetch} />}
      {data?.incomplete && <Missing regions={data.incomplete} />}
      {regions.map((region) => (
        <OneRegion key={region.id} region={region} />
      ))}
      <p className={styles.hint}>
        <Trans>
          Nodes that have a region's database say every 5 seconds how they are. An edge that runs by itself says it to
          its own listener alone.
        </Trans>
      </p>
    </Page>
  );
}

/** How a region is: as bad as the worst of its nodes that should be there. */
export function worst(nodes: Pick<NodeReport, "status">[]): NodeReport["status"] | null {
  const order: NodeReport["status"][] = ["down", "silent", "degraded", "draining", "up"];
  return order.find((status) => nodes.some((node) => node.status === status)) ?? null;
}

function OneRegion({ region }: { region: Region }) {
  const { t, i18n } = useLingui();
  const number = (value: number) => i18n.number(value);
  const state = worst(region.nodes);
  const { journal, queues } = region;
  const held = region.leases.filter((lease) => lease.owner !== null);
  const name = region.id;
  const at = formatClock(region.created_at, i18n.locale);
  const figures = [
    { name: t`Position of the journal`, value: number(journal.position) },
    { name: t`Without a position yet`, value: number(queues.journal) },
    { name: t`Kafka is behind by`, value: journal.kafka ? number(journal.kafka.lag) : t`No Kafka` },
    ...(journal.worker ? [{ name: t`The worker is behind by`, value: number(journal.worker.lag) }] : []),
    { name: t`Mails that wait`, value: number(queues.mail) },
    { name: t`Mails that failed`, value: number(journal.mail.failed) },
    { name: t`Webhook messages that wait`, value: number(queues.webhooks) },
    { name: t`Payments looked at again`, value: number(queues.payments) },
    { name: t`Refunds that are due`, value: number(queues.refunds) },
    ...(region.leases.length > 0
      ? [{ name: t`Leases that are held`, value: `${number(held.length)} / ${number(region.leases.length)}` }]
      : []),
  ];
  return (
    <Panel
      title={<bdi>{name}</bdi>}
      aside={
        <span className={styles.badges}>
          {region.accounts && (
            <Badge tone="quiet">
              <Trans>Keeps the accounts</Trans>
            </Badge>
          )}
          {state && <Badge tone={NODE[state].tone}>{i18n._(NODE[state].name)}</Badge>}
          <span className={styles.faint}>
            <Trans>As of {at}</Trans>
          </span>
        </span>
      }
    >
      <dl className={styles.figures}>
        {figures.map((figure) => (
          <div key={figure.name}>
            <dt>{figure.name}</dt>
            <dd>{figure.value}</dd>
          </div>
        ))}
      </dl>
      {region.nodes.length > 0 ? (
        <Nodes region={region} />
      ) : (
        <p>
          <Trans>No node of this region says how it is.</Trans>
        </p>
      )}
      {region.leases.length > 0 && (
        <details className={styles.more}>
          <summary>
            <Trans>Who leads what</Trans>
          </summary>
          <ul className={styles.lines}>
            {region.leases.map((lease) => (
              <li key={lease.name}>
                <Id>{lease.name}</Id>
                {lease.owner === null ? (
                  <Badge tone="bad">
                    <Trans>Nobody</Trans>
                  </Badge>
                ) : (
                  <Id>{lease.owner}</Id>
                )}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

function Nodes({ region }: { region: Region }) {
  const { t, i18n } = useLingui();
  const columns: Column<NodeReport>[] = [
    {
      key: "name",
      title: t`Node`,
      names: true,
      cell: (node) => (
        <>
          <Id>{node.name}</Id>
          <p className={styles.faint}>{i18n._(NODE_ROLE[node.role])}</p>
        </>
      ),
    },
    {
      key: "status",
      title: t`State`,
      cell: (node) => <Badge tone={NODE[node.status].tone}>{i18n._(NODE[node.status].name)}</Badge>,
    },
    { key: "version", title: t`Version`, cell: (node) => <Id>{node.version}</Id> },
    { key: "since", title: t`Running since`, cell: (node) => formatWhen(node.started_at, i18n.locale, ownZone()) },
    { key: "checks", title: t`Checks`, cell: (node) => <Checks node={node} /> },
  ];
  return <Table caption={t`Nodes`} columns={columns} rows={region.nodes} rowKey={(node) => node.name} />;
}

/** What a node's checks say: those that are not well at once, the others for who asks. */
function Checks({ node }: { node: NodeReport }) {
  const { i18n } = useLingui();
  const bad = node.checks.filter((check) => check.status !== "up");
  const good = node.checks.filter((check) => check.status === "up");
  const count = good.length;
  const list = (checks: NodeReport["checks"]) => (
    <ul className={styles.lines}>
      {checks.map((check) => (
        <li key={check.name}>
          <span>
            <Id>{check.name}</Id>{" "}
            <span lang="en" dir="ltr" className={styles.faint}>
              {check.detail}
            </span>
          </span>
          {check.status !== "up" && <Badge tone={CHECK[check.status].tone}>{i18n._(CHECK[check.status].name)}</Badge>}
        </li>
      ))}
    </ul>
  );
  return (
    <div className={styles.stack}>
      {bad.length > 0 && list(bad)}
      {count > 0 && (
        <details className={styles.more}>
          <summary>
            <Plural value={count} one="# check is well" other="# checks are well" />
          </summary>
          {list(good)}
        </details>
      )}
    </div>
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { type CircuitBreaker, type Region, useRegionsQuery } from "../../api/admin";
import { Badge } from "../../ui/Badge";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/Panel";
import { LoadingPage } from "../../ui/Skeleton";
import { type Column, Table } from "../../ui/Table";
import styles from "./Admin.module.css";
import { Missing } from "./Organiser";
import { Id } from "./parts";
import { LOOK } from "./Regions";
import { BREAKER } from "./words";

interface Row extends CircuitBreaker {
  region: string;
  node: string;
}

/** All breakers of all nodes, those first that something is wrong with. */
export function rowsOf(regions: Pick<Region, "id" | "nodes">[]): Row[] {
  const order = ["open", "half-open", "closed"];
  const rows = regions.flatMap((region) =>
    region.nodes.flatMap((node) =>
      node.breakers.map((breaker) => ({ ...breaker, region: region.id, node: node.name })),
    ),
  );
  const place = (row: Row) => `${order.indexOf(row.state)} ${row.region} ${row.node} ${row.name}`;
  return rows.sort((one, other) => (place(one) < place(other) ? -1 : 1));
}

export function Breakers() {
  const { t, i18n } = useLingui();
  const { data, error, refetch } = useRegionsQuery(undefined, {
    refetchOnMountOrArgChange: true,
    pollingInterval: LOOK,
    skipPollingIfUnfocused: true,
  });
  if (!data && !error) return <LoadingPage />;
  const rows = rowsOf(data?.items ?? []);
  const wrong = rows.some((row) => row.state !== "closed");
  const count = (value: number | undefined) => (value === undefined ? "–" : i18n.number(value));
  const columns: Column<Row>[] = [
    { key: "name", title: t`Around`, names: true, cell: (row) => <Id>{row.name}</Id> },
    { key: "node", title: t`Node`, cell: (row) => <Id>{`${row.region} / ${row.node}`}</Id> },
    {
      key: "state",
      title: t`State`,
      cell: (row) => <Badge tone={BREAKER[row.state].tone}>{i18n._(BREAKER[row.state].name)}</Badge>,
    },
    { key: "succeeded", title: t`Went well`, figure: true, cell: (row) => count(row.succeeded) },
    { key: "failed", title: t`Failed`, figure: true, cell: (row) => count(row.failed) },
    { key: "rejected", title: t`Not let through`, figure: true, cell: (row) => count(row.rejected) },
  ];
  return (
    <Page title={t`Circuit breakers`}>
      {error && <FailureNotice error={error} retry={refetch} />}
      {data?.incomplete && <Missing regions={data.incomplete} />}
      {rows.length > 0 && (
        <Notice
          tone={wrong ? "bad" : "good"}
          title={wrong ? <Trans>Something outside does not answer</Trans> : <Trans>Everything outside answers</Trans>}
        />
      )}
      {rows.length > 0 ? (
        <Table
          caption={t`Circuit breakers`}
          columns={columns}
          rows={rows}
          rowKey={(row) => `${row.region} ${row.node} ${row.name}`}
        />
      ) : (
        data && <Empty title={<Trans>No node has anything outside that it depends on</Trans>} />
      )}
      <p className={styles.hint}>
        <Trans>
          There is one around each database, provider, mail server and node that a node depends on. One that is open
          leaves it alone for about a second and then tries it again by itself.
        </Trans>
      </p>
    </Page>
  );
}

import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link } from "react-router";
import {
  type AuditEntry,
  type AuditFilter,
  auditTable,
  type Region,
  useAuditLogInfiniteQuery,
  useRegionsQuery,
} from "../../api/admin";
import { save } from "../../lib/download";
import { dayToInstant, formatWhen, ownZone } from "../../lib/time";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Select } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { type Column, Table } from "../../ui/Table";
import styles from "./Admin.module.css";
import { Id, Listed, Named, useFilters } from "./parts";

/** First words of types, which each lead to all that begin with them; what is rarer can be typed. */
const KINDS = ["user", "organiser", "event", "booking", "order", "ticket", "payment", "access", "key", "events"];
const FILTERS = ["region", "actor", "subject", "type", "from", "to"] as const;

export function AuditLog() {
  const { t, i18n } = useLingui();
  const { settled, field, change } = useFilters(FILTERS);
  const [shown, setShown] = useState<AuditEntry | null>(null);
  const regions = useRegionsQuery();
  const { from: first, to: last, ...same } = settled;
  const from = first === undefined ? undefined : dayToInstant(first, false);
  const to = last === undefined ? undefined : dayToInstant(last, true);
  const filter = { ...same, ...(from && { from }), ...(to && { to }) };
  const list = useAuditLogInfiniteQuery(filter, { refetchOnMountOrArgChange: true });
  const pages = list.currentData?.pages ?? [];
  const entries = pages.flatMap((page) => page.items);
  const region = regions.data?.items.find((each) => each.id === pages[0]?.region);
  const count = entries.length;
  const columns: Column<AuditEntry>[] = [
    {
      key: "type",
      title: t`What`,
      names: true,
      cell: (entry) => (
        <Button look="plain" onClick={() => setShown(entry)}>
          <bdi>{entry.type}</bdi>
        </Button>
      ),
    },
    { key: "subject", title: t`To what`, cell: (entry) => <Id>{entry.subject}</Id> },
    { key: "actor", title: t`By whom`, cell: (entry) => (entry.actor ? <Id>{entry.actor}</Id> : t`Not known`) },
    { key: "at", title: t`When`, cell: (entry) => formatWhen(entry.at, i18n.locale, ownZone()) },
    { key: "sequence", title: t`Entry`, figure: true, cell: (entry) => i18n.number(entry.sequence) },
  ];
  return (
    <Page title={t`Audit log`}>
      {region && <Chain region={region} />}
      <search className={styles.filters}>
        {(regions.data?.items.length ?? 0) > 1 && (
          <Select label={t`Region`} {...field("region")}>
            <option value="">{t`The nearest`}</option>
            {regions.data?.items.map((each) => (
              <option key={each.id}>{each.id}</option>
            ))}
          </Select>
        )}
        <Field label={t`Done by (id)`} type="search" maxLength={100} dir="ltr" {...field("actor")} />
        <Field label={t`Done to (id)`} type="search" maxLength={100} dir="ltr" {...field("subject")} />
        <Field
          label={t`Type`}
          type="search"
          maxLength={100}
          pattern="[a-z0-9.\-]+"
          placeholder="user.suspended"
          list="audit-kinds"
          dir="ltr"
          {...field("type")}
        />
        <datalist id="audit-kinds">
          {KINDS.map((kind) => (
            <option key={kind} value={kind} />
          ))}
        </datalist>
        <Field label={t`From`} type="date" {...field("from")} />
        <Field label={t`Until`} type="date" {...field("to")} />
      </search>
      <Download filter={filter} />
      <p role="status" className={styles.faint}>
        {list.currentData && <Plural value={count} one="# entry is shown" other="# entries are shown" />}
      </p>
      <Listed
        state={list}
        count={count}
        none={
          list.hasNextPage ? (
            <Trans>Nothing in the entries that were looked through</Trans>
          ) : (
            <Trans>Nothing like this in the log</Trans>
          )
        }
        more={<Trans>Look further back</Trans>}
      >
        <Table caption={t`Audit log`} columns={columns} rows={entries} rowKey={(entry) => String(entry.sequence)} />
      </Listed>
      <Dialog title={<bdi>{shown?.type}</bdi>} open={shown !== null} onClose={() => setShown(null)}>
        {shown && (
          <Entry
            entry={shown}
            onFilter={(name, value) => {
              change(name, value);
              setShown(null);
            }}
          />
        )}
      </Dialog>
    </Page>
  );
}

/** Saves what the filter finds as a file. */
function Download({ filter }: { filter: AuditFilter }) {
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  const write = async () => {
    setState({ busy: true });
    try {
      save(await auditTable(filter), "audit-log.csv");
      setState({ busy: false });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return (
    <div className={styles.stack}>
      <div>
        <Button look="quiet" busy={state.busy} onClick={() => void write()}>
          <Trans>Save as CSV</Trans>
        </Button>
      </div>
      {state.error !== undefined && <FailureNotice error={state.error} />}
    </div>
  );
}

/** Whether the log is as it was written, as far as the process says that signs it. */
function Chain({ region }: { region: Region }) {
  const { i18n } = useLingui();
  const check = region.nodes.flatMap((node) => node.checks).find((each) => each.name === "audit-log");
  const number = i18n.number(region.audit.entries);
  const sealed = i18n.number(region.audit.sealed ?? 0);
  const when = region.audit.sealed_at && formatWhen(region.audit.sealed_at, i18n.locale, ownZone());
  const name = region.id;
  if (check && check.status !== "up")
    return (
      <Notice tone="bad" title={<Trans>The log of {name} does not go on from what was signed</Trans>}>
        <p lang="en" dir="ltr">
          {check.detail}
        </p>
      </Notice>
    );
  return (
    <p className={styles.badges}>
      <Badge tone={when ? "good" : "wait"}>
        {when ? <Trans context="audit log">Signed</Trans> : <Trans context="audit log">Not signed yet</Trans>}
      </Badge>
      <span className={styles.faint}>
        {when ? (
          <Trans>
            {name}: {number} entries, signed up to {sealed}, {when}
          </Trans>
        ) : (
          <Trans>
            {name}: {number} entries
          </Trans>
        )}
      </span>
    </p>
  );
}

function Entry({
  entry,
  onFilter,
}: {
  entry: AuditEntry;
  onFilter: (name: "actor" | "subject", value: string) => void;
}) {
  const { t, i18n } = useLingui();
  const { subject, actor } = entry;
  const facts = [
    { name: t`When`, value: formatWhen(entry.at, i18n.locale, ownZone()) },
    { name: t`Entry`, value: i18n.number(entry.sequence) },
    { name: t`From which network`, value: entry.network ? <Id>{entry.network}</Id> : t`Not known` },
    { name: t`Record`, value: <Id>{entry.id}</Id> },
    { name: t`Digest of the record`, value: <Id>{entry.digest}</Id> },
    { name: t`Hash`, value: <Id>{entry.hash}</Id> },
    { name: t`Hash of the entry before`, value: <Id>{entry.previous}</Id> },
  ];
  return (
    <div className={styles.stack}>
      <dl className={styles.stack}>
        <div>
          <dt className={styles.faint}>{t`To what`}</dt>
          <dd>{entry.type.startsWith("user.") ? <Named id={subject} /> : <Subject entry={entry} />}</dd>
        </div>
        <div>
          <dt className={styles.faint}>{t`By whom`}</dt>
          <dd>{actor ? <Named id={actor} /> : t`Not known`}</dd>
        </div>
        {facts.map(({ name, value }) => (
          <div key={name}>
            <dt className={styles.faint}>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className={styles.buttons}>
        <Button look="quiet" onClick={() => onFilter("subject", subject)}>
          <Trans>Everything done to this</Trans>
        </Button>
        {actor && (
          <Button look="quiet" onClick={() => onFilter("actor", actor)}>
            <Trans>Everything they did</Trans>
          </Button>
        )}
      </div>
    </div>
  );
}

/** What something happened to, where there is a page about it. */
function Subject({ entry: { type, subject } }: { entry: AuditEntry }) {
  if (type.startsWith("organiser."))
    return (
      <Link to={`/admin/organisers/${subject}`}>
        <Id>{subject}</Id>
      </Link>
    );
  return <Id>{subject}</Id>;
}

import { Trans, useLingui } from "@lingui/react/macro";
import { type FormEvent, useState } from "react";
import {
  useChangeWebhookMutation,
  useDeleteWebhookMutation,
  useDeliveriesInfiniteQuery,
  useExchangeSecretMutation,
  useMakeWebhookMutation,
  useResendDeliveryMutation,
  useTestWebhookMutation,
  useWebhooksQuery,
  type Webhook,
  type WebhookDelivery,
  type WebhookType,
} from "../../api/organise";
import { formatWhen, ownZone } from "../../lib/time";
import { once } from "../../organise/once";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Dialog } from "../../ui/Dialog";
import { Choices, Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty, Panel } from "../../ui/Panel";
import { type Column, Table } from "../../ui/Table";
import styles from "./Organise.module.css";
import { Listed, Secret, useOrganiser } from "./parts";
import { DELIVERY, WEBHOOK_TYPES } from "./words";

const TYPES = Object.keys(WEBHOOK_TYPES) as WebhookType[];

export function Webhooks() {
  const { t } = useLingui();
  const organiser = useOrganiser();
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const list = useWebhooksQuery(organiser.id, { refetchOnMountOrArgChange: true });
  const hooks = list.data?.items ?? [];
  const add = (
    <Button onClick={() => setMaking(true)}>
      <Trans>Add a webhook</Trans>
    </Button>
  );
  return (
    <Page title={t`Webhooks`}>
      <div className={styles.bar}>
        <p className={styles.hint}>
          <Trans>
            We tell a server of yours what happens at your events: signed messages (Standard Webhooks), sent again for a
            day until it answers.
          </Trans>
        </p>
        {hooks.length > 0 && add}
      </div>
      {list.data?.incomplete && (
        <Notice tone="unknown" title={<Trans>Some webhooks are missing</Trans>}>
          <p>
            <Trans>A part of the platform cannot be reached just now. What is at home there is not in this list.</Trans>
          </p>
        </Notice>
      )}
      <Listed
        state={list}
        empty={
          hooks.length === 0 && (
            <Empty title={<Trans>No webhooks yet</Trans>}>
              <p>
                <Trans>Add one when a program of yours is to know of orders, tickets or events by itself.</Trans>
              </p>
              {add}
            </Empty>
          )
        }
      >
        <ul className={styles.stack}>
          {hooks.map((hook) => (
            <li key={hook.id}>
              <One hook={hook} onSecret={setSecret} />
            </li>
          ))}
        </ul>
      </Listed>
      <Dialog title={<Trans>A new webhook</Trans>} open={making} onClose={() => setMaking(false)}>
        <Make
          onMade={(made) => {
            setMaking(false);
            setSecret(made);
          }}
        />
      </Dialog>
      <Dialog title={<Trans>The secret, shown this once</Trans>} open={secret !== null} onClose={() => setSecret(null)}>
        <p>
          <Trans>Keep it where your server can read it: it proves that messages are ours.</Trans>
        </p>
        <Secret text={secret ?? ""} />
        <div>
          <Button onClick={() => setSecret(null)}>
            <Trans>I have it</Trans>
          </Button>
        </div>
      </Dialog>
    </Page>
  );
}

function Make({ onMade }: { onMade: (secret: string | null) => void }) {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const [types, setTypes] = useState<string[]>(["order.confirmed", "order.cancelled"]);
  const [none, setNone] = useState(false);
  const [make, { error, isLoading }] = useMakeWebhookMutation();
  const submit = async (submitted: FormEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    setNone(types.length === 0);
    if (types.length === 0 || isLoading) return;
    const form = new FormData(submitted.currentTarget);
    const body = {
      organiser: organiser.id,
      url: String(form.get("url")).trim(),
      types: TYPES.filter((type) => types.includes(type)),
      description: String(form.get("description")).trim() || null,
    };
    const { data } = await once(`webhook.${organiser.id}`, body, (key) => make({ ...body, key }));
    if (data) onMade(data.secret ?? null);
  };
  return (
    <form className={styles.form} onSubmit={(submitted) => void submit(submitted)}>
      <Field
        label={t`Address of your server`}
        hint={t`With https, on the public internet.`}
        name="url"
        type="url"
        placeholder="https://"
        required
        maxLength={2000}
        dir="ltr"
      />
      <Field label={t`What it is for (optional)`} name="description" maxLength={200} dir="auto" />
      <Choices
        several
        label={t`It gets a message when`}
        error={none ? t`Choose at least one.` : undefined}
        choices={TYPES.map((type) => ({ value: type, label: i18n._(WEBHOOK_TYPES[type]) }))}
        chosen={types}
        onChange={(type, chosen) => setTypes(chosen ? [...types, type] : types.filter((each) => each !== type))}
      />
      {error && <FailureNotice error={error} />}
      <div>
        <Button type="submit" busy={isLoading}>
          <Trans>Add it</Trans>
        </Button>
      </div>
    </form>
  );
}

function One({ hook, onSecret }: { hook: Webhook; onSecret: (secret: string | null) => void }) {
  const { i18n } = useLingui();
  const organiser = useOrganiser();
  const [asked, setAsked] = useState<"secret" | "delete" | null>(null);
  const [log, setLog] = useState(false);
  const [change, changing] = useChangeWebhookMutation();
  const [test, testing] = useTestWebhookMutation();
  const [exchange, exchanging] = useExchangeSecretMutation();
  const [remove, removing] = useDeleteWebhookMutation();
  const language = i18n.locale;
  const of = { organiser: organiser.id, hook: hook.id };
  const error = changing.error ?? testing.error;
  return (
    <Panel
      title={<bdi>{hook.description ?? new URL(hook.url).host}</bdi>}
      aside={
        hook.state === "active" ? (
          <Badge tone={hook.failing_since === null ? "good" : "wait"}>
            {hook.failing_since === null ? <Trans>Active</Trans> : <Trans>Active, failing</Trans>}
          </Badge>
        ) : hook.state === "paused" ? (
          <Badge tone="quiet">
            <Trans>Paused</Trans>
          </Badge>
        ) : (
          <Badge tone="bad">
            <Trans>Disabled</Trans>
          </Badge>
        )
      }
    >
      <code dir="ltr" className={styles.prose}>
        {hook.url}
      </code>
      <p className={styles.faint}>{hook.types.map((type) => i18n._(WEBHOOK_TYPES[type])).join(" · ")}</p>
      {hook.state === "disabled" && (
        <Notice tone="bad" title={<Trans>It no longer gets messages</Trans>}>
          <p>
            {hook.reason === "gone" ? (
              <Trans>Its server answered that it is gone.</Trans>
            ) : (
              <Trans>Nothing has arrived for three days.</Trans>
            )}{" "}
            <Trans>Fix the server, and switch the webhook on again.</Trans>
          </p>
        </Notice>
      )}
      {hook.state !== "disabled" && hook.failing_since !== null && (
        <p className={styles.faint}>
          <Trans>Nothing has arrived since {formatWhen(hook.failing_since, language, ownZone())}.</Trans>
        </p>
      )}
      {hook.rotating_until !== null && (
        <p className={styles.faint}>
          <Trans>The secret before signs as well until {formatWhen(hook.rotating_until, language, ownZone())}.</Trans>
        </p>
      )}
      <div className={styles.buttons}>
        <Button
          look="quiet"
          busy={testing.isLoading}
          onClick={async () => {
            const answer = await test(of);
            if (!answer.error) setLog(true);
          }}
        >
          <Trans>Send a test</Trans>
        </Button>
        <Button
          look="quiet"
          busy={changing.isLoading}
          onClick={() => void change({ ...of, change: { paused: hook.state === "active" } })}
        >
          {hook.state === "active" ? <Trans>Pause</Trans> : <Trans>Switch on again</Trans>}
        </Button>
        <Button look="quiet" aria-expanded={log} onClick={() => setLog(!log)}>
          <Trans>Log</Trans>
        </Button>
        <Button look="plain" onClick={() => setAsked("secret")}>
          <Trans>Exchange the secret…</Trans>
        </Button>
        <Button look="plain" onClick={() => setAsked("delete")}>
          <Trans>Delete…</Trans>
        </Button>
      </div>
      <p role="status">{testing.isSuccess && <Trans>A test is on its way: the log says what becomes of it.</Trans>}</p>
      {error && <FailureNotice error={error} />}
      {log && <Log {...of} />}
      <Confirm
        title={<Trans>Exchange the secret?</Trans>}
        open={asked === "secret"}
        onClose={() => setAsked(null)}
        action={<Trans>Make another secret</Trans>}
        leave={<Trans>Leave it as it is</Trans>}
        busy={exchanging.isLoading}
        onConfirm={async () => {
          const { data } = await once(`secret.${hook.id}`, hook.rotating_until, (key) => exchange({ ...of, key }));
          if (!data) return;
          setAsked(null);
          onSecret(data.secret ?? null);
        }}
      >
        <p>
          <Trans>For a day both secrets sign each message, so your server can change over without missing one.</Trans>
        </p>
        {exchanging.error && <FailureNotice error={exchanging.error} />}
      </Confirm>
      <Confirm
        title={<Trans>Delete this webhook?</Trans>}
        open={asked === "delete"}
        onClose={() => setAsked(null)}
        action={<Trans>Delete it</Trans>}
        leave={<Trans>Leave it as it is</Trans>}
        busy={removing.isLoading}
        onConfirm={async () => {
          const answer = await remove(of);
          if (!answer.error) setAsked(null);
        }}
      >
        <p>
          <Trans>Its server gets no more messages, and its log is deleted.</Trans>
        </p>
        {removing.error && <FailureNotice error={removing.error} />}
      </Confirm>
    </Panel>
  );
}

/** How often a log that is looked at is asked for, in milliseconds. */
const FOLLOWED = 5_000;

function Log({ organiser, hook }: { organiser: string; hook: string }) {
  const { t, i18n } = useLingui();
  const list = useDeliveriesInfiniteQuery(
    { organiser, hook },
    { refetchOnMountOrArgChange: true, pollingInterval: FOLLOWED, skipPollingIfUnfocused: true },
  );
  const [resend, { error }] = useResendDeliveryMutation();
  const rows = list.data?.pages.flatMap((page) => page.items) ?? [];
  const columns: Column<WebhookDelivery>[] = [
    {
      key: "type",
      title: t`Message`,
      names: true,
      cell: (row) =>
        row.type in WEBHOOK_TYPES ? i18n._(WEBHOOK_TYPES[row.type as WebhookType]) : <Trans>A test</Trans>,
    },
    { key: "when", title: t`Written`, cell: (row) => formatWhen(row.created_at, i18n.locale, ownZone()) },
    {
      key: "state",
      title: t`State`,
      cell: (row) => {
        const { name, tone } = DELIVERY[row.state];
        return (
          <>
            <Badge tone={tone}>{i18n._(name)}</Badge>
            {row.next_attempt_at !== null && row.attempts > 0 && (
              <p className={styles.faint}>
                <Trans>Tried next {formatWhen(row.next_attempt_at, i18n.locale, ownZone())}</Trans>
              </p>
            )}
          </>
        );
      },
    },
    {
      key: "answer",
      title: t`Answer`,
      cell: (row) => (
        <>
          {row.status !== null && <span>{row.status}</span>}
          {row.duration_ms !== null && (
            <span className={styles.faint}> {t`${new Intl.NumberFormat(i18n.locale).format(row.duration_ms)} ms`}</span>
          )}
          {row.error !== null && (
            <p className={styles.faint} lang="en" dir="ltr">
              {row.error}
            </p>
          )}
          {row.answer !== null && row.answer !== "" && (
            <details>
              <summary>
                <Trans>What it answered</Trans>
              </summary>
              <code className={styles.pre} dir="ltr">
                {row.answer}
              </code>
            </details>
          )}
        </>
      ),
    },
    {
      key: "again",
      title: t`Send again`,
      plain: true,
      cell: (row) =>
        row.state !== "due" && (
          <Button look="plain" onClick={() => void resend({ organiser, hook, delivery: row.id })}>
            <Trans>Send again</Trans>
          </Button>
        ),
    },
  ];
  return (
    <div className={styles.stack}>
      {error && <FailureNotice error={error} />}
      <Listed
        state={list}
        empty={
          rows.length === 0 && (
            <p className={styles.faint}>
              <Trans>Nothing was sent yet.</Trans>
            </p>
          )
        }
      >
        <Table caption={t`Log`} columns={columns} rows={rows} rowKey={(row) => row.id} />
      </Listed>
    </div>
  );
}

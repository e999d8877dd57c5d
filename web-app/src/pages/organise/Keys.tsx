import { Trans, useLingui } from "@lingui/react/macro";
import { type FormEvent, useState } from "react";
import {
  type ApiKey,
  type Permission,
  useApiKeysQuery,
  useDeleteApiKeyMutation,
  useMakeApiKeyMutation,
} from "../../api/organise";
import { dayToInstant, formatDay, formatWhen, ownZone } from "../../lib/time";
import { once } from "../../organise/once";
import { OF_PROGRAMS } from "../../organise/permissions";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Dialog } from "../../ui/Dialog";
import { Choices, Field } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/Panel";
import { type Column, Table } from "../../ui/Table";
import styles from "./Organise.module.css";
import { Listed, Secret, useOrganiser, useProof } from "./parts";
import { PERMISSION } from "./words";

export function Keys() {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const list = useApiKeysQuery(organiser.id, { refetchOnMountOrArgChange: true });
  const { proved, dialog } = useProof();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const [leaving, setLeaving] = useState<ApiKey | null>(null);
  const [remove, removing] = useDeleteApiKeyMutation();
  const keys = list.data?.items ?? [];
  const columns: Column<ApiKey>[] = [
    {
      key: "name",
      title: t`Name`,
      names: true,
      cell: (key) => (
        <>
          <bdi>{key.name}</bdi>
          <p className={styles.faint}>
            <code dir="ltr">{key.prefix}…</code>
          </p>
        </>
      ),
    },
    {
      key: "may",
      title: t`May`,
      cell: (key) => key.permissions.map((permission) => i18n._(PERMISSION[permission])).join(" · "),
    },
    {
      key: "used",
      title: t`Last used`,
      cell: (key) =>
        key.last_used_at === null ? <Trans>Never</Trans> : formatWhen(key.last_used_at, i18n.locale, ownZone()),
    },
    {
      key: "ends",
      title: t`Ends`,
      cell: (key) =>
        key.expires_at === null ? <Trans>Not by itself</Trans> : formatDay(key.expires_at, i18n.locale, ownZone()),
    },
    {
      key: "delete",
      title: t`Delete`,
      plain: true,
      cell: (key) => {
        const name = key.name;
        return (
          <Button look="plain" aria-label={t`Delete ${name}…`} onClick={() => setLeaving(key)}>
            <Trans>Delete…</Trans>
          </Button>
        );
      },
    },
  ];
  const make = (
    <Button onClick={() => setMaking(true)}>
      <Trans>Make an API key</Trans>
    </Button>
  );
  return (
    <Page title={t`API keys`}>
      <div className={styles.bar}>
        <p className={styles.hint}>
          <Trans>
            With a key a program of yours acts for this organisation, and may do what you permit it.{" "}
            <a href="/developers">What there is for programs</a>
          </Trans>
        </p>
        {keys.length > 0 && make}
      </div>
      <Listed
        state={list}
        empty={
          keys.length === 0 && (
            <Empty title={<Trans>No API keys yet</Trans>}>
              <p>
                <Trans>Make one for each program, so that you can end each by itself.</Trans>
              </p>
              {make}
            </Empty>
          )
        }
      >
        <Table caption={t`API keys`} columns={columns} rows={keys} rowKey={(key) => key.id} />
      </Listed>
      <Dialog title={<Trans>A new API key</Trans>} open={making} onClose={() => setMaking(false)}>
        <Make
          onMade={(key) => {
            setMaking(false);
            setMade(key);
          }}
        />
      </Dialog>
      <Dialog title={<Trans>The key, shown this once</Trans>} open={made !== null} onClose={() => setMade(null)}>
        <p>
          <Trans>Keep it like a password, and never where others can read it.</Trans>
        </p>
        <Secret text={made ?? ""} />
        <div>
          <Button onClick={() => setMade(null)}>
            <Trans>I have it</Trans>
          </Button>
        </div>
      </Dialog>
      <Confirm
        title={<Trans>Delete {leaving?.name}?</Trans>}
        open={leaving !== null}
        onClose={() => {
          removing.reset();
          setLeaving(null);
        }}
        action={<Trans>Delete it</Trans>}
        leave={<Trans>Leave it as it is</Trans>}
        busy={removing.isLoading}
        onConfirm={async () => {
          if (!leaving) return;
          const answer = await proved(() => remove({ organiser: organiser.id, id: leaving.id }));
          if (!answer.error) setLeaving(null);
        }}
      >
        <p>
          <Trans>Programs that use it are refused within a second.</Trans>
        </p>
        {removing.error && <FailureNotice error={removing.error} />}
      </Confirm>
      {dialog}
    </Page>
  );
}

function Make({ onMade }: { onMade: (key: string | null) => void }) {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const [may, setMay] = useState<string[]>(["see-events", "see-orders"]);
  const [none, setNone] = useState(false);
  const { proved, dialog } = useProof();
  const [make, { error, isLoading }] = useMakeApiKeyMutation();
  const submit = async (submitted: FormEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    setNone(may.length === 0);
    if (may.length === 0 || isLoading) return;
    const form = new FormData(submitted.currentTarget);
    const body = {
      organiser: organiser.id,
      name: String(form.get("name")).trim(),
      permissions: OF_PROGRAMS.filter((each) => may.includes(each)) as Permission[],
      expires_at: dayToInstant(String(form.get("ends")), true) ?? null,
    };
    const { data } = await once(`api-key.${organiser.id}`, body, (key) => proved(() => make({ ...body, key })));
    if (data) onMade(data.key ?? null);
  };
  return (
    <>
      <form className={styles.form} onSubmit={(submitted) => void submit(submitted)}>
        <Field label={t`What it is for`} name="name" required maxLength={100} dir="auto" />
        <Choices
          several
          label={t`It may`}
          error={none ? t`Choose at least one.` : undefined}
          choices={OF_PROGRAMS.map((each) => ({ value: each, label: i18n._(PERMISSION[each]) }))}
          chosen={may}
          onChange={(each, chosen) => setMay(chosen ? [...may, each] : may.filter((other) => other !== each))}
        />
        <Field label={t`Good until (optional)`} name="ends" type="date" />
        {error && <FailureNotice error={error} />}
        <div>
          <Button type="submit" busy={isLoading}>
            <Trans>Make it</Trans>
          </Button>
        </div>
      </form>
      {dialog}
    </>
  );
}

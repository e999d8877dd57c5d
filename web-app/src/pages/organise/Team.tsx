import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import {
  type TeamMember,
  type TeamRole,
  useChangeRoleMutation,
  useInvitationsQuery,
  useInviteMutation,
  useRemoveMemberMutation,
  useTeamQuery,
  useWithdrawInvitationMutation,
} from "../../api/organise";
import { isProblem } from "../../api/problem";
import { useAccount } from "../../app/store";
import { formatDay, ownZone } from "../../lib/time";
import { ROLES } from "../../organise/permissions";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Field, Select } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import { type Column, Table } from "../../ui/Table";
import styles from "./Organise.module.css";
import { Listed, useOrganiser, useProof } from "./parts";
import { ROLE } from "./words";

export function Team() {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const account = useAccount();
  const team = useTeamQuery(organiser.id, { refetchOnMountOrArgChange: true });
  const { proved, dialog } = useProof();
  const [leaving, setLeaving] = useState<TeamMember | null>(null);
  const [changeRole, changing] = useChangeRoleMutation();
  const [remove, removing] = useRemoveMemberMutation();
  const self = account.state === "in" ? account.user.id : "";
  const columns: Column<TeamMember>[] = [
    {
      key: "name",
      title: t`Name`,
      names: true,
      cell: (member) => (
        <>
          <bdi>{member.name}</bdi>
          {member.user_id === self && (
            <>
              {" "}
              <Trans>(you)</Trans>
            </>
          )}
        </>
      ),
    },
    { key: "email", title: t`Email`, cell: (member) => <bdi>{member.email}</bdi> },
    {
      key: "role",
      title: t`Role`,
      cell: (member) => {
        const name = member.name;
        return (
          <select
            aria-label={t`Role of ${name}`}
            value={member.role}
            disabled={changing.isLoading}
            onChange={({ target }) =>
              void proved(() =>
                changeRole({ organiser: organiser.id, user: member.user_id, role: target.value as TeamRole }),
              )
            }
          >
            {ROLES.map((role) => (
              <option key={role} value={role}>
                {i18n._(ROLE[role].name)}
              </option>
            ))}
          </select>
        );
      },
    },
    { key: "since", title: t`Since`, cell: (member) => formatDay(member.since, i18n.locale, ownZone()) },
    {
      key: "remove",
      title: t`Remove`,
      plain: true,
      cell: (member) => {
        const name = member.name;
        return (
          member.user_id !== self && (
            <Button look="plain" aria-label={t`Remove ${name}…`} onClick={() => setLeaving(member)}>
              <Trans>Remove…</Trans>
            </Button>
          )
        );
      },
    },
  ];
  return (
    <Page title={t`Team`}>
      <Listed state={team} empty={false}>
        {changing.error && <Refused error={changing.error} />}
        <Table
          caption={t`Members`}
          columns={columns}
          rows={team.data?.items ?? []}
          rowKey={(member) => member.user_id}
        />
      </Listed>
      <div className={styles.columns}>
        <Invite />
        <Panel title={<Trans>What the roles may do</Trans>}>
          <dl className={styles.facts}>
            {ROLES.map((role) => (
              <div key={role}>
                <dt>{i18n._(ROLE[role].name)}</dt>
                <dd>{i18n._(ROLE[role].may)}</dd>
              </div>
            ))}
          </dl>
        </Panel>
      </div>
      <Confirm
        title={<Trans>Remove {leaving?.name}?</Trans>}
        open={leaving !== null}
        onClose={() => {
          removing.reset();
          setLeaving(null);
        }}
        action={<Trans>Remove from the team</Trans>}
        leave={<Trans>Leave it as it is</Trans>}
        busy={removing.isLoading}
        onConfirm={async () => {
          if (!leaving) return;
          const answer = await proved(() => remove({ organiser: organiser.id, user: leaving.user_id }));
          if (!answer.error) setLeaving(null);
        }}
      >
        <p>
          <Trans>They no longer see anything of this organisation, and invitations of theirs end.</Trans>
        </p>
        {removing.error && <Refused error={removing.error} />}
      </Confirm>
      {dialog}
    </Page>
  );
}

function Refused({ error }: { error: unknown }) {
  return (
    <FailureNotice error={error}>
      {isProblem(error, "/problems/wrong-state") && (
        <p>
          <Trans>An organisation keeps at least one owner.</Trans>
        </p>
      )}
    </FailureNotice>
  );
}

function Invite() {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const open = useInvitationsQuery(organiser.id, { refetchOnMountOrArgChange: true });
  const { proved, dialog } = useProof();
  const [invite, { error, isLoading, isSuccess }] = useInviteMutation();
  const [withdraw, withdrawing] = useWithdrawInvitationMutation();
  return (
    <Panel title={<Trans>Invite somebody</Trans>}>
      <form
        className={styles.form}
        onSubmit={async (submitted) => {
          submitted.preventDefault();
          const element = submitted.currentTarget;
          const form = new FormData(element);
          const answer = await proved(() =>
            invite({
              organiser: organiser.id,
              email: String(form.get("email")).trim(),
              role: String(form.get("role")) as TeamRole,
            }),
          );
          if (!answer.error) element.reset();
        }}
      >
        <div className={styles.pair}>
          <Field label={t`Email`} name="email" type="email" autoComplete="off" required maxLength={254} dir="ltr" />
          <Select label={t`Role`} name="role" defaultValue="manager">
            {ROLES.map((role) => (
              <option key={role} value={role}>
                {i18n._(ROLE[role].name)}
              </option>
            ))}
          </Select>
        </div>
        {error && <FailureNotice error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" busy={isLoading}>
            <Trans>Invite</Trans>
          </Button>
          <p role="status">{isSuccess && <Trans>Invited. A mail is on its way, good for seven days.</Trans>}</p>
        </div>
      </form>
      {open.error && <FailureNotice error={open.error} retry={open.refetch} />}
      {withdrawing.error && <FailureNotice error={withdrawing.error} />}
      {open.data && open.data.items.length > 0 && (
        <>
          <h3>
            <Trans>Open invitations</Trans>
          </h3>
          <ul className={styles.lines}>
            {open.data.items.map((invitation) => {
              const email = invitation.email;
              const role = i18n._(ROLE[invitation.role].name);
              const until = formatDay(invitation.expires_at, i18n.locale, ownZone());
              return (
                <li key={invitation.id}>
                  <div>
                    <p>
                      <bdi>{email}</bdi>
                    </p>
                    <p className={styles.faint}>
                      <Trans>
                        {role}, until {until}
                      </Trans>
                    </p>
                  </div>
                  <Button
                    look="plain"
                    aria-label={t`Withdraw: ${email}`}
                    busy={withdrawing.isLoading}
                    onClick={() => void withdraw({ organiser: organiser.id, invitation: invitation.id })}
                  >
                    <Trans>Withdraw</Trans>
                  </Button>
                </li>
              );
            })}
          </ul>
        </>
      )}
      {dialog}
    </Panel>
  );
}

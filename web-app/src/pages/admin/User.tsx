import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import {
  type Role,
  type UserAccount,
  useEndUserSessionsMutation,
  useEraseUserMutation,
  useRestoreUserMutation,
  useSendUserResetMutation,
  useSetUserRolesMutation,
  useSuspendUserMutation,
  useUserQuery,
  useVouchForUserMutation,
} from "../../api/admin";
import { isProblem } from "../../api/problem";
import { useAccount } from "../../app/store";
import { formatWhen, ownZone } from "../../lib/time";
import { once } from "../../organise/once";
import { Button, LinkButton } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Checkbox, Field, TextArea } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import { LoadingPage } from "../../ui/Skeleton";
import { useProof } from "../account/Proof";
import { NotFound } from "../NotFound";
import styles from "./Admin.module.css";
import { Id, Standing } from "./parts";
import { ROLE, TEAM_ROLE } from "./words";

export function UserPage() {
  const { t } = useLingui();
  const { id = "" } = useParams();
  const { currentData: user, error, refetch } = useUserQuery(id, { refetchOnMountOrArgChange: true });
  if (user) return <Found key={user.id} user={user} />;
  if (isProblem(error, "/problems/not-found", "/problems/invalid-request")) return <NotFound />;
  if (!error) return <LoadingPage />;
  return (
    <Page title={t`User`} narrow>
      <FailureNotice error={error} retry={refetch} />
    </Page>
  );
}

function Found({ user }: { user: UserAccount }) {
  const { t, i18n } = useLingui();
  const when = (instant: string) => formatWhen(instant, i18n.locale, ownZone());
  const number = (value: number) => i18n.number(value);
  const facts: [string, ReactNode][] = [
    [t`Email`, <bdi key="email">{user.email}</bdi>],
    [t`Address verified`, user.email_verified ? t`Yes` : t`No`],
    [t`Id`, <Id key="id">{user.id}</Id>],
    [t`Language`, <bdi key="language">{user.language}</bdi>],
    [t`Since`, when(user.created_at)],
    [t`Second factor`, user.second_factor ? t`On` : t`Off`],
    [t`Passkeys`, number(user.passkeys)],
    [t`Open sessions`, number(user.sessions)],
    [t`Orders in the region of the accounts`, number(user.orders)],
  ];
  return (
    <Page title={user.name || user.email}>
      <Standing user={user} />
      {user.suspended_at !== undefined && (
        <Notice tone="bad" title={<Trans>Suspended since {when(user.suspended_at)}</Trans>}>
          {user.suspension_reason !== undefined && (
            <p className={styles.prose} dir="auto">
              {user.suspension_reason}
            </p>
          )}
        </Notice>
      )}
      <div className={styles.columns}>
        <div className={styles.stack}>
          <Panel title={<Trans>Account</Trans>}>
            <dl className={styles.facts}>
              {facts.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
            <div className={styles.buttons}>
              <LinkButton look="plain" to={`/admin/audit?actor=${user.id}`}>
                <Trans>What they did</Trans>
              </LinkButton>
              <LinkButton look="plain" to={`/admin/audit?subject=${user.id}`}>
                <Trans>What was done to them</Trans>
              </LinkButton>
            </div>
          </Panel>
          {user.organisers.length > 0 && (
            <Panel title={<Trans>Teams</Trans>}>
              <ul className={styles.lines}>
                {user.organisers.map((organiser) => (
                  <li key={organiser.id}>
                    <Link to={`/admin/organisers/${organiser.id}`}>
                      <bdi>{organiser.name}</bdi>
                    </Link>
                    <span className={styles.faint}>{i18n._(TEAM_ROLE[organiser.role])}</span>
                  </li>
                ))}
              </ul>
            </Panel>
          )}
        </div>
        <div className={styles.stack}>
          {!user.guest && <Roles user={user} />}
          <Deeds user={user} />
        </div>
      </div>
    </Page>
  );
}

function Refused({ error }: { error: unknown }) {
  return (
    <FailureNotice error={error}>
      {isProblem(error, "/problems/wrong-state") && (
        <p>
          <Trans>The platform keeps at least one admin, and an organisation at least one owner.</Trans>
        </p>
      )}
    </FailureNotice>
  );
}

const GIVEN = ["organiser", "admin"] as const;

/** Which roles somebody has beside what everybody may do. */
function Roles({ user }: { user: UserAccount }) {
  const { i18n } = useLingui();
  const [chosen, setChosen] = useState<Role[]>(user.roles.filter((role) => role !== "user"));
  const [asked, setAsked] = useState(false);
  const [set, { error, isLoading, isSuccess, reset }] = useSetUserRolesMutation();
  const name = user.name || user.email;
  const save = async () => {
    const what = { user: user.id, roles: chosen };
    await once(`roles.${user.id}`, what, (key) => set({ ...what, key }));
    setAsked(false);
  };
  return (
    <Panel title={<Trans>Roles</Trans>}>
      <form
        className={styles.form}
        onSubmit={(submitted) => {
          submitted.preventDefault();
          // Who may do everything is made so on purpose.
          if (chosen.includes("admin") && !user.roles.includes("admin")) setAsked(true);
          else if (!isLoading) void save();
        }}
      >
        {GIVEN.map((role) => (
          <Checkbox
            key={role}
            label={i18n._(ROLE[role])}
            hint={
              role === "admin" ? (
                <Trans>May do everything, for everybody, and sees these pages.</Trans>
              ) : (
                <Trans>May put events on, for the organisations whose team they are in.</Trans>
              )
            }
            checked={chosen.includes(role)}
            onChange={({ target }) => {
              reset();
              setChosen((before) => [...before.filter((each) => each !== role), ...(target.checked ? [role] : [])]);
            }}
          />
        ))}
        {error && <Refused error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" look="quiet" busy={isLoading}>
            <Trans>Save the roles</Trans>
          </Button>
          <p role="status">{isSuccess && <Trans>Saved.</Trans>}</p>
        </div>
      </form>
      <Confirm
        title={<Trans>Make {name} an admin?</Trans>}
        open={asked}
        onClose={() => setAsked(false)}
        action={<Trans>Make them an admin</Trans>}
        leave={<Trans>Leave it as it is</Trans>}
        busy={isLoading}
        onConfirm={() => void save()}
      >
        <p>
          <Trans>They may then do everything that you may, and take it away from you.</Trans>
        </p>
      </Confirm>
    </Panel>
  );
}

type Deed = "suspend" | "sessions" | "erase";

/** What is done to an account: what is not easily taken back is asked once more. */
function Deeds({ user }: { user: UserAccount }) {
  const account = useAccount();
  const [asked, setAsked] = useState<Deed | null>(null);
  const [restore, restoring] = useRestoreUserMutation();
  const [send, sending] = useSendUserResetMutation();
  const [vouch, vouching] = useVouchForUserMutation();
  const own = account.state === "in" && account.user.id === user.id;
  const suspended = user.suspended_at !== undefined;
  const what = { user: user.id };
  const close = () => setAsked(null);
  const failed = restoring.error ?? sending.error ?? vouching.error;
  return (
    <Panel title={<Trans>What can be done</Trans>}>
      {own && (
        <p className={styles.hint}>
          <Trans>This is you: your own account you change on your own pages.</Trans>
        </p>
      )}
      {!own && (
        <div className={styles.stack}>
          <div className={styles.buttons}>
            {suspended ? (
              <Button
                look="quiet"
                busy={restoring.isLoading}
                onClick={() => void once(`restore.${user.id}`, what, (key) => restore({ ...what, key }))}
              >
                <Trans>Let them in again</Trans>
              </Button>
            ) : (
              <Button look="quiet" onClick={() => setAsked("suspend")}>
                <Trans>Suspend…</Trans>
              </Button>
            )}
            <Button look="quiet" onClick={() => setAsked("sessions")}>
              <Trans>End all sessions…</Trans>
            </Button>
            {!user.guest && !suspended && (
              <Button
                look="quiet"
                busy={sending.isLoading}
                onClick={() => void once(`reset.${user.id}`, what, (key) => send({ ...what, key }))}
              >
                <Trans>Send a mail for a new password</Trans>
              </Button>
            )}
            {!user.email_verified && (
              <Button
                look="quiet"
                busy={vouching.isLoading}
                onClick={() => void once(`vouch.${user.id}`, what, (key) => vouch({ ...what, key }))}
              >
                <Trans>Vouch for the address</Trans>
              </Button>
            )}
            <Button look="quiet" onClick={() => setAsked("erase")}>
              <Trans>Erase…</Trans>
            </Button>
          </div>
          <p role="status">
            {sending.isSuccess && <Trans>The mail is on its way.</Trans>}
            {restoring.isSuccess && !suspended && <Trans>They may log in again.</Trans>}
          </p>
          {failed && <FailureNotice error={failed} />}
        </div>
      )}
      <Suspend user={user} open={asked === "suspend"} onClose={close} />
      <EndSessions user={user} open={asked === "sessions"} onClose={close} />
      <Erase user={user} open={asked === "erase"} onClose={close} />
    </Panel>
  );
}

interface Asked {
  user: UserAccount;
  open: boolean;
  onClose: () => void;
}

function Suspend({ user, open, onClose }: Asked) {
  const { t } = useLingui();
  const [reason, setReason] = useState("");
  const [suspend, { error, isLoading, reset }] = useSuspendUserMutation();
  const name = user.name || user.email;
  const close = () => {
    reset();
    onClose();
  };
  return (
    <Confirm
      title={<Trans>Suspend {name}?</Trans>}
      open={open}
      onClose={close}
      action={<Trans>Suspend them</Trans>}
      leave={<Trans>Leave it as it is</Trans>}
      busy={isLoading}
      onConfirm={async () => {
        const text = reason.trim();
        const what = { user: user.id, ...(text && { reason: text }) };
        const answer = await once(`suspend.${user.id}`, what, (key) => suspend({ ...what, key }));
        if (!answer.error) close();
      }}
    >
      <p>
        <Trans>
          Their sessions end everywhere, and they cannot log in. Tickets and events of theirs stay as they are.
        </Trans>
      </p>
      <TextArea
        label={t`Reason`}
        hint={t`Admins alone read it.`}
        value={reason}
        onChange={({ target }) => setReason(target.value)}
        maxLength={500}
        dir="auto"
      />
      {error && <Refused error={error} />}
    </Confirm>
  );
}

function EndSessions({ user, open, onClose }: Asked) {
  const [end, { error, isLoading, reset }] = useEndUserSessionsMutation();
  const close = () => {
    reset();
    onClose();
  };
  return (
    <Confirm
      title={<Trans>End all sessions?</Trans>}
      open={open}
      onClose={close}
      action={<Trans>End them</Trans>}
      leave={<Trans>Leave it as it is</Trans>}
      busy={isLoading}
      onConfirm={async () => {
        const what = { user: user.id };
        const answer = await once(`end-sessions.${user.id}`, what, (key) => end({ ...what, key }));
        if (!answer.error) close();
      }}
    >
      <p>
        <Trans>Wherever they are logged in they have to log in again.</Trans>
      </p>
      {error && <FailureNotice error={error} />}
    </Confirm>
  );
}

function Erase({ user, open, onClose }: Asked) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { run, dialog } = useProof(<Trans>What you are about to do is for good, so we ask once more.</Trans>);
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const [erase, { error, isLoading, reset }] = useEraseUserMutation();
  const name = user.name || user.email;
  const close = () => {
    reset();
    setTyped("");
    setWrong(false);
    onClose();
  };
  return (
    <>
      <Confirm
        title={<Trans>Erase {name}?</Trans>}
        open={open}
        onClose={close}
        action={<Trans>Erase for good</Trans>}
        leave={<Trans>Leave it as it is</Trans>}
        busy={isLoading}
        onConfirm={async () => {
          const differs = typed.trim().toLowerCase() !== user.email;
          setWrong(differs);
          if (differs) return;
          const what = { user: user.id };
          const answer = await run(() => once(`erase.${user.id}`, what, (key) => erase({ ...what, key })));
          if (answer.data !== undefined) navigate("/admin/users", { replace: true });
        }}
      >
        <p>
          <Trans>
            Everything that is known of them goes, in every region, and cannot be brought back. Their tickets go on to
            let in whoever has the code, and the books keep sums and dates.
          </Trans>
        </p>
        <Field
          label={t`Type their address to confirm`}
          hint={<bdi>{user.email}</bdi>}
          error={wrong && t`This is not their address.`}
          value={typed}
          onChange={({ target }) => setTyped(target.value)}
          autoComplete="off"
          spellCheck={false}
          required
          maxLength={254}
          dir="ltr"
        />
        {error && !isProblem(error, "/problems/reauthentication-required") && <Refused error={error} />}
      </Confirm>
      {dialog}
    </>
  );
}

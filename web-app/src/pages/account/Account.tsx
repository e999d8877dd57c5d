import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Navigate, useNavigate } from "react-router";
import {
  type User,
  useChangeMeMutation,
  useChangePasswordMutation,
  useEndSessionMutation,
  useLogoutMutation,
  useResendVerificationMutation,
  useSessionsQuery,
} from "../../api";
import { ROUTES } from "../../app/routes";
import { useAccount, useSession } from "../../app/store";
import { LANGUAGES } from "../../i18n/languages";
import { isFit } from "../../lib/password";
import { formatWhen, ownZone } from "../../lib/time";
import { Button, LinkButton } from "../../ui/Button";
import { Field, Select } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage, Skeleton } from "../../ui/Skeleton";
import { GuestNote } from "../guest/GuestNote";
import styles from "./Account.module.css";
import { Address } from "./Address";
import { Erase, Export } from "./OwnData";
import { Panel } from "./Panel";
import { Passkeys } from "./Passkeys";
import { NewPassword } from "./RegisterForm";
import { SecondFactor } from "./SecondFactor";

export default function Account() {
  const { t } = useLingui();
  const account = useAccount();
  if (account.state === "out") return <Navigate to={ROUTES.login} state={{ to: ROUTES.account }} replace />;
  if (account.state === "loading") return <LoadingPage />;
  if (account.state === "in" && account.user.guest) {
    return (
      <Page title={t`Guest`} narrow>
        <GuestNote email={account.user.email} />
        <Leave guest />
      </Page>
    );
  }
  return (
    <Page title={t`Account`} narrow>
      {account.state === "failed" ? (
        <FailureNotice error={account.error} retry={account.retry} />
      ) : (
        <>
          <nav aria-label={t`On this page`} className={styles.index}>
            <a href="#you">
              <Trans>Profile</Trans>
            </a>
            <a href="#security">
              <Trans>Security</Trans>
            </a>
            <a href="#sessions">
              <Trans>Where you are logged in</Trans>
            </a>
            <a href="#data">
              <Trans>Your data</Trans>
            </a>
          </nav>
          {!account.user.email_verified && <Unverified />}
          <div id="you" className={styles.group}>
            <Profile user={account.user} />
            <Address user={account.user} />
          </div>
          <div id="security" className={styles.group}>
            <Password user={account.user} />
            <SecondFactor />
            <Passkeys />
          </div>
          <div id="sessions" className={styles.group}>
            <Sessions />
            <Leave />
          </div>
          <div id="data" className={styles.group}>
            <Export />
            <Erase />
          </div>
        </>
      )}
    </Page>
  );
}

function Unverified() {
  const [send, { error, isLoading, isSuccess }] = useResendVerificationMutation();
  return (
    <Notice tone="unknown" title={<Trans>Your address is not confirmed</Trans>}>
      <p>
        <Trans>The mail that welcomed you has a code in it.</Trans>
      </p>
      <div className={styles.buttons}>
        <LinkButton to={ROUTES.verifyEmail}>
          <Trans>Type the code</Trans>
        </LinkButton>
        <Button look="quiet" busy={isLoading} onClick={() => void send()}>
          <Trans>Send another mail</Trans>
        </Button>
      </div>
      <p role="status">{isSuccess && <Trans>A mail is on its way.</Trans>}</p>
      {error && <FailureNotice error={error} />}
    </Notice>
  );
}

function Profile({ user }: { user: User }) {
  const { t } = useLingui();
  const [change, { error, isLoading, isSuccess }] = useChangeMeMutation();
  return (
    <Panel title={<Trans>Profile</Trans>}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          void change({ name: String(form.get("name")), language: String(form.get("language")) });
        }}
      >
        <Field label={t`Name`} name="name" autoComplete="name" defaultValue={user.name} required maxLength={100} />
        <Select
          label={t`Language of mails`}
          hint={t`Mails are written in English, German and Sinhala. Other languages get English.`}
          name="language"
          defaultValue={user.language}
        >
          {!(user.language in LANGUAGES) && <option value={user.language}>{user.language}</option>}
          {Object.entries(LANGUAGES).map(([tag, language]) => (
            <option key={tag} value={tag} lang={tag}>
              {language.name}
            </option>
          ))}
        </Select>
        {error && <FailureNotice error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" busy={isLoading}>
            <Trans>Save</Trans>
          </Button>
          <p role="status">{isSuccess && <Trans>Saved.</Trans>}</p>
        </div>
      </form>
    </Panel>
  );
}

function Password({ user }: { user: User }) {
  const { t } = useLingui();
  const [weak, setWeak] = useState(false);
  const [change, { error, isLoading, isSuccess }] = useChangePasswordMutation();
  return (
    <Panel title={<Trans>Password</Trans>}>
      <form
        className={styles.form}
        onSubmit={async (event) => {
          event.preventDefault();
          const element = event.currentTarget;
          const form = new FormData(element);
          const next = String(form.get("password"));
          const fit = isFit(next, user.email);
          setWeak(!fit);
          if (!fit) return;
          const answer = await change({ current: String(form.get("current")), new: next });
          if (!answer.error) element.reset();
        }}
      >
        {/* Password managers keep a password with its account. */}
        <input type="text" name="username" autoComplete="username" defaultValue={user.email} hidden readOnly />
        <Field
          label={t`Password that it has`}
          name="current"
          type="password"
          autoComplete="current-password"
          required
          maxLength={256}
        />
        <NewPassword weak={weak} />
        {error && <FailureNotice error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" busy={isLoading}>
            <Trans>Change the password</Trans>
          </Button>
          <p role="status">{isSuccess && <Trans>Changed. Everywhere else you are logged out.</Trans>}</p>
        </div>
      </form>
    </Panel>
  );
}

/** The browser and the system that a client says it is, for people. */
function clientOf(agent: string | null): string | null {
  if (!agent) return null;
  const browser = /(Edg|OPR|Firefox|Chrome|Safari|curl)\/[\d.]+/.exec(agent)?.[1];
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent)?.[1];
  return (
    [{ Edg: "Edge", OPR: "Opera" }[browser ?? ""] ?? browser, system].filter(Boolean).join(", ") || agent.slice(0, 60)
  );
}

function Sessions() {
  const { t, i18n } = useLingui();
  const { data, error, refetch } = useSessionsQuery();
  const [end, ending] = useEndSessionMutation();
  return (
    <Panel title={<Trans>Where you are logged in</Trans>}>
      {error && <FailureNotice error={error} retry={refetch} />}
      {ending.error && <FailureNotice error={ending.error} />}
      {!data && !error && <Skeleton lines={2} />}
      <ul className={styles.sessions}>
        {data?.items.map((session) => {
          const client = clientOf(session.user_agent) ?? t`Unknown program`;
          return (
            <li key={session.id}>
              <div>
                <p className={styles.client}>
                  <bdi>{client}</bdi>
                </p>
                <p className={styles.term}>
                  {session.current ? (
                    <Trans>Here and now</Trans>
                  ) : (
                    <Trans>Last used {formatWhen(session.last_used_at, i18n.locale, ownZone())}</Trans>
                  )}
                </p>
              </div>
              {!session.current && (
                <Button
                  look="quiet"
                  aria-label={t`Log out: ${client}`}
                  busy={ending.isLoading && ending.originalArgs === session.id}
                  onClick={() => void end(session.id)}
                >
                  <Trans>Log out</Trans>
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function Leave({ guest = false }: { guest?: boolean }) {
  const navigate = useNavigate();
  const session = useSession();
  const [logout, { error, isLoading }] = useLogoutMutation();
  const leave = async (everywhere: boolean) => {
    const answer = await logout({ everywhere });
    if (answer.error) return;
    navigate(ROUTES.discover);
    session.end();
  };
  return (
    <Panel title={<Trans>Log out</Trans>}>
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button busy={isLoading} onClick={() => void leave(false)}>
          <Trans>Log out</Trans>
        </Button>
        {!guest && (
          <Button look="quiet" busy={isLoading} onClick={() => void leave(true)}>
            <Trans>Log out everywhere</Trans>
          </Button>
        )}
      </div>
    </Panel>
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link } from "react-router";
import { type SecondFactorAsked, useLoginMutation, useSecondFactorMutation } from "../../api";
import { ROUTES } from "../../app/routes";
import { useSession } from "../../app/store";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import styles from "./Account.module.css";
import { PasskeyLogin } from "./PasskeyLogin";

/** Logs somebody in, and asks for a second factor where the account has one. */
export function LoginForm({ onDone }: { onDone?: () => void }) {
  const { t } = useLingui();
  const session = useSession();
  const [login, { error, isLoading }] = useLoginMutation();
  const [asked, setAsked] = useState<SecondFactorAsked["second_factor"] | null>(null);
  if (asked) return <SecondFactor asked={asked} onDone={onDone} onAgain={() => setAsked(null)} />;
  return (
    <div className={styles.form}>
      <form
        className={styles.form}
        onSubmit={async (event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const { data } = await login({ email: String(form.get("email")), password: String(form.get("password")) });
          if (!data) return;
          if ("second_factor" in data) {
            setAsked(data.second_factor);
          } else {
            session.begin(data.user);
            onDone?.();
          }
        }}
      >
        <InsecureNotice />
        <Field label={t`Email`} name="email" type="email" autoComplete="username" required maxLength={254} />
        <Field
          label={t`Password`}
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={256}
        />
        {error && <FailureNotice error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" busy={isLoading}>
            <Trans>Log in</Trans>
          </Button>
          <Link to={ROUTES.forgotPassword}>
            <Trans>Forgot your password?</Trans>
          </Link>
        </div>
      </form>
      <PasskeyLogin onDone={onDone} />
    </div>
  );
}

function SecondFactor({
  asked,
  onDone,
  onAgain,
}: {
  asked: SecondFactorAsked["second_factor"];
  onDone: (() => void) | undefined;
  onAgain: () => void;
}) {
  const { t } = useLingui();
  const session = useSession();
  const [recovery, setRecovery] = useState(!asked.methods.includes("totp"));
  const [send, { error, isLoading }] = useSecondFactorMutation();
  return (
    <form
      className={styles.form}
      onSubmit={async (event) => {
        event.preventDefault();
        const code = String(new FormData(event.currentTarget).get("code")).trim();
        const { data } = await send({ token: asked.token, ...(recovery ? { recovery_code: code } : { code }) });
        if (!data) return;
        session.begin(data.user);
        onDone?.();
      }}
    >
      <p role="status">
        <Trans>The password is right. This account has a second factor as well.</Trans>
      </p>
      {recovery ? (
        <Field
          key="recovery"
          label={t`Recovery code`}
          hint={t`One of those that you wrote down. Each is good once.`}
          name="code"
          autoComplete="off"
          required
          maxLength={40}
          autoFocus
          dir="ltr"
        />
      ) : (
        <Field
          key="totp"
          label={t`Code`}
          hint={t`Six digits, as your app shows them now.`}
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="[0-9]{3} ?[0-9]{3}"
          required
          maxLength={7}
          autoFocus
          dir="ltr"
        />
      )}
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Log in</Trans>
        </Button>
        {asked.methods.length > 1 && (
          <Button look="plain" onClick={() => setRecovery(!recovery)}>
            {recovery ? <Trans>Use a code of the app</Trans> : <Trans>Use a recovery code</Trans>}
          </Button>
        )}
        <Button look="plain" onClick={onAgain}>
          <Trans>Begin again</Trans>
        </Button>
      </div>
    </form>
  );
}

/** In the clear from another machine browsers keep none of our cookies: nobody can stay logged in. */
export function InsecureNotice() {
  if (window.isSecureContext) return null;
  return (
    <Notice tone="bad" title={<Trans>This connection is not secure</Trans>}>
      <p>
        <Trans>
          Browsers keep nobody logged in over a connection without encryption. Open this site with https, or on the
          machine that it runs on.
        </Trans>
      </p>
    </Notice>
  );
}

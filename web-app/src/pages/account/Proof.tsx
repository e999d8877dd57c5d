import { Trans, useLingui } from "@lingui/react/macro";
import { type ReactNode, useState } from "react";
import { isProblem } from "../../api/problem";
import { useReauthenticateMutation } from "../../api/security";
import { useAccount } from "../../app/store";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import styles from "./Account.module.css";

type Outcome<T> = { data?: T; error?: unknown };

/**
 * What needs a session that has proved lately whose it is: `run` asks for the proof where it is missing, in the dialog that stands in the page. It says why
 * it is asked for, where that is not one's own account.
 */
export function useProof(why?: ReactNode) {
  const [answer, setAnswer] = useState<((proved: boolean) => void) | null>(null);
  const run = async <T,>(ask: () => Promise<Outcome<T>>): Promise<Outcome<T>> => {
    const first = await ask();
    if (!isProblem(first.error, "/problems/reauthentication-required")) return first;
    const proved = await new Promise<boolean>((resolve) => setAnswer(() => resolve));
    setAnswer(null);
    // Who closes the dialog does not want it any more: that is no fault.
    return proved ? ask() : {};
  };
  return { run, dialog: <Proof why={why} onAnswer={answer} /> };
}

function Proof({ why, onAnswer }: { why: ReactNode; onAnswer: ((proved: boolean) => void) | null }) {
  const { t } = useLingui();
  const [prove, { error, isLoading, reset }] = useReauthenticateMutation();
  const [way, setWay] = useState<"app" | "recovery">("app");
  // Once it was asked for, a wrong one is asked for again.
  const [second, setSecond] = useState(false);
  const end = (proved: boolean) => {
    reset();
    setSecond(false);
    onAnswer?.(proved);
  };
  return (
    <Dialog open={onAnswer !== null} onClose={() => end(false)} title={<Trans>Show that it is you</Trans>}>
      <form
        className={styles.form}
        onSubmit={async (event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const code = String(form.get("code") ?? "").trim();
          const answer = await prove({
            password: String(form.get("current")),
            ...(code && (way === "app" ? { code } : { recovery_code: code })),
          });
          if (isProblem(answer.error, "/problems/second-factor-required")) setSecond(true);
          if (!answer.error) end(true);
        }}
      >
        <p>
          {why ?? (
            <Trans>
              This could hand your account to somebody else, so we ask once more. It is good for 15 minutes.
            </Trans>
          )}
        </p>
        <Username />
        <Field
          label={t`Your password`}
          name="current"
          type="password"
          autoComplete="current-password"
          required
          maxLength={256}
          autoFocus
        />
        {second && (
          <>
            <p role="status">
              <Trans>The password is right. This account has a second factor as well.</Trans>
            </p>
            <Field
              key={way}
              label={way === "app" ? t`Code` : t`Recovery code`}
              hint={
                way === "app"
                  ? t`Six digits, as your app shows them now.`
                  : t`One of those that you wrote down. Each is good once.`
              }
              name="code"
              inputMode={way === "app" ? "numeric" : "text"}
              autoComplete={way === "app" ? "one-time-code" : "off"}
              required
              maxLength={40}
              autoFocus
              dir="ltr"
            />
            <div>
              <Button look="plain" onClick={() => setWay(way === "app" ? "recovery" : "app")}>
                {way === "app" ? <Trans>Use a recovery code</Trans> : <Trans>Use a code of the app</Trans>}
              </Button>
            </div>
          </>
        )}
        {error && !isProblem(error, "/problems/second-factor-required") && <FailureNotice error={error} />}
        <div className={styles.buttons}>
          <Button type="submit" busy={isLoading}>
            <Trans>Go on</Trans>
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Password managers keep a password with its account. */
export function Username() {
  const account = useAccount();
  const email = account.state === "in" ? account.user.email : "";
  return <input type="text" name="username" autoComplete="username" value={email} hidden readOnly />;
}

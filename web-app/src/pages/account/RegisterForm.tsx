import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { useRegisterMutation } from "../../api";
import { useSession } from "../../app/store";
import { isFit } from "../../lib/password";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice } from "../../ui/Notice";
import styles from "./Account.module.css";
import { InsecureNotice } from "./LoginForm";

export function RegisterForm({ onDone, email: known = "" }: { onDone?: () => void; email?: string }) {
  const { t } = useLingui();
  const session = useSession();
  const [register, { error, isLoading }] = useRegisterMutation();
  const [weak, setWeak] = useState(false);
  return (
    <form
      className={styles.form}
      onSubmit={async (event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const [name, email, password] = ["name", "email", "password"].map((field) => String(form.get(field))) as [
          string,
          string,
          string,
        ];
        const fit = isFit(password, email);
        setWeak(!fit);
        if (!fit) return;
        const { data } = await register({ name, email, password });
        if (!data) return;
        session.begin(data.user);
        onDone?.();
      }}
    >
      <InsecureNotice />
      <Field label={t`Name`} name="name" autoComplete="name" required maxLength={100} />
      <Field
        label={t`Email`}
        hint={t`Your tickets go there.`}
        name="email"
        type="email"
        autoComplete="username"
        defaultValue={known}
        required
        maxLength={254}
      />
      <NewPassword weak={weak} />
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Make an account</Trans>
        </Button>
      </div>
    </form>
  );
}

export function NewPassword({ weak }: { weak: boolean }) {
  const { t } = useLingui();
  return (
    <Field
      label={t`New password`}
      hint={t`At least 8 characters. Several words that nobody would guess are better than signs.`}
      error={weak && t`It must have at least 8 characters, not all alike, and not be your email.`}
      name="password"
      type="password"
      autoComplete="new-password"
      required
      maxLength={256}
    />
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { Link } from "react-router";
import { useResetPasswordMutation } from "../../api";
import { ROUTES } from "../../app/routes";
import { useTokenOfLink } from "../../lib/fragment";
import { isFit } from "../../lib/password";
import { Button, LinkButton } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import styles from "./Account.module.css";
import { NewPassword } from "./RegisterForm";

export default function ResetPassword() {
  const { t } = useLingui();
  const token = useTokenOfLink();
  const [weak, setWeak] = useState(false);
  const [reset, { error, isLoading, isSuccess }] = useResetPasswordMutation();
  return (
    <Page title={t`Choose a new password`} narrow>
      {isSuccess ? (
        <>
          <Notice tone="good" live title={<Trans>The password is changed</Trans>}>
            <p>
              <Trans>Whoever was logged in with the one before is logged out.</Trans>
            </p>
          </Notice>
          <div>
            <LinkButton to={ROUTES.login}>
              <Trans>Log in</Trans>
            </LinkButton>
          </div>
        </>
      ) : (
        <form
          className={`${styles.form} ${styles.panel}`}
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            const password = String(form.get("password"));
            setWeak(!isFit(password));
            if (isFit(password)) void reset({ token: String(form.get("token")).trim(), password });
          }}
        >
          <Field
            label={t`Code of the mail`}
            hint={t`The long one, with all of its letters.`}
            name="token"
            defaultValue={token}
            autoComplete="off"
            spellCheck={false}
            required
            maxLength={117}
            dir="ltr"
          />
          <NewPassword weak={weak} />
          {error && <FailureNotice error={error} />}
          <div className={styles.buttons}>
            <Button type="submit" busy={isLoading}>
              <Trans>Change the password</Trans>
            </Button>
            <Link to={ROUTES.forgotPassword}>
              <Trans>I have no mail</Trans>
            </Link>
          </div>
        </form>
      )}
    </Page>
  );
}

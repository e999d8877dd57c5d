import { Trans, useLingui } from "@lingui/react/macro";
import { useForgotPasswordMutation } from "../../api";
import { ROUTES } from "../../app/routes";
import { Button, LinkButton } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import styles from "./Account.module.css";

export default function ForgotPassword() {
  const { t } = useLingui();
  const [send, { error, isLoading, isSuccess }] = useForgotPasswordMutation();
  return (
    <Page title={t`Forgot your password?`} narrow>
      {isSuccess ? (
        <>
          <Notice tone="good" live title={<Trans>Look into your mail</Trans>}>
            <p>
              <Trans>
                If there is an account with this address, a mail is on its way. It has a code in it, which is good for
                an hour.
              </Trans>
            </p>
          </Notice>
          <div>
            <LinkButton to={ROUTES.resetPassword}>
              <Trans>I have the code</Trans>
            </LinkButton>
          </div>
        </>
      ) : (
        <form
          className={`${styles.form} ${styles.panel}`}
          onSubmit={(event) => {
            event.preventDefault();
            void send({ email: String(new FormData(event.currentTarget).get("email")) });
          }}
        >
          <p>
            <Trans>We send a code to your address, with which you can choose a new one.</Trans>
          </p>
          <Field label={t`Email`} name="email" type="email" autoComplete="username" required maxLength={254} />
          {error && <FailureNotice error={error} />}
          <div className={styles.buttons}>
            <Button type="submit" busy={isLoading}>
              <Trans>Send the mail</Trans>
            </Button>
            <LinkButton look="plain" to={ROUTES.resetPassword}>
              <Trans>I have the code</Trans>
            </LinkButton>
          </div>
        </form>
      )}
    </Page>
  );
}

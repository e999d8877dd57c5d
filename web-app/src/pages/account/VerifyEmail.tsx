import { Trans, useLingui } from "@lingui/react/macro";
import { useVerifyEmailMutation } from "../../api";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { useTokenOfLink } from "../../lib/fragment";
import { Button, LinkButton } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import styles from "./Account.module.css";

/** Shows that an address is read: by a mail's long code from anywhere, or by its short one together with the address. */
export default function VerifyEmail() {
  const { t } = useLingui();
  const token = useTokenOfLink();
  const account = useAccount();
  const [verify, { error, isLoading, isSuccess }] = useVerifyEmailMutation();
  return (
    <Page title={t`Confirm your address`} narrow>
      {isSuccess ? (
        <>
          <Notice tone="good" live title={<Trans>Your address is confirmed</Trans>}>
            <p>
              <Trans>What was bought with it as a guest is in the account now.</Trans>
            </p>
          </Notice>
          <div className={styles.buttons}>
            <LinkButton to={ROUTES.orders}>
              <Trans>My tickets</Trans>
            </LinkButton>
            <LinkButton look="quiet" to={ROUTES.discover}>
              <Trans>See what is on</Trans>
            </LinkButton>
          </div>
        </>
      ) : (
        <form
          className={`${styles.form} ${styles.panel}`}
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            const code = String(form.get("code")).trim();
            const short = /^[\d\s-]{8,20}$/.test(code);
            void verify(short ? { email: String(form.get("email")), code } : { token: code });
          }}
        >
          <p>
            <Trans>The mail that welcomed you has two codes: either is good.</Trans>
          </p>
          <Field
            label={t`Email`}
            name="email"
            type="email"
            autoComplete="username"
            required
            maxLength={254}
            key={account.state}
            defaultValue={account.state === "in" ? account.user.email : ""}
          />
          <Field
            label={t`Code of the mail`}
            name="code"
            defaultValue={token}
            autoComplete="one-time-code"
            spellCheck={false}
            required
            maxLength={117}
            dir="ltr"
          />
          {error && <FailureNotice error={error} />}
          <div className={styles.buttons}>
            <Button type="submit" busy={isLoading}>
              <Trans>Confirm</Trans>
            </Button>
          </div>
        </form>
      )}
    </Page>
  );
}

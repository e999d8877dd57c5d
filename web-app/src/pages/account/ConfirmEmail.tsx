import { Trans, useLingui } from "@lingui/react/macro";
import { useConfirmEmailMutation } from "../../api/security";
import { ROUTES } from "../../app/routes";
import { useTokenOfLink } from "../../lib/fragment";
import { Button, LinkButton } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import styles from "./Account.module.css";

/** Confirms another address, by the mail to the old one or that to the new one. */
export default function ConfirmEmail() {
  const { t } = useLingui();
  const token = useTokenOfLink();
  const [confirm, { data: done, error, isLoading, isSuccess }] = useConfirmEmailMutation();
  return (
    <Page title={t`Another address`} narrow>
      {isSuccess && done ? (
        <>
          <Notice tone="good" live title={<Trans>The account has its new address</Trans>}>
            <p>
              <Trans>Everywhere else it is logged out.</Trans>
            </p>
          </Notice>
          <div>
            <LinkButton to={ROUTES.account}>
              <Trans>Account</Trans>
            </LinkButton>
          </div>
        </>
      ) : isSuccess ? (
        <Notice tone="wait" live title={<Trans>The other address has yet to confirm</Trans>}>
          <p>
            <Trans>A mail went there as well. The address changes once both are confirmed.</Trans>
          </p>
        </Notice>
      ) : (
        <form
          className={`${styles.form} ${styles.panel}`}
          onSubmit={(event) => {
            event.preventDefault();
            void confirm({ token: String(new FormData(event.currentTarget).get("token")).trim() });
          }}
        >
          <p>
            <Trans>The old and the new address each got a mail with a code. Both must be confirmed here.</Trans>
          </p>
          <Field
            label={t`Code of the mail`}
            hint={t`The long one, with all of its letters.`}
            name="token"
            defaultValue={token}
            autoComplete="off"
            spellCheck={false}
            required
            maxLength={200}
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

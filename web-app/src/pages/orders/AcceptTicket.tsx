import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "react-router";
import { useAcceptTicketMutation } from "../../api/transfers";
import { ROUTES } from "../../app/routes";
import { useAccount } from "../../app/store";
import { useTokenOfLink } from "../../lib/fragment";
import { Button, LinkButton } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import styles from "../account/Account.module.css";
import { Unconfirmed } from "./Offers";

/** Accepts a ticket by what a mail says. The page stays what it is over a login, for the code is not in the address any more. */
export default function AcceptTicket() {
  const { t } = useLingui();
  const token = useTokenOfLink();
  const account = useAccount();
  const [accept, { error, isLoading, isSuccess }] = useAcceptTicketMutation();
  if (account.state === "loading") return <LoadingPage />;
  const member = account.state === "in" && !account.user.guest ? account.user : null;
  return (
    <Page title={t`A ticket for you`} narrow>
      {account.state === "failed" && <FailureNotice error={account.error} retry={account.retry} />}
      {isSuccess ? (
        <>
          <Notice tone="good" live title={<Trans>The ticket is yours</Trans>}>
            <p>
              <Trans>It has a code of its own; the one before lets nobody in any more.</Trans>
            </p>
          </Notice>
          <div>
            <LinkButton to={ROUTES.orders}>
              <Trans>See my tickets</Trans>
            </LinkButton>
          </div>
        </>
      ) : !member ? (
        <Notice tone="info" title={<Trans>A ticket belongs to an account</Trans>}>
          <p>
            <Trans>
              <Link to={ROUTES.login} state={{ to: ROUTES.orders }}>
                Log in
              </Link>{" "}
              or{" "}
              <Link to={ROUTES.register} state={{ to: ROUTES.orders }}>
                make an account
              </Link>{" "}
              with the address that the mail went to, and confirm it. The offer then stands under “My tickets”.
            </Trans>
          </p>
        </Notice>
      ) : (
        <>
          {!member.email_verified && <Unconfirmed />}
          <form
            className={`${styles.form} ${styles.panel}`}
            onSubmit={(event) => {
              event.preventDefault();
              void accept({ token: String(new FormData(event.currentTarget).get("token")).trim() });
            }}
          >
            <p>
              <Trans>
                It must have been offered to {member.email}. Offers also stand under{" "}
                <Link to={ROUTES.orders}>your tickets</Link>.
              </Trans>
            </p>
            <Field
              label={t`Code of the mail`}
              name="token"
              defaultValue={token}
              autoComplete="off"
              spellCheck={false}
              required
              maxLength={64}
              dir="ltr"
            />
            {error && <FailureNotice error={error} />}
            <div className={styles.buttons}>
              <Button type="submit" busy={isLoading}>
                <Trans>Accept the ticket</Trans>
              </Button>
            </div>
          </form>
        </>
      )}
    </Page>
  );
}

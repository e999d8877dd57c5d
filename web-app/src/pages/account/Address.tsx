import { Trans, useLingui } from "@lingui/react/macro";
import type { User } from "../../api";
import { useChangeEmailMutation } from "../../api/security";
import { ROUTES } from "../../app/routes";
import { Button, LinkButton } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import styles from "./Account.module.css";
import { Panel } from "./Panel";
import { Username, useProof } from "./Proof";

/** Asks for another address, which both who read the old one and who read the new one confirm. */
export function Address({ user }: { user: User }) {
  const { t } = useLingui();
  const [change, { error, isLoading, isSuccess, originalArgs }] = useChangeEmailMutation();
  const proof = useProof();
  return (
    <Panel title={<Trans>Address</Trans>}>
      <dl>
        <dt className={styles.term}>
          <Trans>Email</Trans>
        </dt>
        <dd className={styles.value}>{user.email}</dd>
      </dl>
      {isSuccess ? (
        <Notice tone="wait" live title={<Trans>Two mails are on their way</Trans>}>
          <p>
            <Trans>
              One goes to {user.email}, one to {originalArgs?.email}. The address changes once both are confirmed,
              within a day.
            </Trans>
          </p>
          <LinkButton look="quiet" to={ROUTES.confirmEmail}>
            <Trans>I have the code</Trans>
          </LinkButton>
        </Notice>
      ) : (
        <form
          className={styles.form}
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            void proof.run(() => change({ email: String(form.get("email")), password: String(form.get("current")) }));
          }}
        >
          <Field label={t`New address`} name="email" type="email" autoComplete="email" required maxLength={254} />
          <Username />
          <Field
            label={t`Your password`}
            name="current"
            type="password"
            autoComplete="current-password"
            required
            maxLength={256}
          />
          {error && <FailureNotice error={error} />}
          <div className={styles.buttons}>
            <Button type="submit" look="quiet" busy={isLoading}>
              <Trans>Change the address</Trans>
            </Button>
          </div>
        </form>
      )}
      {proof.dialog}
    </Panel>
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { useNavigate } from "react-router";
import { isProblem } from "../../api/problem";
import { exportMe, useEraseMeMutation } from "../../api/security";
import { ROUTES } from "../../app/routes";
import { useSession } from "../../app/store";
import { save } from "../../lib/download";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Checkbox, Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import styles from "./Account.module.css";
import { Panel } from "./Panel";
import { Username, useProof } from "./Proof";

/** A copy of everything that is known of somebody. */
export function Export() {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const proof = useProof();
  return (
    <Panel title={<Trans>Your data</Trans>}>
      <p>
        <Trans>
          Everything that we know of you, in one archive: account, orders, payments, mails, what the audit log says, and
          your tickets and receipts as PDF.
        </Trans>
      </p>
      {failure !== null && <FailureNotice error={failure} />}
      <div>
        <Button
          look="quiet"
          busy={busy}
          onClick={async () => {
            setBusy(true);
            const answer = await proof.run(exportMe);
            setBusy(false);
            setFailure(answer.error ?? null);
            if (answer.data) save(answer.data, "my-data.zip");
          }}
        >
          <Trans>Download your data</Trans>
        </Button>
      </div>
      {proof.dialog}
    </Panel>
  );
}

/** Erases the account, with the password once more. */
export function Erase() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const session = useSession();
  const [asking, setAsking] = useState(false);
  const [erase, { error, isLoading, reset }] = useEraseMeMutation();
  const proof = useProof();
  const close = () => {
    setAsking(false);
    reset();
  };
  return (
    <Panel title={<Trans>Delete the account</Trans>}>
      <p>
        <Trans>
          Deletes what we know of you, for good. Tickets go on to let in whoever has their code, so save them first; you
          cannot cancel or get receipts afterwards.
        </Trans>
      </p>
      <div>
        <Button look="quiet" onClick={() => setAsking(true)}>
          <Trans>Delete your account…</Trans>
        </Button>
      </div>
      <Dialog open={asking} onClose={close} title={<Trans>Delete your account?</Trans>}>
        <form
          className={styles.form}
          onSubmit={async (event) => {
            event.preventDefault();
            const password = String(new FormData(event.currentTarget).get("current"));
            const answer = await proof.run(() => erase({ password }));
            if (answer.error || !("data" in answer)) return;
            navigate(ROUTES.discover);
            session.end();
          }}
        >
          <p>
            <Trans>
              You are logged out everywhere, offers of tickets are withdrawn, and nothing names you any more. This
              cannot be undone.
            </Trans>
          </p>
          <Checkbox label={t`I understand that nothing of it can be brought back.`} required />
          <Username />
          <Field
            label={t`Your password`}
            name="current"
            type="password"
            autoComplete="current-password"
            required
            maxLength={256}
          />
          {isProblem(error, "/problems/wrong-state") ? (
            <Notice tone="bad" live title={<Trans>Somebody else has to take over first</Trans>}>
              <p>
                <Trans>You are the only owner of an organiser, or the only admin. Make somebody else one.</Trans>
              </p>
            </Notice>
          ) : (
            error && !isProblem(error, "/problems/reauthentication-required") && <FailureNotice error={error} />
          )}
          <div className={styles.buttons}>
            <Button type="submit" busy={isLoading}>
              <Trans>Delete for good</Trans>
            </Button>
            <Button look="quiet" onClick={close}>
              <Trans>Keep the account</Trans>
            </Button>
          </div>
        </form>
      </Dialog>
      {proof.dialog}
    </Panel>
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import {
  type TotpSecret,
  useBeginTotpMutation,
  useConfirmTotpMutation,
  useEndTotpMutation,
  useFactorQuery,
  useMakeRecoveryCodesMutation,
} from "../../api/security";
import { save } from "../../lib/download";
import { formatWhen, ownZone } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { QrCode } from "../../ui/QrCode";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./Account.module.css";
import { Panel } from "./Panel";
import { useProof } from "./Proof";

/** A code of an app beside the password, and the codes that stand in for it. */
export function SecondFactor() {
  const { i18n } = useLingui();
  const { data, error, refetch } = useFactorQuery();
  const [begin, beginning] = useBeginTotpMutation();
  const [end, ending] = useEndTotpMutation();
  const [renew, renewing] = useMakeRecoveryCodesMutation();
  const [secret, setSecret] = useState<TotpSecret | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [removing, setRemoving] = useState(false);
  const proof = useProof();
  const failure = beginning.error ?? renewing.error;
  return (
    <Panel title={<Trans>Second factor</Trans>}>
      <p>
        <Trans>
          With it a password alone lets nobody in: your phone's app shows a code that changes every half minute.
        </Trans>
      </p>
      {error && <FailureNotice error={error} retry={refetch} />}
      {!data && !error && <Skeleton lines={2} />}
      {failure && <FailureNotice error={failure} />}
      {codes ? (
        <Codes codes={codes} onDone={() => setCodes(null)} />
      ) : secret ? (
        <Confirm
          secret={secret}
          run={proof.run}
          onCodes={(made) => {
            setSecret(null);
            setCodes(made);
          }}
          onCancel={() => setSecret(null)}
        />
      ) : data?.enabled ? (
        <>
          <Notice tone="good" title={<Trans>Your account has one</Trans>}>
            {data.enabled_at && (
              <p>
                <Trans>Since {formatWhen(data.enabled_at, i18n.locale, ownZone())}</Trans>
              </p>
            )}
            <p>
              <Trans>Recovery codes left: {i18n.number(data.recovery_codes_left)}</Trans>
            </p>
          </Notice>
          <div className={styles.buttons}>
            <Button
              look="quiet"
              busy={renewing.isLoading}
              onClick={async () => {
                const made = await proof.run(() => renew());
                if (made.data) setCodes(made.data.recovery_codes);
              }}
            >
              <Trans>Make new recovery codes</Trans>
            </Button>
            <Button look="plain" onClick={() => setRemoving(true)}>
              <Trans>Take it away…</Trans>
            </Button>
          </div>
          <Dialog
            open={removing}
            onClose={() => setRemoving(false)}
            title={<Trans>Take the second factor away?</Trans>}
          >
            <p>
              <Trans>From then on the password alone is enough. The recovery codes are good for nothing.</Trans>
            </p>
            {ending.error && <FailureNotice error={ending.error} />}
            <div className={styles.buttons}>
              <Button
                busy={ending.isLoading}
                onClick={async () => {
                  const answer = await proof.run(() => end());
                  if ("data" in answer && !answer.error) setRemoving(false);
                }}
              >
                <Trans>Take it away</Trans>
              </Button>
              <Button look="quiet" onClick={() => setRemoving(false)}>
                <Trans>Keep it</Trans>
              </Button>
            </div>
          </Dialog>
        </>
      ) : (
        data && (
          <div>
            <Button
              busy={beginning.isLoading}
              onClick={async () => {
                const made = await proof.run(() => begin());
                if (made.data) setSecret(made.data);
              }}
            >
              <Trans>Set up a second factor</Trans>
            </Button>
          </div>
        )
      )}
      {proof.dialog}
    </Panel>
  );
}

function Confirm({
  secret,
  run,
  onCodes,
  onCancel,
}: {
  secret: TotpSecret;
  run: ReturnType<typeof useProof>["run"];
  onCodes: (codes: string[]) => void;
  onCancel: () => void;
}) {
  const { t } = useLingui();
  const [confirm, { error, isLoading }] = useConfirmTotpMutation();
  return (
    <form
      className={styles.form}
      onSubmit={async (event) => {
        event.preventDefault();
        const code = String(new FormData(event.currentTarget).get("code")).trim();
        const made = await run(() => confirm({ code }));
        if (made.data) onCodes(made.data.recovery_codes);
      }}
    >
      <ol className={styles.steps}>
        <li>
          <p>
            <Trans>Scan this with an app for such codes, or type the key into it.</Trans>
          </p>
          <div className={styles.secret}>
            <div className={styles.qr}>
              <QrCode text={secret.uri} label={t`QR code for the app`} />
            </div>
            <p>
              <code dir="ltr">{secret.secret.match(/.{1,4}/g)?.join(" ")}</code>
            </p>
          </div>
        </li>
        <li>
          <Field
            label={t`Code`}
            hint={t`Six digits, as your app shows them now.`}
            name="code"
            inputMode="numeric"
            autoComplete="one-time-code"
            pattern="[0-9]{3} ?[0-9]{3}"
            required
            maxLength={7}
            dir="ltr"
          />
        </li>
      </ol>
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Switch it on</Trans>
        </Button>
        <Button look="plain" onClick={onCancel}>
          <Trans>Leave as it was</Trans>
        </Button>
      </div>
    </form>
  );
}

/** Recovery codes, which are shown this once. */
function Codes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const [copied, setCopied] = useState(false);
  const text = `${codes.join("\n")}\n`;
  return (
    <Notice tone="unknown" live title={<Trans>Keep these recovery codes</Trans>}>
      <p>
        <Trans>
          Each is good once in the place of a code of the app, if you lose it. They are shown only now: write them down,
          or keep them with your passwords.
        </Trans>
      </p>
      <ul className={styles.codes} dir="ltr">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div className={styles.buttons}>
        <Button
          look="quiet"
          onClick={() =>
            navigator.clipboard.writeText(text).then(
              () => setCopied(true),
              () => setCopied(false),
            )
          }
        >
          <Trans>Copy</Trans>
        </Button>
        <Button look="quiet" onClick={() => save(new Blob([text], { type: "text/plain" }), "recovery-codes.txt")}>
          <Trans>Save as a file</Trans>
        </Button>
        <Button onClick={onDone}>
          <Trans>I have kept them</Trans>
        </Button>
        <p role="status">{copied && <Trans>Copied.</Trans>}</p>
      </div>
    </Notice>
  );
}

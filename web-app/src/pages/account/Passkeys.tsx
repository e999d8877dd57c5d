import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import {
  useAddPasskeyMutation,
  useBeginPasskeyMutation,
  usePasskeysQuery,
  useRemovePasskeyMutation,
} from "../../api/security";
import { makePasskey, passkeysHere, type Refusal } from "../../lib/passkey";
import { formatWhen, ownZone } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Skeleton } from "../../ui/Skeleton";
import styles from "./Account.module.css";
import { Panel } from "./Panel";
import { useProof } from "./Proof";

/** Keys in somebody's devices, which log in without a password. */
export function Passkeys() {
  const { t, i18n } = useLingui();
  const { data, error, refetch } = usePasskeysQuery();
  const [begin, beginning] = useBeginPasskeyMutation();
  const [add, adding] = useAddPasskeyMutation();
  const [remove, removing] = useRemovePasskeyMutation();
  const [refused, setRefused] = useState<Refusal | null>(null);
  const [asking, setAsking] = useState(false);
  const proof = useProof();
  const failure = beginning.error ?? adding.error ?? removing.error;
  const busy = beginning.isLoading || adding.isLoading || asking;
  return (
    <Panel title={<Trans>Passkeys</Trans>}>
      <p>
        <Trans>
          A passkey logs you in with your fingerprint, your face or the PIN of your device, and cannot be guessed or
          phished.
        </Trans>
      </p>
      {error && <FailureNotice error={error} retry={refetch} />}
      {!data && !error && <Skeleton lines={2} />}
      {failure && <FailureNotice error={failure} />}
      <ul className={styles.sessions}>
        {data?.items.map((passkey) => (
          <li key={passkey.id}>
            <div>
              <p className={styles.client} dir="auto">
                {passkey.name}
              </p>
              <p className={styles.term}>
                {passkey.last_used_at ? (
                  <Trans>Last used {formatWhen(passkey.last_used_at, i18n.locale, ownZone())}</Trans>
                ) : (
                  <Trans>Never used</Trans>
                )}
              </p>
            </div>
            <Button
              look="quiet"
              aria-label={t`Remove: ${passkey.name}`}
              busy={removing.isLoading && removing.originalArgs === passkey.id}
              onClick={() => void proof.run(() => remove(passkey.id))}
            >
              <Trans>Remove</Trans>
            </Button>
          </li>
        ))}
      </ul>
      {passkeysHere() ? (
        <form
          className={styles.form}
          onSubmit={async (event) => {
            event.preventDefault();
            const element = event.currentTarget;
            const name = String(new FormData(element).get("name")).trim();
            setRefused(null);
            const options = await proof.run(() => begin());
            if (!options.data) return;
            setAsking(true);
            const made = await makePasskey(options.data.publicKey);
            setAsking(false);
            if ("refused" in made) {
              setRefused(made.refused);
              return;
            }
            const answer = await add({ credential: made.credential, ...(name && { name }) });
            if (!answer.error) element.reset();
          }}
        >
          <Field
            label={t`Name of the new passkey`}
            hint={t`To know it by, as “My phone”.`}
            name="name"
            autoComplete="off"
            maxLength={100}
          />
          {refused && <Refused why={refused} />}
          <div className={styles.buttons}>
            <Button type="submit" look="quiet" busy={busy}>
              <Trans>Add a passkey</Trans>
            </Button>
          </div>
        </form>
      ) : (
        <p className={styles.term}>
          <Trans>This browser cannot make passkeys here.</Trans>
        </p>
      )}
      {proof.dialog}
    </Panel>
  );
}

/** Why a browser gave no passkey. */
export function Refused({ why }: { why: Refusal }) {
  return (
    <Notice
      tone="unknown"
      live
      title={
        why === "exists" ? (
          <Trans>This device has a passkey for your account already</Trans>
        ) : why === "dismissed" ? (
          <Trans>No passkey was used</Trans>
        ) : (
          <Trans>This browser cannot use passkeys at this address</Trans>
        )
      }
    >
      {why === "dismissed" && (
        <p>
          <Trans>It was dismissed, or took too long. Try again, or use your password.</Trans>
        </p>
      )}
    </Notice>
  );
}

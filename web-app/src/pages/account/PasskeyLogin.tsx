import { Trans } from "@lingui/react/macro";
import { useState } from "react";
import { useBeginPasskeyLoginMutation, usePasskeyLoginMutation } from "../../api/security";
import { useSession } from "../../app/store";
import { askForPasskey, passkeysHere, type Refusal } from "../../lib/passkey";
import { Button } from "../../ui/Button";
import { FailureNotice } from "../../ui/Notice";
import styles from "./Account.module.css";
import { Refused } from "./Passkeys";

/** Logs somebody in with a passkey; nothing where this browser has none. */
export function PasskeyLogin({ onDone }: { onDone?: (() => void) | undefined }) {
  const session = useSession();
  const [begin, beginning] = useBeginPasskeyLoginMutation();
  const [login, loggingIn] = usePasskeyLoginMutation();
  const [asking, setAsking] = useState(false);
  const [refused, setRefused] = useState<Refusal | null>(null);
  if (!passkeysHere()) return null;
  const failure = beginning.error ?? loggingIn.error;
  return (
    <div className={styles.other}>
      {failure && <FailureNotice error={failure} />}
      {refused && <Refused why={refused} />}
      <Button
        look="quiet"
        busy={beginning.isLoading || loggingIn.isLoading || asking}
        onClick={async () => {
          setRefused(null);
          const options = await begin();
          if (!options.data) return;
          setAsking(true);
          const used = await askForPasskey(options.data.publicKey);
          setAsking(false);
          if ("refused" in used) {
            setRefused(used.refused);
            return;
          }
          const { data } = await login({ credential: used.credential });
          if (!data) return;
          session.begin(data.user);
          onDone?.();
        }}
      >
        <Trans>Log in with a passkey</Trans>
      </Button>
    </div>
  );
}

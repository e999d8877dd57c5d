import { Trans, useLingui } from "@lingui/react/macro";
import { useState } from "react";
import type { TicketPass, Wallet } from "../../api";
import { requestFile } from "../../api/fetch";
import { leadTo } from "../../lib/download";
import { Button } from "../../ui/Button";
import styles from "./Orders.module.css";

/** Puts a ticket into the wallets that there are passes for here. */
export function WalletButtons({
  booking,
  number,
  wallets,
  onFailure,
}: {
  booking: string;
  number: number;
  wallets: Wallet[];
  onFailure: (failure: unknown) => void;
}) {
  const { t } = useLingui();
  const [busy, setBusy] = useState(false);
  const path = `/api/bookings/${encodeURIComponent(booking)}/tickets/${number}/pass`;
  const goTo = async (accept: string, address: (pass: Blob) => Promise<string>) => {
    setBusy(true);
    onFailure(null);
    try {
      leadTo(await address(await requestFile(path, accept)));
    } catch (caught) {
      onFailure(caught);
    }
    setBusy(false);
  };
  return (
    <div className={styles.wallets}>
      {wallets.includes("apple") && (
        <Button
          look="plain"
          busy={busy}
          aria-label={t`Add ticket ${number} to Apple Wallet`}
          // A telephone opens a pass that it is led to, and none that a page has in memory. It was asked for so that what is wrong is said here.
          onClick={() => void goTo("application/vnd.apple.pkpass", async () => path)}
        >
          <Trans>Add to Apple Wallet</Trans>
        </Button>
      )}
      {wallets.includes("google") && (
        <Button
          look="plain"
          busy={busy}
          aria-label={t`Add ticket ${number} to Google Wallet`}
          onClick={() =>
            void goTo(
              "application/json",
              async (pass) => (JSON.parse(await pass.text()) as TicketPass).google_wallet_url,
            )
          }
        >
          <Trans>Add to Google Wallet</Trans>
        </Button>
      )}
    </div>
  );
}

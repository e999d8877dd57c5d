import { Trans, useLingui } from "@lingui/react/macro";
import { Link } from "react-router";
import type { Verdict } from "../../checkout/state";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import { failureText, REFUNDS } from "../orders/words";
import styles from "./Checkout.module.css";

interface Properties {
  verdict: Verdict;
  /** Looks again. */
  look?: () => void;
  /** Holds the same again. */
  again?: () => void;
}

/** What a payment has come to, or is waiting for. */
export function Outcome({ verdict, look, again }: Properties) {
  const { i18n } = useLingui();
  switch (verdict.is) {
    case "none":
      return null;
    case "processing":
      return (
        <Notice tone="wait" live title={<Trans>The bank is working on it</Trans>}>
          <p>
            <Trans>Your places stay held meanwhile. This page goes on by itself.</Trans>
          </p>
        </Notice>
      );
    case "redirect":
      return (
        <Notice tone="info" live title={<Trans>Your bank wants to ask you</Trans>}>
          <p>
            <Trans>Approve the payment on the bank's page. It leads back here.</Trans>
          </p>
          <div className={styles.buttons}>
            <Button onClick={() => window.location.assign(verdict.url)}>
              <Trans>Go to the bank's page</Trans>
            </Button>
            {look && (
              <Button look="quiet" onClick={look}>
                <Trans>I have done that</Trans>
              </Button>
            )}
          </div>
        </Notice>
      );
    case "late":
      return (
        <Notice tone="unknown" live title={<Trans>The money is late</Trans>}>
          <p>
            <Trans>
              The hold has ended before it came. If it comes and there is still room, the tickets are yours; else all of
              it goes back to you.
            </Trans>
          </p>
        </Notice>
      );
    case "paid":
      return (
        <Notice tone="good" live title={<Trans>Paid</Trans>}>
          <p>
            <Trans>Your tickets are being made.</Trans>
          </p>
        </Notice>
      );
    case "returned":
      return (
        <Notice tone="bad" live title={<Trans>Paid, and all of it goes back</Trans>}>
          <p>{i18n._(REFUNDS[verdict.reason])}</p>
          <p>
            <Link to="/">
              <Trans>See what else is on</Trans>
            </Link>
          </p>
        </Notice>
      );
    case "failed":
      return (
        <Notice tone="bad" live title={<Trans>It was not paid</Trans>}>
          <p>{i18n._(failureText(verdict.code))}</p>
          <p>
            {again ? (
              <Trans>Nothing was charged, and the places are for sale again.</Trans>
            ) : (
              <Trans>Nothing was charged. Your places are still held: try another card.</Trans>
            )}
          </p>
          {again && (
            <Button onClick={again}>
              <Trans>Try for the same tickets again</Trans>
            </Button>
          )}
        </Notice>
      );
  }
}

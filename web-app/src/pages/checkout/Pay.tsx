import { Trans, useLingui } from "@lingui/react/macro";
import { useCallback, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { type Booking, type CardToken, type Event, usePayMutation, usePaymentQuery } from "../../api";
import { isProblem, mayBeDone } from "../../api/problem";
import { useFollow } from "../../app/useFollow";
import { load, useCheckout, verdict } from "../../checkout/state";
import { newKey } from "../../lib/key";
import { formatMoney } from "../../lib/money";
import { Button } from "../../ui/Button";
import { FailureNotice, Notice } from "../../ui/Notice";
import { RefundTerms } from "../event/RefundTerms";
import { CARDS } from "../orders/words";
import styles from "./Checkout.module.css";
import { Outcome } from "./Outcome";

/** How often a payment without an answer is asked for again, in milliseconds. */
const ASK_AGAIN = 4000;

export function Pay({ event, booking, ended }: { event: Event; booking: Booking; ended: boolean }) {
  const { t, i18n } = useLingui();
  const navigate = useNavigate();
  const [checkout, update] = useCheckout(event.id);
  const [token, setToken] = useState<CardToken>(checkout.asked?.token ?? "tok_ok");
  const [pay, { error, isLoading, reset }] = usePayMutation();

  /** Asks, and asks again with the same key where an answer was lost. */
  const ask = useCallback(async () => {
    const { asked } = load(event.id);
    if (!asked) return;
    const answer = await pay({ booking: booking.id, token: asked.token, key: asked.key });
    if (load(event.id).asked?.key !== asked.key) return;
    if (answer.data) update.change({ asked: null, payment: answer.data.id });
    // Refused for certain: the next try is another wish. What may have been done, or was not looked at, stays.
    else if (!mayBeDone(answer.error) && !isProblem(answer.error, "/problems/unavailable", "/problems/rate-limited"))
      update.change({ asked: null });
    if (isProblem(answer.error, "/problems/answers-missing"))
      navigate(`/checkout/${event.id}/details`, { replace: true, state: { refused: answer.error } });
  }, [booking.id, event.id, navigate, pay, update]);

  // After a reload, or when the network comes back: the answer that was lost.
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    if (load(event.id).asked) void ask();
  }, [ask, event.id]);
  const unknown = checkout.asked !== null && !isLoading && error !== undefined;
  useEffect(() => {
    if (!unknown) return;
    const timer = setTimeout(() => void ask(), ASK_AGAIN);
    return () => clearTimeout(timer);
  }, [unknown, ask]);

  const { data: payment, refetch: look } = usePaymentQuery(checkout.payment ?? "", { skip: checkout.payment === null });
  const paid = checkout.payment === null ? undefined : payment;
  const final = paid?.status === "completed" || paid?.status === "failed";
  useFollow("payment", final ? null : checkout.payment);
  // Beside its payment the booking moves on as well: this page goes on to what it has become.
  const moves = (checkout.payment !== null && !final) || paid?.status === "completed";
  useFollow("booking", moves ? booking.id : null);
  const outcome = verdict(paid, booking);

  if (checkout.asked !== null && (isLoading || error === undefined)) {
    return (
      <Notice tone="wait" live title={<Trans>Asking the bank…</Trans>}>
        <p>
          <Trans>Please stay on this page. If you leave it, nothing is lost: it goes on when you come back.</Trans>
        </p>
      </Notice>
    );
  }
  if (unknown) {
    return (
      <Notice tone="unknown" live title={<Trans>We do not know yet whether this was paid</Trans>}>
        <p>
          <Trans>
            The answer was lost. We keep asking with the same key, so you cannot be charged twice. Do not pay in another
            way meanwhile.
          </Trans>
        </p>
        <Button look="quiet" onClick={() => void ask()}>
          <Trans>Ask now</Trans>
        </Button>
      </Notice>
    );
  }
  if (outcome.is !== "none" && outcome.is !== "failed") return <Outcome verdict={outcome} look={() => void look()} />;
  if (checkout.payment !== null && !paid)
    return <Notice tone="wait" live title={<Trans>Looking at your payment…</Trans>} />;
  if (ended) {
    return (
      <Outcome
        verdict={outcome.is === "failed" ? outcome : { is: "failed", code: "hold_expired" }}
        again={update.again}
      />
    );
  }

  const price = formatMoney(booking.total, i18n.locale);
  return (
    <form
      className={styles.pay}
      onSubmit={(submitted) => {
        submitted.preventDefault();
        reset();
        update.change({ asked: { key: newKey(), token }, payment: null });
        void ask();
      }}
    >
      {outcome.is === "failed" && <Outcome verdict={outcome} />}
      {error && <FailureNotice error={error} />}
      <Notice tone="info" title={<Trans>No money moves</Trans>}>
        <p>
          <Trans>
            This site takes payments from a sandbox: each of these cards shows something that can happen with a real
            one.
          </Trans>
        </p>
      </Notice>
      <fieldset className={styles.cards}>
        <legend>
          <Trans>Card</Trans>
        </legend>
        {(Object.keys(CARDS) as CardToken[]).map((each) => (
          <label key={each} className={styles.card}>
            <input type="radio" name="card" value={each} checked={token === each} onChange={() => setToken(each)} />
            <span>
              <span className={styles.cardName}>{i18n._(CARDS[each].name)}</span>
              <span className={styles.cardEffect}>{i18n._(CARDS[each].effect)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <RefundTerms event={event} />
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>{t`Pay ${price}`}</Button>
      </div>
    </form>
  );
}

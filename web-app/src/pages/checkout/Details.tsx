import { Trans } from "@lingui/react/macro";
import { useCallback, useEffect, useRef, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";
import {
  type Booking,
  type Event,
  type User,
  useCancelBookingMutation,
  useHoldMutation,
  useLogoutMutation,
} from "../../api";
import { isProblem, mayBeDone } from "../../api/problem";
import { useAccount, useSession } from "../../app/store";
import { asks } from "../../checkout/answers";
import { load, useCheckout } from "../../checkout/state";
import { Button, LinkButton } from "../../ui/Button";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Skeleton } from "../../ui/Skeleton";
import { LoginForm } from "../account/LoginForm";
import { RegisterForm } from "../account/RegisterForm";
import { AnswersForm } from "../answers/AnswersForm";
import { GuestForm } from "../guest/GuestForm";
import styles from "./Checkout.module.css";

export function Details({ event, booking }: { event: Event; booking: Booking | undefined }) {
  const account = useAccount();
  switch (account.state) {
    case "loading":
      return <Skeleton lines={4} />;
    case "failed":
      return <FailureNotice error={account.error} retry={account.retry} />;
    case "out":
      return <WhoAreYou />;
    case "in":
      return booking ? <Held event={event} booking={booking} user={account.user} /> : <Hold event={event} />;
  }
}

function WhoAreYou() {
  const [way, setWay] = useState<"guest" | "new" | "known">("guest");
  return (
    <div className={styles.who}>
      <p>
        <Trans>
          Your tickets need somebody to belong to. An address is enough. What you chose is kept meanwhile, and held for
          you in the next step.
        </Trans>
      </p>
      <div className={styles.tabs}>
        <button type="button" aria-pressed={way === "guest"} onClick={() => setWay("guest")}>
          <Trans>As a guest</Trans>
        </button>
        <button type="button" aria-pressed={way === "known"} onClick={() => setWay("known")}>
          <Trans>I have an account</Trans>
        </button>
        <button type="button" aria-pressed={way === "new"} onClick={() => setWay("new")}>
          <Trans>I want an account</Trans>
        </button>
      </div>
      {way === "guest" ? <GuestForm /> : way === "new" ? <RegisterForm /> : <LoginForm />}
    </div>
  );
}

/** Takes the places. Asked again, after a reload or a lost answer, it is with the same key. */
function Hold({ event }: { event: Event }) {
  const navigate = useNavigate();
  const [, update] = useCheckout(event.id);
  const [hold, { error, isLoading }] = useHoldMutation();
  const take = useCallback(async () => {
    const { items, holdKey } = load(event.id);
    const answer = await hold({ event: event.id, items, key: holdKey });
    // Somebody may have chosen otherwise meanwhile.
    if (answer.data && load(event.id).holdKey === holdKey) update.change({ booking: answer.data.id });
  }, [event.id, hold, update]);
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    void take();
  }, [take]);

  if (!error || isLoading) {
    return (
      <Notice tone="wait" live title={<Trans>Holding your tickets…</Trans>}>
        <p>
          <Trans>This takes a moment.</Trans>
        </p>
      </Notice>
    );
  }
  const unknown = mayBeDone(error);
  return (
    <FailureNotice
      error={error}
      retry={() => {
        // What was certainly refused is a new wish; what may have been done is the same one.
        if (
          !unknown &&
          !isProblem(error, "/problems/unavailable", "/problems/rate-limited", "/problems/request-timeout")
        )
          update.again();
        void take();
      }}
    >
      <Button look="quiet" onClick={() => navigate(`/checkout/${event.id}/choose`)}>
        <Trans>Choose others</Trans>
      </Button>
    </FailureNotice>
  );
}

function Held({ event, booking, user }: { event: Event; booking: Booking; user: User }) {
  const navigate = useNavigate();
  const [checkout, update] = useCheckout(event.id);
  // Why a payment was refused: this event's page may be of a time when nothing was asked.
  const { refused } = (useLocation().state ?? {}) as { refused?: unknown };
  const onward = `/checkout/${event.id}/${booking.total.amount === 0 ? "done" : "pay"}`;
  const others = (
    <LinkButton look="plain" to={`/checkout/${event.id}/choose`}>
      <Trans>Choose others</Trans>
    </LinkButton>
  );
  return (
    <>
      <Notice tone="good" title={<Trans>Your tickets are held</Trans>}>
        <p>
          <Trans>Nobody else can buy them while the time above runs.</Trans>
        </p>
      </Notice>
      <dl className={styles.facts}>
        {user.name && (
          <div>
            <dt>
              <Trans>Name</Trans>
            </dt>
            <dd dir="auto">{user.name}</dd>
          </div>
        )}
        <div>
          <dt>
            <Trans>Email</Trans>
          </dt>
          <dd>{user.email}</dd>
        </div>
      </dl>
      {user.guest ? (
        <Guest event={event} booking={booking} />
      ) : (
        <p>
          <Trans>
            The tickets go to this account. Name and address can be changed in <Link to="/account">your account</Link>.
          </Trans>
        </p>
      )}
      {asks(event.questions, booking.items) || refused !== undefined ? (
        <section className={styles.answers} aria-labelledby="answers">
          <h2 id="answers">
            <Trans>What the organiser asks</Trans>
          </h2>
          <AnswersForm
            booking={booking}
            event={event}
            draft={checkout.answers}
            onDraft={(answers) => update.change({ answers })}
            refused={refused}
            save={<Trans>Continue to payment</Trans>}
            onSaved={() => {
              update.change({ answers: {} });
              navigate(onward);
            }}
          >
            {others}
          </AnswersForm>
        </section>
      ) : (
        <div className={styles.buttons}>
          <LinkButton to={onward}>
            <Trans>Continue to payment</Trans>
          </LinkButton>
          {others}
        </div>
      )}
    </>
  );
}

/** Whose address it is: one that was mistyped would have the tickets, so it can be typed anew. */
function Guest({ event, booking }: { event: Event; booking: Booking }) {
  const session = useSession();
  const [, update] = useCheckout(event.id);
  const [cancel, cancelling] = useCancelBookingMutation();
  const [logout, leaving] = useLogoutMutation();
  const another = async () => {
    // The places are given back first: whoever comes next holds them anew.
    const given = await cancel({ id: booking.id, event: event.id, key: `give-back-${booking.id}` });
    if (given.error && !isProblem(given.error, "/problems/wrong-state")) return;
    if ((await logout({ everywhere: false })).error) return;
    update.again();
    session.lapse();
  };
  const failure = cancelling.error ?? leaving.error;
  return (
    <>
      <p>
        <Trans>You buy as a guest: the tickets go to this address, and the mail opens your order again.</Trans>
      </p>
      {failure && <FailureNotice error={failure} />}
      <div>
        <Button look="plain" busy={cancelling.isLoading || leaving.isLoading} onClick={() => void another()}>
          <Trans>That is not my address</Trans>
        </Button>
      </div>
    </>
  );
}

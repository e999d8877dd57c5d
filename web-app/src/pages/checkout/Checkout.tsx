import { Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useMemo } from "react";
import { Navigate, useLocation, useNavigate, useParams, useSearchParams } from "react-router";
import {
  type Booking,
  type Event,
  useAvailabilityQuery,
  useBookingQuery,
  useCancelBookingMutation,
  useEventQuery,
} from "../../api";
import { isProblem } from "../../api/problem";
import { useAccount } from "../../app/store";
import { useFollow } from "../../app/useFollow";
import { Countdown, useRemaining } from "../../checkout/Countdown";
import { type Handoff, handedOver } from "../../checkout/handoff";
import { chosen, permitted, STEPS, type Step, useCheckout } from "../../checkout/state";
import { formatMoney } from "../../lib/money";
import { Accented } from "../../ui/Accented";
import { Button, LinkButton } from "../../ui/Button";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import { TicketPicker } from "../event/TicketPicker";
import { NotFound } from "../NotFound";
import styles from "./Checkout.module.css";
import { Details } from "./Details";
import { Done } from "./Done";
import { Pay } from "./Pay";
import { Summary } from "./Summary";

/** From tickets that were chosen to tickets that one has. */
export default function Checkout() {
  const { t } = useLingui();
  const { id = "", step = "choose" } = useParams();
  const { data: event, error, refetch } = useEventQuery(id);
  if (
    isProblem(error, "/problems/not-found", "/problems/invalid-request") ||
    !(STEPS as readonly string[]).includes(step)
  )
    return <NotFound />;
  if (event)
    return (
      <Accented accent={event.accent}>
        <OfEvent event={event} wanted={step as Step} />
      </Accented>
    );
  if (!error) return <LoadingPage />;
  return (
    <Page title={t`Checkout`} narrow>
      <FailureNotice error={error} retry={refetch} />
    </Page>
  );
}

function OfEvent({ event, wanted }: { event: Event; wanted: Step }) {
  const { t } = useLingui();
  const account = useAccount();
  const [checkout, update] = useCheckout(event.id);
  const known = checkout.booking !== null && account.state === "in";
  const { data, error, refetch } = useBookingQuery(checkout.booking ?? "", { skip: !known });
  const booking = known ? data : undefined;
  const left = useRemaining(booking);
  const ended =
    booking?.status === "expired" || booking?.status === "cancelled" || (booking?.status === "held" && left === 0);

  const [parameters] = useSearchParams();
  const arrived = useMemo(
    () => (wanted === "choose" ? handedOver(parameters, event) : null),
    [wanted, parameters, event],
  );

  // A booking of somebody who was logged in before is not found by who is now: what was chosen is kept and held anew.
  const foreign = isProblem(error, "/problems/not-found");
  useEffect(() => {
    if (foreign) update.anew();
  }, [foreign, update]);

  if (checkout.booking !== null && !booking && account.state !== "out" && !foreign) {
    if (account.state === "failed" || error) {
      return (
        <Page title={t`Checkout`} narrow>
          <FailureNotice
            error={account.state === "failed" ? account.error : error}
            retry={account.state === "failed" ? account.retry : refetch}
          />
        </Page>
      );
    }
    return <LoadingPage />;
  }

  if (arrived) return <Arrival event={event} handoff={arrived} booking={ended ? undefined : booking} />;
  const step = permitted(wanted, checkout, booking);
  if (step !== wanted) return <Navigate to={`/checkout/${event.id}/${step}`} replace />;
  const titles: Record<Step, string> = {
    choose: t`Choose your tickets`,
    details: t`Your details`,
    pay: t`Pay`,
    done: booking?.answers_missing ? t`One more thing` : t`You are going!`,
  };
  return (
    <Page
      key={step}
      title={titles[step]}
      heading={
        <div className={styles.head}>
          <Progress step={step} />
          <div className={styles.title}>
            <h1 tabIndex={-1}>{titles[step]}</h1>
            {left !== null && step !== "done" && <Countdown left={left} />}
          </div>
        </div>
      }
    >
      <div className={styles.columns}>
        <div className={styles.main}>
          {ended && step !== "choose" && checkout.asked === null && checkout.payment === null ? (
            <Ended event={event} cancelled={booking?.status === "cancelled"} again={update.again} />
          ) : step === "choose" ? (
            <Choose event={event} booking={ended ? undefined : booking} />
          ) : step === "details" || account.state === "out" ? (
            // Whoever's session has ended on the way logs in here, and goes on.
            <Details event={event} booking={booking} />
          ) : step === "pay" && booking ? (
            <Pay event={event} booking={booking} ended={ended} />
          ) : (
            booking && <Done event={event} booking={booking} />
          )}
        </div>
        <Summary event={event} items={booking?.items ?? checkout.items} total={booking?.total} />
      </div>
    </Page>
  );
}

/**
 * Takes what was chosen on another site out of the address, once. It is only shown: nobody's address holds tickets, and none takes the place of what is
 * held, or being paid, already.
 */
function Arrival({ event, handoff, booking }: { event: Event; handoff: Handoff; booking: Booking | undefined }) {
  const navigate = useNavigate();
  const [{ asked }, update] = useCheckout(event.id);
  const underWay = asked !== null || booking?.status === "held" || booking?.status === "paying";
  useEffect(() => {
    if (!underWay) update.choose(handoff.items);
    navigate(`/checkout/${event.id}`, { replace: true, state: { cut: !handoff.whole && !underWay } });
  }, [event.id, handoff, navigate, underWay, update]);
  return <LoadingPage />;
}

function Progress({ step }: { step: Step }) {
  const { t } = useLingui();
  const names: Record<Step, string> = { choose: t`Choose`, details: t`Details`, pay: t`Pay`, done: t`Done` };
  const at = STEPS.indexOf(step);
  return (
    <ol className={styles.progress} aria-label={t`Steps`}>
      {STEPS.map((each, index) => (
        <li key={each} aria-current={each === step ? "step" : undefined} data-past={index < at || undefined}>
          {names[each]}
        </li>
      ))}
    </ol>
  );
}

function Choose({ event, booking }: { event: Event; booking: Booking | undefined }) {
  const { t, i18n } = useLingui();
  const navigate = useNavigate();
  const [checkout, update] = useCheckout(event.id);
  const { data: availability } = useAvailabilityQuery(event.id);
  useFollow("availability", event.id);
  const [cancel, cancelling] = useCancelBookingMutation();
  const { count, total } = chosen(event, checkout.items);
  const price = formatMoney({ amount: total, currency: event.currency }, i18n.locale);
  const onward = () => navigate(`/checkout/${event.id}/details`);
  const { state } = useLocation();

  if (booking) {
    return (
      <Notice tone="info" title={<Trans>You hold tickets for this event</Trans>}>
        <p>
          <Trans>Go on with them, or give them back and choose others.</Trans>
        </p>
        {cancelling.error && <FailureNotice error={cancelling.error} />}
        <div className={styles.buttons}>
          <Button onClick={onward}>
            <Trans>Go on</Trans>
          </Button>
          <Button
            look="quiet"
            busy={cancelling.isLoading}
            onClick={async () => {
              // The key follows from the booking: to give it back twice is to give it back.
              const done = await cancel({ id: booking.id, event: event.id, key: `give-back-${booking.id}` });
              if (!done.error || isProblem(done.error, "/problems/wrong-state")) update.again();
            }}
          >
            <Trans>Choose others</Trans>
          </Button>
        </div>
      </Notice>
    );
  }
  return (
    <>
      {(state as { cut?: boolean } | null)?.cut && (
        <Notice tone="unknown" live title={<Trans>Not everything that you chose can be bought like that</Trans>}>
          <p>
            <Trans>Look at what is chosen here before you go on.</Trans>
          </p>
        </Notice>
      )}
      <TicketPicker event={event} availability={availability} items={checkout.items} onChange={update.choose} />
      <div className={styles.buttons}>
        <Button disabled={count === 0} onClick={onward}>
          {count === 0 ? t`Choose tickets` : total === 0 ? t`Continue` : t`Continue: ${price}`}
        </Button>
        <LinkButton look="plain" to={`/e/${event.id}`}>
          <Trans>Back to the event</Trans>
        </LinkButton>
      </div>
    </>
  );
}

function Ended({ event, cancelled, again }: { event: Event; cancelled: boolean; again: () => void }) {
  const navigate = useNavigate();
  return (
    <Notice
      tone="unknown"
      live
      title={cancelled ? <Trans>This order was cancelled</Trans> : <Trans>The hold has expired</Trans>}
    >
      <p>
        <Trans>Nothing was charged. If there are places left, you can have the same again.</Trans>
      </p>
      <Button
        onClick={() => {
          again();
          navigate(`/checkout/${event.id}/details`);
        }}
      >
        <Trans>Try for the same tickets again</Trans>
      </Button>
    </Notice>
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { useEffect, useRef, useState } from "react";
import { Link, Navigate, useParams } from "react-router";
import {
  type Booking,
  type Event,
  type Ticket,
  useBookingQuery,
  useCancelBookingMutation,
  useEventQuery,
  usePaymentQuery,
  useReceiptQuery,
  useTicketsQuery,
} from "../../api";
import { requestFile } from "../../api/fetch";
import { isProblem } from "../../api/problem";
import { ROUTES } from "../../app/routes";
import { isGuest, useAccount } from "../../app/store";
import { asks, type Draft } from "../../checkout/answers";
import { resume } from "../../checkout/state";
import { save } from "../../lib/download";
import { formatMoney } from "../../lib/money";
import { formatClock, formatWhen } from "../../lib/time";
import { keepTickets, keptOf } from "../../orders/keep";
import { Button, LinkButton } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage, Skeleton } from "../../ui/Skeleton";
import { AnswersForm } from "../answers/AnswersForm";
import { AnswersMissing } from "../answers/AnswersMissing";
import { GuestNote } from "../guest/GuestNote";
import { NotFound } from "../NotFound";
import { isOffline, KeptTickets } from "./Kept";
import styles from "./Orders.module.css";
import { OfferedTo, PassOn } from "./PassOn";
import { FullScreen, TicketFace } from "./Ticket";
import { WalletButtons } from "./Wallets";
import { REFUNDS, STATUS } from "./words";

export default function Order() {
  const { t } = useLingui();
  const { id = "" } = useParams();
  const account = useAccount();
  const {
    data: booking,
    error,
    refetch,
  } = useBookingQuery(id, { skip: account.state !== "in", refetchOnMountOrArgChange: true });
  const { data: event } = useEventQuery(booking?.event_id ?? "", { skip: !booking });
  if (account.state === "out") return <Navigate to={ROUTES.login} state={{ to: `/orders/${id}` }} replace />;
  if (isProblem(error, "/problems/not-found", "/problems/invalid-request")) return <NotFound />;
  const failure = account.state === "failed" ? account : error && !booking ? { error, retry: refetch } : null;
  if (failure) {
    const notice = (
      <Page title={t`Order`} narrow>
        <FailureNotice error={failure.error} retry={failure.retry} />
      </Page>
    );
    return isOffline(failure.error) ? <KeptTickets id={id} other={notice} /> : notice;
  }
  if (!booking || !event) return <LoadingPage />;
  return <Found booking={booking} event={event} />;
}

function Found({ booking, event }: { booking: Booking; event: Event }) {
  const { t, i18n } = useLingui();
  const language = i18n.locale;
  const confirmed = booking.status === "confirmed";
  const open = booking.status === "held" || booking.status === "paying";
  const account = useAccount();
  // What was cancelled is kept no longer.
  useEffect(() => {
    if (!confirmed) void keepTickets(booking.id, null);
  }, [confirmed, booking.id]);
  return (
    <Page title={event.title}>
      <p className={styles.facts}>
        <span className={styles.status} data-status={booking.status}>
          {i18n._(STATUS[booking.status])}
        </span>
        <span>
          {formatWhen(event.starts_at, language, event.timezone)} · <bdi>{event.venue.name}</bdi>,{" "}
          <bdi>{event.venue.city}</bdi>
        </span>
      </p>
      {event.status === "cancelled" && (
        <Notice tone="bad" title={<Trans>This event was cancelled</Trans>}>
          <p>
            <Trans>Nothing can be bought any more. Who has paid gets the money back.</Trans>
          </p>
        </Notice>
      )}
      {open && (
        <Notice tone="info" title={<Trans>This order is not paid yet</Trans>}>
          {booking.expires_at && (
            <p>
              <Trans>Its places are held until {formatClock(booking.expires_at, language)}.</Trans>
            </p>
          )}
          <LinkButton
            to={`/checkout/${event.id}/${asks(event.questions, booking.items) ? "details" : "pay"}`}
            onClick={() => resume(booking)}
          >
            <Trans>Go on to payment</Trans>
          </LinkButton>
        </Notice>
      )}
      {confirmed && booking.answers_missing && <Missing booking={booking} event={event} />}
      {confirmed && <Tickets booking={booking} event={event} />}
      <div className={styles.pair}>
        <section className={styles.panel} aria-labelledby="order">
          <h2 id="order">
            <Trans>Order</Trans>
          </h2>
          <ul className={styles.lines}>
            {booking.items.map((item) => (
              <li key={item.ticket_type_id}>
                <span>
                  {i18n.number(item.quantity)} ×{" "}
                  <bdi>{event.ticket_types.find((type) => type.id === item.ticket_type_id)?.name}</bdi>
                </span>
                <span>
                  {formatMoney({ ...item.unit_price, amount: item.unit_price.amount * item.quantity }, language)}
                </span>
              </li>
            ))}
            <li className={styles.total}>
              <span>
                <Trans>Total</Trans>
              </span>
              <span>{formatMoney(booking.total, language)}</span>
            </li>
          </ul>
          <p className={styles.faint}>
            <Trans>
              Order number <code dir="ltr">{booking.id}</code>
            </Trans>
          </p>
          {booking.payment_id && <PaymentOf id={booking.payment_id} />}
          <div className={styles.buttons}>
            <Link to={`/e/${event.id}`}>{t`To the event`}</Link>
          </div>
        </section>
        {account.state === "in" && account.user.guest && <GuestNote email={account.user.email} />}
        {(confirmed || open) && <Cancel booking={booking} event={event} />}
        {confirmed && !booking.answers_missing && asks(event.questions, booking.items) && (
          <Answered booking={booking} event={event} />
        )}
      </div>
    </Page>
  );
}

function Missing({ booking, event }: { booking: Booking; event: Event }) {
  const [draft, setDraft] = useState<Draft>({});
  return (
    <section className={styles.tickets} aria-labelledby="missing">
      <h2 id="missing">
        <Trans>What the organiser asks</Trans>
      </h2>
      <AnswersMissing
        booking={booking}
        event={event}
        draft={draft}
        onDraft={setDraft}
        onSaved={() => document.getElementById("tickets")?.focus()}
      />
    </section>
  );
}

/** What was answered, to be changed until the event begins. */
function Answered({ booking, event }: { booking: Booking; event: Event }) {
  const [draft, setDraft] = useState<Draft>({});
  const [state, setState] = useState<"closed" | "open" | "saved" | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  // What was clicked is gone: reading goes on above what has come.
  useEffect(() => {
    if (state !== null) heading.current?.focus();
  }, [state]);
  if (Date.parse(event.starts_at) <= Date.now()) return null;
  const close = (now: "closed" | "saved") => {
    setDraft({});
    setState(now);
  };
  return (
    <section className={styles.panel} aria-labelledby="answered">
      <h2 id="answered" ref={heading} tabIndex={-1}>
        <Trans>Your answers</Trans>
      </h2>
      <p>
        <Trans>What you answered the organiser can be changed until the event begins.</Trans>
      </p>
      <p role="status" hidden={state !== "saved"}>
        {state === "saved" && <Trans>Saved.</Trans>}
      </p>
      {state === "open" ? (
        <AnswersForm
          booking={booking}
          event={event}
          draft={draft}
          onDraft={setDraft}
          save={<Trans>Save</Trans>}
          onSaved={() => close("saved")}
        >
          <Button look="plain" onClick={() => close("closed")}>
            <Trans>Leave as it was</Trans>
          </Button>
        </AnswersForm>
      ) : (
        <div className={styles.buttons}>
          <Button look="quiet" onClick={() => setState("open")}>
            <Trans>See and change your answers</Trans>
          </Button>
        </div>
      )}
    </section>
  );
}

function Tickets({ booking, event }: { booking: Booking; event: Event }) {
  const { t } = useLingui();
  const { data, error, refetch } = useTicketsQuery(booking.id);
  const guest = isGuest(useAccount());
  const [shown, setShown] = useState<Ticket | null>(null);
  const [passing, setPassing] = useState<number | null>(null);
  const passed = data?.items.find((ticket) => ticket.number === passing);
  // For the door, where there may be no network.
  useEffect(() => {
    if (data) void keepTickets(booking.id, keptOf(booking, event, data.items, Date.now()));
  }, [booking, event, data]);
  const [failure, setFailure] = useState<unknown>(null);
  const file = async (accept: string, name: string) => {
    try {
      setFailure(null);
      save(await requestFile(`/api/bookings/${booking.id}/tickets`, accept), name);
    } catch (caught) {
      setFailure(caught);
    }
  };
  const typeName = (ticket: Ticket) => event.ticket_types.find((type) => type.id === ticket.ticket_type_id)?.name ?? "";
  return (
    <section className={styles.tickets} aria-labelledby="tickets">
      <h2 id="tickets" tabIndex={-1}>
        <Trans>Tickets</Trans>
      </h2>
      {error && <FailureNotice error={error} retry={refetch} />}
      {!data && !error && <Skeleton height="14rem" />}
      <ul className={styles.ticketList}>
        {data?.items.map((ticket) => (
          <li key={ticket.number} className={styles.ticket}>
            <TicketFace ticket={ticket} gone={ticket.transferred} onShow={() => setShown(ticket)} />
            <p className={styles.name} dir="auto">
              {typeName(ticket)}
            </p>
            <p className={styles.faint}>
              <Trans>Ticket {ticket.number}</Trans>
              {ticket.name && (
                <>
                  {" · "}
                  <bdi>{ticket.name}</bdi>
                </>
              )}
            </p>
            {ticket.state === "admitted" && (
              <p className={styles.used}>
                <Trans>Used at the door</Trans>
              </p>
            )}
            {ticket.offered_to && (
              <p className={styles.faint}>
                <OfferedTo to={ticket.offered_to} />
              </p>
            )}
            {ticket.state === "valid" && ticket.code !== null && data.wallets.length > 0 && (
              <WalletButtons
                booking={booking.id}
                number={ticket.number}
                wallets={data.wallets}
                onFailure={setFailure}
              />
            )}
            {ticket.state === "valid" && !ticket.transferred && !guest && (
              <Button
                look="plain"
                aria-label={t`Name or pass on ticket ${ticket.number}`}
                onClick={() => setPassing(ticket.number)}
              >
                <Trans>Name or pass on</Trans>
              </Button>
            )}
          </li>
        ))}
      </ul>
      {failure !== null && <FailureNotice error={failure} />}
      {data?.items.some((ticket) => ticket.code !== null) && (
        <div className={styles.buttons}>
          {!booking.answers_missing && (
            <Button look="quiet" onClick={() => void file("application/pdf", "tickets.pdf")}>
              <Trans>Tickets as PDF</Trans>
            </Button>
          )}
          <Button look="quiet" onClick={() => void file("text/calendar", "event.ics")}>
            <Trans>Add to calendar</Trans>
          </Button>
        </div>
      )}
      <FullScreen ticket={shown} type={shown ? typeName(shown) : ""} event={event} onClose={() => setShown(null)} />
      {passed && (
        <PassOn
          booking={booking.id}
          number={passed.number}
          name={passed.name}
          offeredTo={passed.offered_to}
          onClose={() => setPassing(null)}
        />
      )}
    </section>
  );
}

function PaymentOf({ id }: { id: string }) {
  const { i18n } = useLingui();
  const { data: payment } = usePaymentQuery(id, { refetchOnMountOrArgChange: true });
  const [failure, setFailure] = useState<unknown>(null);
  const receipt = async () => {
    try {
      setFailure(null);
      save(await requestFile(`/api/payments/${id}/receipt`, "application/pdf"), "receipt.pdf");
    } catch (caught) {
      setFailure(caught);
    }
  };
  if (!payment) return <Skeleton lines={1} />;
  return (
    <>
      {payment.refunds?.map((refund) => {
        const amount = formatMoney(refund.amount, i18n.locale);
        return (
          <Notice
            key={refund.created_at + refund.reason}
            tone={refund.status === "failed" ? "bad" : "info"}
            title={
              refund.status === "completed" ? (
                <Trans>{amount} went back to you</Trans>
              ) : refund.status === "due" ? (
                <Trans>{amount} is on its way back to you</Trans>
              ) : (
                <Trans>{amount} could not be given back</Trans>
              )
            }
          >
            <p>{i18n._(REFUNDS[refund.reason])}</p>
          </Notice>
        );
      })}
      {payment.status === "completed" && (
        <div className={styles.buttons}>
          <Button look="quiet" onClick={() => void receipt()}>
            <Trans>Receipt as PDF</Trans>
          </Button>
        </div>
      )}
      {failure !== null && <FailureNotice error={failure} />}
    </>
  );
}

/** Giving back what was bought or is held, after a look at what that means. */
function Cancel({ booking, event }: { booking: Booking; event: Event }) {
  const { i18n } = useLingui();
  const [asking, setAsking] = useState(false);
  const [cancel, { error, isLoading }] = useCancelBookingMutation();
  const paid = booking.status === "confirmed" && booking.total.amount > 0;
  // The terms are those of the sale: the event may have others by now.
  const { data: receipt, error: unread } = useReceiptQuery(booking.payment_id ?? "", { skip: !booking.payment_id });
  if (paid && !receipt && !unread) return <Skeleton height="8rem" />;
  const until = receipt ? receipt.booking.refund_until : event.refund_until;
  const closed = paid && (until === undefined || Date.parse(until) <= Date.now());
  const amount = formatMoney(booking.total, i18n.locale);
  return (
    <section className={styles.panel} aria-labelledby="cancel">
      <h2 id="cancel">
        <Trans>Cancel</Trans>
      </h2>
      <p>
        {closed ? (
          <Trans>This order cannot be cancelled: there are no refunds, or the time for them has passed.</Trans>
        ) : paid && until ? (
          <Trans>
            You can cancel until {formatWhen(until, i18n.locale, event.timezone)} and get {amount} back.
          </Trans>
        ) : (
          <Trans>You can give these tickets back. Nothing was paid for them.</Trans>
        )}
      </p>
      {!closed && (
        <div className={styles.buttons}>
          <Button look="quiet" onClick={() => setAsking(true)}>
            <Trans>Cancel this order…</Trans>
          </Button>
        </div>
      )}
      <Dialog open={asking} onClose={() => setAsking(false)} title={<Trans>Cancel this order?</Trans>}>
        <p>
          {paid ? (
            <Trans>
              All of its tickets become void at once, and {amount} goes back the way it came. This cannot be undone.
            </Trans>
          ) : (
            <Trans>All of its tickets become void at once. This cannot be undone.</Trans>
          )}
        </p>
        {error && <FailureNotice error={error} />}
        <div className={styles.buttons}>
          <Button
            busy={isLoading}
            onClick={async () => {
              // The key follows from the order: to cancel it twice is to cancel it.
              const answer = await cancel({ id: booking.id, event: event.id, key: `cancel-${booking.id}` });
              if (!answer.error) setAsking(false);
            }}
          >
            <Trans>Cancel the order</Trans>
          </Button>
          <Button look="quiet" onClick={() => setAsking(false)}>
            <Trans>Keep the tickets</Trans>
          </Button>
        </div>
      </Dialog>
    </section>
  );
}

import { Trans, useLingui } from "@lingui/react/macro";
import { type FormEvent, useState } from "react";
import { Link, useParams } from "react-router";
import {
  type GoesBack,
  type Order,
  useCancelOrderMutation,
  useChangeOrderMutation,
  useCorrectAnswersMutation,
  useOwnOrderQuery,
  useRefundPaymentMutation,
  useResendOrderMutation,
} from "../../api/organise";
import { isProblem } from "../../api/problem";
import { asks, type Draft } from "../../checkout/answers";
import { formatMoney } from "../../lib/money";
import { formatWhen, ownZone } from "../../lib/time";
import { answersOf, isTheirs } from "../../organise/answers";
import { amountOf, amountText } from "../../organise/form";
import { once } from "../../organise/once";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Choices, Field, TextArea } from "../../ui/Field";
import { FailureNotice, Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Panel } from "../../ui/Panel";
import { LoadingPage } from "../../ui/Skeleton";
import { AnswerFields } from "../answers/AnswersForm";
import { NotFound } from "../NotFound";
import { STATUS } from "../orders/words";
import { AnswerList } from "./AnswerList";
import styles from "./Organise.module.css";
import { useOrganiser, useOwnEvent } from "./parts";
import { ORDER_TONE, PAYMENT_STATE, REFUND_REASON, REFUND_STATE } from "./words";

export function OrderPage() {
  const { t } = useLingui();
  const event = useOwnEvent();
  const { order: id = "" } = useParams();
  const {
    currentData: order,
    error,
    refetch,
  } = useOwnOrderQuery({ event: event.id, order: id }, { refetchOnMountOrArgChange: true });
  if (order) return <Found order={order} />;
  if (isProblem(error, "/problems/not-found", "/problems/invalid-request")) return <NotFound />;
  if (!error) return <LoadingPage />;
  return (
    <Page title={t`Order`} narrow>
      <FailureNotice error={error} retry={refetch} />
    </Page>
  );
}

/** What of what was paid can still go back. */
export function refundable(order: Pick<Order, "payments">): { id: string; left: number; byHand: boolean } | null {
  const payment = order.payments.find(
    (each) => each.status === "completed" && each.amount.amount > each.refunded.amount,
  );
  return payment
    ? {
        id: payment.id,
        left: payment.amount.amount - payment.refunded.amount,
        byHand: payment.provider === "counter",
      }
    : null;
}

function Found({ order }: { order: Order }) {
  const { t, i18n } = useLingui();
  const organiser = useOrganiser();
  const event = useOwnEvent();
  const [asked, setAsked] = useState<"buyer" | "cancel" | "refund" | "answers" | null>(null);
  const [resend, sending] = useResendOrderMutation();
  const language = i18n.locale;
  const edits = organiser.may("edit-orders");
  const back = refundable(order);
  const open = order.status === "confirmed" || order.status === "held" || order.status === "paying";
  const corrects = edits && open && asks(event.questions, order.items);
  const close = () => setAsked(null);
  return (
    <Page title={t`Order`}>
      <p>
        <Link to={`/organise/${organiser.id}/events/${event.id}/orders`}>
          <Trans>All orders</Trans>
        </Link>
      </p>
      <div className={styles.columns}>
        <div className={styles.stack}>
          <Panel
            title={<Trans>What was ordered</Trans>}
            aside={<Badge tone={ORDER_TONE[order.status]}>{i18n._(STATUS[order.status])}</Badge>}
          >
            <ul className={styles.lines}>
              {order.items.map((item) => (
                <li key={item.ticket_type_id}>
                  <span>
                    {item.quantity} × <bdi>{item.name}</bdi>
                  </span>
                  <span className={styles.amount}>
                    {formatMoney({ ...item.unit_price, amount: item.unit_price.amount * item.quantity }, language)}
                  </span>
                </li>
              ))}
              <li className={styles.total}>
                <span>
                  <Trans>Total</Trans>
                </span>
                <span className={styles.amount}>{formatMoney(order.total, language)}</span>
              </li>
            </ul>
            <dl className={styles.facts}>
              <div>
                <dt>
                  <Trans>Ordered</Trans>
                </dt>
                <dd>
                  {formatWhen(order.created_at, language, ownZone())}
                  {order.channel === "counter" && (
                    <>
                      {" · "}
                      <Trans>At the counter</Trans>
                    </>
                  )}
                </dd>
              </div>
              <div>
                <dt>
                  <Trans>Number</Trans>
                </dt>
                <dd>
                  <code>{order.id}</code>
                </dd>
              </div>
            </dl>
            <div className={styles.buttons}>
              {edits && order.status === "confirmed" && (
                <Button
                  look="quiet"
                  busy={sending.isLoading}
                  onClick={() => void resend({ event: event.id, order: order.id })}
                >
                  <Trans>Send the tickets again</Trans>
                </Button>
              )}
              {organiser.may("refund") && back && (
                <Button look="quiet" onClick={() => setAsked("refund")}>
                  <Trans>Give money back…</Trans>
                </Button>
              )}
              {edits && open && (
                <Button look="quiet" onClick={() => setAsked("cancel")}>
                  <Trans>Cancel the order…</Trans>
                </Button>
              )}
            </div>
            <p role="status">{sending.isSuccess && <Trans>A mail with the tickets is on its way.</Trans>}</p>
            {sending.error && <FailureNotice error={sending.error} />}
          </Panel>
          <Money order={order} />
          {(order.answers.length > 0 || corrects) && (
            <Panel title={<Trans>Answers</Trans>}>
              {order.answers.length > 0 ? (
                <AnswerList answers={order.answers} numbered />
              ) : (
                <p className={styles.faint}>
                  <Trans>Nothing is answered yet.</Trans>
                </p>
              )}
              {corrects && (
                <div>
                  <Button look="quiet" onClick={() => setAsked("answers")}>
                    <Trans>Change the answers…</Trans>
                  </Button>
                </div>
              )}
            </Panel>
          )}
        </div>
        <div className={styles.stack}>
          <Panel title={<Trans>Buyer</Trans>}>
            <dl className={styles.facts}>
              <div>
                <dt>
                  <Trans>Name</Trans>
                </dt>
                <dd>
                  <bdi>{order.buyer.name ?? t`Not known`}</bdi>
                </dd>
              </div>
              <div>
                <dt>
                  <Trans>Email</Trans>
                </dt>
                <dd>
                  <bdi>{order.buyer.email ?? t`Not known`}</bdi>
                </dd>
              </div>
            </dl>
            {edits && (
              <div>
                <Button look="quiet" onClick={() => setAsked("buyer")}>
                  <Trans>Change name or address…</Trans>
                </Button>
              </div>
            )}
          </Panel>
          {(edits || order.note !== null) && <Note key={order.id} order={order} edits={edits} />}
        </div>
      </div>
      <Dialog title={<Trans>Name and address of this order</Trans>} open={asked === "buyer"} onClose={close}>
        <Buyer order={order} onClose={close} />
      </Dialog>
      <Dialog title={<Trans>Cancel this order?</Trans>} open={asked === "cancel"} onClose={close}>
        <Cancel order={order} onClose={close} />
      </Dialog>
      <Dialog title={<Trans>Answers</Trans>} open={asked === "answers"} onClose={close}>
        <Correct order={order} onClose={close} />
      </Dialog>
      <Dialog title={<Trans>Give money back</Trans>} open={asked === "refund" && back !== null} onClose={close}>
        <Refund order={order} onClose={close} />
      </Dialog>
    </Page>
  );
}

function Money({ order }: { order: Order }) {
  const { i18n } = useLingui();
  const language = i18n.locale;
  if (order.payments.length === 0 && order.refunds.length === 0) return null;
  return (
    <Panel title={<Trans>Payments</Trans>}>
      <ul className={styles.lines}>
        {order.payments.map((payment) => {
          const { name, tone } = PAYMENT_STATE[payment.status];
          return (
            <li key={payment.id}>
              <div>
                <Badge tone={tone}>{i18n._(name)}</Badge>
                <p className={styles.faint}>
                  {formatWhen(payment.created_at, language, ownZone())}
                  {payment.method === "cash" && (
                    <>
                      {" · "}
                      <Trans>Cash</Trans>
                    </>
                  )}
                  {payment.method === "card" && (
                    <>
                      {" · "}
                      <Trans>Card at the counter</Trans>
                    </>
                  )}
                </p>
              </div>
              <span className={styles.amount}>{formatMoney(payment.amount, language)}</span>
            </li>
          );
        })}
        {order.refunds.map((refund) => {
          const { name, tone } = REFUND_STATE[refund.status];
          const reason = REFUND_REASON[refund.reason];
          return (
            <li key={refund.id}>
              <div>
                <Badge tone={tone}>{i18n._(name)}</Badge>
                <p className={styles.faint}>
                  {reason && <>{i18n._(reason)} · </>}
                  {formatWhen(refund.created_at, language, ownZone())}
                </p>
              </div>
              <span className={styles.amount}>
                {formatMoney({ ...refund.amount, amount: -refund.amount.amount }, language)}
              </span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function Note({ order, edits }: { order: Order; edits: boolean }) {
  const { t } = useLingui();
  const event = useOwnEvent();
  const [change, { error, isLoading, isSuccess }] = useChangeOrderMutation();
  return (
    <Panel title={<Trans>Note of the team</Trans>}>
      {edits ? (
        <form
          className={styles.form}
          onSubmit={(submitted) => {
            submitted.preventDefault();
            const note = String(new FormData(submitted.currentTarget).get("note")).trim();
            void change({ event: event.id, order: order.id, change: { note: note || null } });
          }}
        >
          <TextArea
            label={t`Note`}
            hint={t`Your team alone sees it.`}
            name="note"
            defaultValue={order.note ?? ""}
            maxLength={2000}
            dir="auto"
          />
          {error && <FailureNotice error={error} />}
          <div className={styles.buttons}>
            <Button type="submit" look="quiet" busy={isLoading}>
              <Trans>Save the note</Trans>
            </Button>
            <p role="status">{isSuccess && <Trans>Saved.</Trans>}</p>
          </div>
        </form>
      ) : (
        <p className={styles.prose} dir="auto">
          {order.note}
        </p>
      )}
    </Panel>
  );
}

function Buyer({ order, onClose }: { order: Order; onClose: () => void }) {
  const { t } = useLingui();
  const event = useOwnEvent();
  const [change, { error, isLoading }] = useChangeOrderMutation();
  return (
    <form
      className={styles.form}
      onSubmit={async (submitted) => {
        submitted.preventDefault();
        const form = new FormData(submitted.currentTarget);
        const [name, email] = ["name", "email"].map((field) => String(form.get(field)).trim());
        const answer = await change({
          event: event.id,
          order: order.id,
          // What stays as it is need not be written down: it goes on following the account.
          change: {
            ...(name !== (order.buyer.name ?? "") && { name: name || null }),
            ...(email !== (order.buyer.email ?? "") && { email: email || null }),
          },
        });
        if (!answer.error) onClose();
      }}
    >
      <p className={styles.hint}>
        <Trans>
          Mails about this order go there, and its papers are in this name. The buyer's account stays as it is. An empty
          field takes what the account says.
        </Trans>
      </p>
      <Field label={t`Name`} name="name" defaultValue={order.buyer.name ?? ""} maxLength={200} dir="auto" />
      <Field
        label={t`Email`}
        name="email"
        type="email"
        defaultValue={order.buyer.email ?? ""}
        minLength={3}
        maxLength={254}
        dir="ltr"
      />
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Save</Trans>
        </Button>
        <Button look="quiet" onClick={onClose}>
          <Trans>Leave it as it is</Trans>
        </Button>
      </div>
    </form>
  );
}

/** What the buyer has answered, as the team corrects it. */
function Correct({ order, onClose }: { order: Order; onClose: () => void }) {
  const event = useOwnEvent();
  const [draft, setDraft] = useState<Draft>({});
  const [correct, { isLoading }] = useCorrectAnswersMutation();
  return (
    <>
      <p className={styles.hint}>
        <Trans>What is required may be left out, and nobody consents for others.</Trans>
      </p>
      <AnswerFields
        answers={answersOf(order, event)}
        event={event}
        draft={draft}
        onDraft={setDraft}
        give={(change) => correct({ event: event.id, order: order.id, change })}
        busy={isLoading}
        settled={isTheirs}
        save={<Trans>Save</Trans>}
        onSaved={onClose}
      >
        <Button look="quiet" onClick={onClose}>
          <Trans>Leave it as it is</Trans>
        </Button>
      </AnswerFields>
    </>
  );
}

type How = "full" | "none" | "some";

/** Cancels an order; how much goes back is the team's word, whatever the terms say to buyers. */
function Cancel({ order, onClose }: { order: Order; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const event = useOwnEvent();
  const [how, setHow] = useState<How>("full");
  const [wrong, setWrong] = useState(false);
  const [cancel, { error, isLoading }] = useCancelOrderMutation();
  const back = refundable(order);
  const { currency } = order.total;
  const left = back ? formatMoney({ amount: back.left, currency }, i18n.locale) : "";
  const until = event.refund_until;
  const submit = async (submitted: FormEvent<HTMLFormElement>) => {
    submitted.preventDefault();
    if (isLoading) return;
    const amount = amountOf(String(new FormData(submitted.currentTarget).get("amount") ?? ""), currency);
    const bad = back !== null && how === "some" && (amount === null || amount > back.left);
    setWrong(bad);
    if (bad) return;
    const refund: GoesBack = back === null ? "none" : how === "some" ? { amount: amount ?? 0 } : how;
    const what = { event: event.id, order: order.id, refund };
    const answer = await once(`cancel-order.${order.id}`, what, (key) => cancel({ ...what, key }));
    if (!answer.error) onClose();
  };
  return (
    <form className={styles.form} onSubmit={(submitted) => void submit(submitted)}>
      <p>
        <Trans>Its tickets let nobody in any more, its places are for sale again, and the buyer gets a mail.</Trans>
      </p>
      {back && (
        <>
          <p className={styles.hint}>
            {until === undefined ? (
              <Trans>Under the event's terms buyers get no refund. Your team may decide otherwise.</Trans>
            ) : (
              <Trans>
                Under the event's terms buyers get everything back until{" "}
                {formatWhen(until, i18n.locale, event.timezone)}. Your team may decide otherwise.
              </Trans>
            )}
          </p>
          <Choices
            label={t`What goes back`}
            choices={[
              { value: "full", label: t`All that is left: ${left}` },
              { value: "none", label: t`Nothing` },
              { value: "some", label: t`A part` },
            ]}
            chosen={[how]}
            onChange={(value) => setHow(value as How)}
          />
          {how === "some" && (
            <Field
              label={t`Amount in ${currency}`}
              hint={t`${left} at most`}
              error={wrong ? t`This is no amount, or more than is left.` : undefined}
              name="amount"
              inputMode="decimal"
              required
              dir="ltr"
            />
          )}
          {back.byHand && <ByHand />}
        </>
      )}
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Cancel the order</Trans>
        </Button>
        <Button look="quiet" onClick={onClose}>
          <Trans>Leave it as it is</Trans>
        </Button>
      </div>
    </form>
  );
}

function ByHand() {
  return (
    <Notice tone="unknown" title={<Trans>This was paid at the counter</Trans>}>
      <p>
        <Trans>It is only written down here: hand the money back yourself.</Trans>
      </p>
    </Notice>
  );
}

function Refund({ order, onClose }: { order: Order; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const [wrong, setWrong] = useState(false);
  const [refund, { error, isLoading }] = useRefundPaymentMutation();
  const back = refundable(order);
  if (!back) return null;
  const { currency } = order.total;
  const left = formatMoney({ amount: back.left, currency }, i18n.locale);
  return (
    <form
      className={styles.form}
      onSubmit={async (submitted) => {
        submitted.preventDefault();
        if (isLoading) return;
        const amount = amountOf(String(new FormData(submitted.currentTarget).get("amount")), currency);
        const bad = amount === null || amount < 1 || amount > back.left;
        setWrong(bad);
        if (bad) return;
        const answer = await once(`refund.${back.id}`, amount, (key) => refund({ payment: back.id, amount, key }));
        if (!answer.error) onClose();
      }}
    >
      <p>
        <Trans>The order stays as it is, and its tickets stay good.</Trans>
      </p>
      <Field
        label={t`Amount in ${currency}`}
        hint={t`${left} at most`}
        error={wrong ? t`This is no amount, or more than is left.` : undefined}
        name="amount"
        inputMode="decimal"
        defaultValue={amountText(back.left, currency)}
        required
        dir="ltr"
      />
      {back.byHand && <ByHand />}
      {error && <FailureNotice error={error} />}
      <div className={styles.buttons}>
        <Button type="submit" busy={isLoading}>
          <Trans>Give it back</Trans>
        </Button>
        <Button look="quiet" onClick={onClose}>
          <Trans>Not now</Trans>
        </Button>
      </div>
    </form>
  );
}

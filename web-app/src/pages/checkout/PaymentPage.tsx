import { Trans, useLingui } from "@lingui/react/macro";
import { useParams } from "react-router";
import { useBookingQuery, usePaymentQuery } from "../../api";
import { isProblem } from "../../api/problem";
import { useAccount } from "../../app/store";
import { useFollow } from "../../app/useFollow";
import { resume, verdict } from "../../checkout/state";
import { LinkButton } from "../../ui/Button";
import { FailureNotice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { LoadingPage } from "../../ui/Skeleton";
import { LoginForm } from "../account/LoginForm";
import { NotFound } from "../NotFound";
import { Outcome } from "./Outcome";

/** Where a provider's page leads back to: it knows what has happened, or asks until it does. */
export default function PaymentPage() {
  const { t } = useLingui();
  const { id = "" } = useParams();
  const account = useAccount();
  const out = account.state === "out";
  const payment = usePaymentQuery(id, { skip: account.state !== "in" });
  const paid = payment.data;
  const booking = useBookingQuery(paid?.booking_id ?? "", { skip: !paid });
  useFollow("payment", account.state === "in" ? id : null);
  useFollow("booking", paid?.booking_id ?? null);
  if (isProblem(payment.error, "/problems/not-found")) return <NotFound />;
  if (!out && !paid && !payment.error && account.state !== "failed") return <LoadingPage />;
  const outcome = verdict(paid, booking.data);
  const error = account.state === "failed" ? account.error : paid ? undefined : payment.error;
  return (
    <Page title={t`Your payment`} narrow>
      {out && (
        <>
          <p>
            <Trans>Log in to see what has become of it.</Trans>
          </p>
          <LoginForm />
        </>
      )}
      {error !== undefined && (
        <FailureNotice error={error} retry={account.state === "failed" ? account.retry : payment.refetch} />
      )}
      <Outcome verdict={outcome} look={() => void payment.refetch()} />
      {booking.data && (
        <div>
          {booking.data.status === "confirmed" ? (
            <LinkButton to={`/orders/${booking.data.id}`}>
              <Trans>See my tickets</Trans>
            </LinkButton>
          ) : booking.data.status === "held" || booking.data.status === "paying" ? (
            <LinkButton
              look="quiet"
              to={`/checkout/${booking.data.event_id}/pay`}
              onClick={() => booking.data && resume(booking.data)}
            >
              <Trans>Back to the checkout</Trans>
            </LinkButton>
          ) : (
            <LinkButton look="quiet" to={`/e/${booking.data.event_id}`}>
              <Trans>Back to the event</Trans>
            </LinkButton>
          )}
        </div>
      )}
    </Page>
  );
}

import type { MessageDescriptor } from "@lingui/core";
import { msg } from "@lingui/core/macro";
import type { ProblemType } from "../api/problem";

export interface ProblemText {
  /** What happened. */
  title: MessageDescriptor;
  /** What to do about it. */
  advice: MessageDescriptor;
}

/** What each problem means to somebody who buys here. A type without a text does not compile. */
export const PROBLEMS: Record<ProblemType, ProblemText> = {
  "/problems/invalid-request": {
    title: msg`Something in the form is not right`,
    advice: msg`Correct what is marked and send it again.`,
  },
  "/problems/token-invalid": {
    title: msg`This link or code is no longer good`,
    advice: msg`It was used already, or it is too old. Ask for another mail.`,
  },
  "/problems/challenge-expired": {
    title: msg`That took too long`,
    advice: msg`For your safety, log in again from the beginning.`,
  },
  "/problems/idempotency-key-missing": {
    title: msg`The request was incomplete`,
    advice: msg`Nothing was done. Reload the page and try again.`,
  },
  "/problems/unauthenticated": {
    title: msg`You are not logged in`,
    advice: msg`Log in and try again. What you chose is kept.`,
  },
  "/problems/bad-credentials": {
    title: msg`The email or the password is wrong`,
    advice: msg`Try again, or choose a new password if you have forgotten yours.`,
  },
  "/problems/bad-code": {
    title: msg`The code is wrong`,
    advice: msg`Each code is good once. Wait for the next one and type that.`,
  },
  "/problems/second-factor-required": {
    title: msg`A code is needed as well`,
    advice: msg`Type the code that your app shows, or one of your recovery codes.`,
  },
  "/problems/passkey-refused": {
    title: msg`The passkey was not accepted`,
    advice: msg`Try again, or log in with your password.`,
  },
  "/problems/api-key-invalid": {
    title: msg`The API key is not valid`,
    advice: msg`It was deleted or has expired. Make another one.`,
  },
  "/problems/token-revoked": {
    title: msg`Your session has ended`,
    advice: msg`Log in again. What you chose is kept.`,
  },
  "/problems/payment-declined": {
    title: msg`The payment was declined`,
    advice: msg`Nothing was charged and your places are still held. Try another card.`,
  },
  "/problems/forbidden": {
    title: msg`Your account may not do this`,
    advice: msg`If you think that it should, ask whoever runs this site.`,
  },
  "/problems/reauthentication-required": {
    title: msg`Show again that it is you`,
    advice: msg`Log out, log in again, and repeat it within 15 minutes.`,
  },
  "/problems/cross-site-request": {
    title: msg`The request did not come from this site`,
    advice: msg`Nothing was done. Open this site directly and try again.`,
  },
  "/problems/not-found": {
    title: msg`There is nothing here`,
    advice: msg`The address may be mistyped, or what was here is gone or not yours to see.`,
  },
  "/problems/method-not-allowed": {
    title: msg`That cannot be done here`,
    advice: msg`Reload the page and try again.`,
  },
  "/problems/not-acceptable": {
    title: msg`There is no such file`,
    advice: msg`What you asked for does not exist in this form.`,
  },
  "/problems/request-timeout": {
    title: msg`The connection was too slow`,
    advice: msg`Nothing was done. Try again.`,
  },
  "/problems/sold-out": {
    title: msg`Too few tickets are left`,
    advice: msg`Choose fewer, or another type. Holds that end without a payment give places back, so some may come free again.`,
  },
  "/problems/over-limit": {
    title: msg`That is more than one person may have`,
    advice: msg`Tickets that you have already count as well. Choose fewer.`,
  },
  "/problems/not-on-sale": {
    title: msg`These tickets are not on sale now`,
    advice: msg`The sale has not begun, has ended, or the event was cancelled.`,
  },
  "/problems/idempotency-conflict": {
    title: msg`This was already asked for in another way`,
    advice: msg`Go back one step and try again.`,
  },
  "/problems/booking-not-payable": {
    title: msg`This order cannot be paid any more`,
    advice: msg`It has expired, was cancelled, is being paid or is paid. Look at it under “My tickets”.`,
  },
  "/problems/answers-missing": {
    title: msg`The organiser asks something first`,
    advice: msg`Answer what is marked as required, and go on.`,
  },
  "/problems/payments-off": {
    title: msg`Nothing can be paid here at the moment`,
    advice: msg`Whoever runs this site has not set up payments.`,
  },
  "/problems/passkeys-off": {
    title: msg`There are no passkeys here`,
    advice: msg`Log in with your password.`,
  },
  "/problems/passes-off": {
    title: msg`There are no passes for this wallet here`,
    advice: msg`Save the tickets as PDF, or show them in this app.`,
  },
  "/problems/messages-off": {
    title: msg`No messages can be sent from here`,
    advice: msg`Whoever runs this site has not set up its mail.`,
  },
  "/problems/not-cancellable": {
    title: msg`This order can no longer be cancelled`,
    advice: msg`There are no refunds for it, the time for them has passed, or somebody was let in already.`,
  },
  "/problems/wrong-state": {
    title: msg`That does not fit the state it is in`,
    advice: msg`It was changed meanwhile. Reload the page to see how it stands.`,
  },
  "/problems/quota-exceeded": {
    title: msg`There is no room for more`,
    advice: msg`You have reached the limit of what one account may have.`,
  },
  "/problems/email-taken": {
    title: msg`There is an account with this email`,
    advice: msg`Log in instead. If you have forgotten its password, choose a new one.`,
  },
  "/problems/precondition-failed": {
    title: msg`Somebody changed this meanwhile`,
    advice: msg`Reload the page and try again.`,
  },
  "/problems/too-large": {
    title: msg`That is too large`,
    advice: msg`Send less at once.`,
  },
  "/problems/unsupported-media-type": {
    title: msg`The request was not understood`,
    advice: msg`Reload the page and try again.`,
  },
  "/problems/precondition-required": {
    title: msg`The request was incomplete`,
    advice: msg`Nothing was done. Reload the page and try again.`,
  },
  "/problems/rate-limited": {
    title: msg`That was too often`,
    advice: msg`Wait a little and try again.`,
  },
  "/problems/too-many-holds": {
    title: msg`Too many places are held`,
    advice: msg`Pay for what you hold or cancel it, or wait until a hold has expired.`,
  },
  "/problems/headers-too-large": {
    title: msg`The request was too large`,
    advice: msg`Delete the cookies of this site and try again.`,
  },
  "/problems/internal": {
    title: msg`Something went wrong on our side`,
    advice: msg`Try again. If it goes on, tell us the number below.`,
  },
  "/problems/component-failed": {
    title: msg`Something went wrong on our side`,
    advice: msg`It may or may not have been done. Try again: nothing is done twice.`,
  },
  "/problems/unavailable": {
    title: msg`This is not available for the moment`,
    advice: msg`Nothing was done. Try again in a few seconds.`,
  },
  "/problems/outcome-unknown": {
    title: msg`We do not know yet whether that worked`,
    advice: msg`Ask again: nothing is done twice.`,
  },
  "/problems/timed-out": {
    title: msg`The answer took too long`,
    advice: msg`It may or may not have been done. Try again: nothing is done twice.`,
  },
};

export const NETWORK: ProblemText = {
  title: msg`You seem to be offline`,
  advice: msg`No answer came. Try again when you have a connection: nothing is done twice.`,
};

export const UNREADABLE: ProblemText = {
  title: msg`The answer was not understood`,
  advice: msg`Something between here and us may be broken. Reload the page and try again.`,
};

export function isProblemType(type: string): type is ProblemType {
  return Object.hasOwn(PROBLEMS, type);
}

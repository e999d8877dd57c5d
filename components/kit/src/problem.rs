//! Errors as RFC 9457 problem documents, each `type` with a page that explains it.

use crate::{http::Response, limits, questions::MissingAnswer, sql};
use serde::Serialize;
use serde_json::json;
use std::fmt;

/// A kind of problem: what its `type` ends with, and what it means.
#[derive(Debug)]
pub struct Kind {
    /// The last part of `type`: `/problems/<slug>`.
    pub slug: &'static str,
    /// HTTP status.
    pub status: u16,
    /// A short name that never changes.
    pub title: &'static str,
    /// What happened and what to do about it, for the page of this type.
    pub explanation: &'static str,
}

macro_rules! kinds {
    ($($name:ident $status:literal $slug:literal $title:literal $explanation:literal)*) => {
        $(#[doc = $title] pub const $name: &Kind = &Kind { slug: $slug, status: $status, title: $title, explanation: $explanation };)*
        /// Every kind of problem there is, by status.
        pub const KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    INVALID_REQUEST 400 "invalid-request" "Invalid request" "The request is malformed or a value is out of range. `errors` names each fault with a JSON Pointer into the body, or into the query's parameters. Correct them and send it again."
    TOKEN_INVALID 400 "token-invalid" "Token not valid" "What this asks needs a token from a mail, and this one is none, has been used, or is too old. Ask for another mail."
    CHALLENGE_EXPIRED 400 "challenge-expired" "Challenge over" "What this answers is no challenge of ours, was answered already, had too many wrong tries, or is older than five minutes. Begin anew: log in again, or ask for new options."
    IDEMPOTENCY_KEY_MISSING 400 "idempotency-key-missing" "Idempotency key missing" "This write needs an `Idempotency-Key` header: 1 to 200 visible ASCII characters, new for every new wish, the same when you repeat one. With it a repeated request is answered, not done twice."
    UNAUTHENTICATED 401 "unauthenticated" "Not authenticated" "There is no valid access token, neither in `Authorization: Bearer …` nor in a cookie. Log in, or refresh your token, and try again."
    BAD_CREDENTIALS 401 "bad-credentials" "Wrong email or password" "No account has this email with this password."
    API_KEY_INVALID 401 "api-key-invalid" "API key not valid" "This is no API key of ours, or it was deleted or has expired. Make another one with `POST /api/organisers/{id}/api-keys`."
    BAD_CODE 401 "bad-code" "Wrong code" "The code is not the one that the account's app shows now, or was used already: each is good once. Wait for the next one, or use a recovery code."
    SECOND_FACTOR_REQUIRED 401 "second-factor-required" "Second factor required" "The password is right, and the account has a second factor: send a `code` of its app, or a `recovery_code`, as well."
    PASSKEY_REFUSED 401 "passkey-refused" "Passkey refused" "This passkey is not one of an account here, or was not used as it must be: by a page of this site, and unlocked by its owner. Try again, or log in with your password."
    TOKEN_REVOKED 401 "token-revoked" "Token revoked" "The session of this token has ended: by logout, or because an old refresh token was used again. Log in again."
    PAYMENT_DECLINED 402 "payment-declined" "Payment declined" "The provider declined the payment. The booking is still held until its `expires_at`: try another card."
    FORBIDDEN 403 "forbidden" "Not permitted" "Your account may not do this."
    REAUTHENTICATION_REQUIRED 403 "reauthentication-required" "Prove again who you are" "This needs a session that has proved who it is within the last 15 minutes. Send the password to `POST /api/auth/reauthenticate`, or log in again, and repeat the request."
    CROSS_SITE_REQUEST 403 "cross-site-request" "Not sent by a page of this site" "Nothing was done. With cookies only pages of this site may change something: a browser says so in `Sec-Fetch-Site: same-origin`, or else in an `Origin` that is the host which is asked. Programs send their token in `Authorization: Bearer …` instead."
    NOT_FOUND 404 "not-found" "Not found" "There is nothing here, or it is not yours to see."
    METHOD_NOT_ALLOWED 405 "method-not-allowed" "Method not allowed" "This address answers other methods; the `Allow` header lists them."
    NOT_ACCEPTABLE 406 "not-acceptable" "Not acceptable" "None of the representations that `Accept` asks for exists here."
    REQUEST_TIMEOUT 408 "request-timeout" "Request too slow" "Certainly not done: the body did not come, or came too slowly. Send it again, whole."
    SOLD_OUT 409 "sold-out" "Sold out" "Fewer places are left than you asked for. Holds that end without a payment give places back, so some may come free again."
    OVER_LIMIT 409 "over-limit" "Over the limit per person" "This would be more tickets of one type than a person may have for this event."
    NOT_ON_SALE 409 "not-on-sale" "Not on sale" "Tickets for this event are not on sale now: not yet, no longer, or it was cancelled."
    IDEMPOTENCY_CONFLICT 409 "idempotency-conflict" "Idempotency key used before" "This key was used for another request. Use a new key for a new wish."
    BOOKING_NOT_PAYABLE 409 "booking-not-payable" "Booking cannot be paid" "Only a booking that is held can be paid: this one has expired, was cancelled, is being paid or is paid."
    ANSWERS_MISSING 409 "answers-missing" "Answers missing" "The organiser asks something first: `missing` lists the questions that must be answered, each with the number of the ticket that it is about, unless it is about the whole order. Answer them with `PUT /api/bookings/{id}/answers` and try again."
    PAYMENTS_OFF 409 "payments-off" "No payments here" "This deployment has no payment provider, so nothing can be paid. Whoever runs it may turn on the built-in sandbox, which moves no money, with the variable `sandbox_payments`."
    NOT_CANCELLABLE 409 "not-cancellable" "Not cancellable" "This booking can no longer be cancelled by its buyer: the event offers no refunds, its time for them has passed, or somebody was let in by one of its tickets."
    MESSAGES_OFF 409 "messages-off" "No messages here" "This deployment sends no mail, or, of news, has no address where its readers could end them: `detail` says which. Whoever runs it has a worker follow what happens, and sets the variable `public_url` to an address that begins with https://."
    PASSKEYS_OFF 409 "passkeys-off" "No passkeys here" "This deployment has no address that passkeys can be bound to. Whoever runs it sets the variable `public_url` to one that begins with https:// and has a domain."
    PASSES_OFF 409 "passes-off" "No passes here" "This deployment makes no passes for this wallet. Whoever runs it sets the variables `apple_wallet_certificate` and `apple_wallet_key`, or `google_wallet_issuer`, `google_wallet_account` and `google_wallet_key`."
    WRONG_STATE 409 "wrong-state" "Wrong state" "What this asks does not fit the state that the thing is in."
    QUOTA_EXCEEDED 409 "quota-exceeded" "Quota exceeded" "An account and an organiser may have only so many drafts, events that are not over, and characters in them. `detail` says which of these is used up, and what to do."
    EMAIL_TAKEN 409 "email-taken" "Email taken" "An account with this email exists. Log in instead; if it is yours and you do not know its password, have a mail sent that lets you choose another (`POST /api/auth/password/forgot`)."
    PRECONDITION_FAILED 412 "precondition-failed" "Changed meanwhile" "Somebody changed this after you read it: `If-Match` does not name its current `ETag`. Read it again."
    TOO_LARGE 413 "too-large" "Request too large" "The body is larger than this address takes."
    UNSUPPORTED_MEDIA_TYPE 415 "unsupported-media-type" "Unsupported media type" "Send JSON in UTF-8, with `Content-Type: application/json`; where a picture is asked for, one of a kind that `detail` names."
    PRECONDITION_REQUIRED 428 "precondition-required" "If-Match required" "A change needs `If-Match` with the `ETag` that you read, so that nobody's change is lost."
    RATE_LIMITED 429 "rate-limited" "Too many requests" "Slow down: try again after `Retry-After` seconds."
    TOO_MANY_HOLDS 429 "too-many-holds" "Too many places held" "As many places of this event as may be are held, and not paid for, by your account or from your network address; `detail` says by which. Pay for them, cancel what you do not want, or try again when holds have expired: one lasts ten minutes unless this deployment says otherwise."
    HEADERS_TOO_LARGE 431 "headers-too-large" "Headers too large" "The request's headers are larger than this node takes."
    INTERNAL 500 "internal" "Internal error" "Something on our side is wrong. The request id helps us find it."
    COMPONENT_FAILED 502 "component-failed" "Component failed" "The component that served this request ended abruptly. What it was doing may or may not be done: repeat a write with its `Idempotency-Key`."
    UNAVAILABLE 503 "unavailable" "Unavailable" "Certainly not done. Try again after `Retry-After` seconds."
    OUTCOME_UNKNOWN 504 "outcome-unknown" "Outcome unknown" "It may or may not have been done. Send it again with the same `Idempotency-Key`: it is done once."
    TIMED_OUT 504 "timed-out" "Timed out" "The answer took too long. What was asked may or may not be done: repeat a write with its `Idempotency-Key`."
}

/// One fault of a request.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) into the body, or into the query's parameters as if they were one object.
    pub pointer: String,
    /// What is wrong there, and what would be right.
    pub detail: String,
}

/// A problem on its way to a client. Its log line, if any, is never shown to the client.
#[derive(Debug)]
pub struct Problem {
    /// Its kind.
    pub kind: &'static Kind,
    /// This occurrence, in a sentence.
    pub detail: String,
    /// What is wrong with the request, at most [`limits::FAULTS`].
    pub faults: Vec<Fault>,
    /// Answers that come before what was asked for.
    pub missing: Vec<MissingAnswer>,
    /// Headers of the answer beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// For the log alone.
    pub log: Option<String>,
    /// Who may not do this by their role: that goes into the journal.
    pub refused: Option<String>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let (faults, missing, headers) = (Vec::new(), Vec::new(), Vec::new());
        Self { kind, detail: detail.into(), faults, missing, headers, log: None, refused: None }
    }

    /// The request's own faults.
    pub fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [fault] => format!("{}: {}", if fault.pointer.is_empty() { "body" } else { &fault.pointer }, fault.detail),
            _ => format!("{} faults, listed in errors", faults.len()),
        };
        let mut problem = Self::new(INVALID_REQUEST, detail);
        problem.faults = faults;
        problem.faults.truncate(limits::FAULTS);
        problem
    }

    /// One fault of the request.
    pub fn fault(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![Fault { pointer: pointer.into(), detail: detail.into() }])
    }

    /// Nothing here, or not theirs.
    pub fn not_found() -> Self {
        Self::new(NOT_FOUND, "There is nothing here, or it is not yours to see.")
    }

    /// No good token.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(UNAUTHENTICATED, detail).with("www-authenticate", "Bearer")
    }

    /// Not permitted.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(FORBIDDEN, detail)
    }

    /// This user's role does not permit it, and the audit log tells that they tried.
    pub fn refused(user: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut problem = Self::forbidden(detail);
        problem.refused = Some(user.into());
        problem
    }

    /// Certainly not done; milliseconds after which to try again.
    pub fn unavailable(detail: impl Into<String>, retry_milliseconds: u32) -> Self {
        Self::new(UNAVAILABLE, detail).with("retry-after", retry_milliseconds.div_ceil(1000).max(1).to_string())
    }

    /// Our own fault: the client learns the request id only, the log the cause.
    pub fn internal(log: impl fmt::Display) -> Self {
        let mut problem = Self::new(INTERNAL, "Something on our side is wrong.");
        problem.log = Some(log.to_string());
        problem
    }

    /// This problem with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer that carries it.
    pub fn into_response(self, instance: &str, request_id: &str) -> Response {
        let mut document = json!({
            "type": format!("/problems/{}", self.kind.slug),
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
        });
        if let Some(members) = document.as_object_mut() {
            if !self.faults.is_empty() {
                members.insert("errors".into(), json!(self.faults));
            }
            if !self.missing.is_empty() {
                members.insert("missing".into(), json!(self.missing));
            }
        }
        let mut response =
            Response::new(self.kind.status, "application/problem+json", document.to_string()).header("cache-control", "no-store");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response
    }
}

impl From<sql::Error> for Problem {
    fn from(error: sql::Error) -> Self {
        match error {
            sql::Error::Busy | sql::Error::Unavailable(_) => {
                let mut problem = Self::unavailable("The database cannot be reached or is busy.", 1000);
                problem.log = Some(error.to_string());
                problem
            }
            sql::Error::CommitUnknown(_) => {
                let mut problem = Self::new(OUTCOME_UNKNOWN, "The database did not say whether it was done.");
                problem.log = Some(error.to_string());
                problem
            }
            _ => Self::internal(error),
        }
    }
}

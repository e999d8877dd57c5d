//! A payment's life, without the outside world: what to do next, and what an answer means.
//!
//! A payment is recorded before the ledger or provider is asked (version 0), and every step is one swap of its version. Each step may be done
//! again by any driver after a crash: the ledger and the provider know its key, so a repeated step has the same outcome.
//!
//! ```text
//!            ledger begins      provider says
//! (accepted) ───────────> pending ──> requires_action ─┐   ledger confirms
//!     │ ledger refuses       ├──────> processing ──────┼─────────────────> completed ──> refunds
//!     v                      │                         └──> failed
//!  (withdrawn)               └───────────────────────────────^  ledger gives the hold back
//! ```

use crate::limits;
use kit::ledger::{Outcome as Decided, Receipt, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// As written in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Accepted; the provider's answer is not known yet.
    Pending,
    /// The buyer must do something, on a page of the provider's.
    RequiresAction,
    /// The provider works on it, or gave no answer yet.
    Processing,
    /// Paid.
    Completed,
    /// Not paid.
    Failed,
}

impl Status {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Pending, "pending"),
        (Self::RequiresAction, "requires_action"),
        (Self::Processing, "processing"),
        (Self::Completed, "completed"),
        (Self::Failed, "failed"),
    ];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(status, _)| *status)
    }

    /// Whether a step may lead from this one to that. What was paid stays paid; what failed was paid after all, or stays so.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => true,
            Self::RequiresAction | Self::Processing => next != Self::Pending,
            Self::Failed => matches!(next, Self::Failed | Self::Completed),
            Self::Completed => next == Self::Completed,
        }
    }
}

/// What is kept of a payment beside its columns, as JSON. Never card data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The provider's token for the buyer's method.
    pub token: String,
    /// When the hold ends, as the ledger said when the payment began.
    pub deadline: Option<i64>,
    /// When it was completed.
    pub completed_at: Option<i64>,
    /// The `traceparent` of the request to pay.
    #[serde(default)]
    pub trace: Option<String>,
    /// What the provider's adapter keeps.
    pub memo: Json,
}

/// A payment's row.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// Also the provider's idempotency key.
    pub id: String,
    /// What is paid for.
    pub booking: String,
    /// The booking's event.
    pub event: String,
    /// Who pays.
    pub person: String,
    /// Minor units, more than 0.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// As it stands.
    pub status: Status,
    /// Name of the provider.
    pub provider: String,
    /// The column `provider_state`.
    pub details: Details,
    /// Why it failed, as a code.
    pub failure: Option<String>,
    /// Minor units given back so far.
    pub refunded: i64,
    /// When to look at it again.
    pub due_at: Option<i64>,
    /// 0: accepted, and the ledger not asked yet or its answer not recorded; not visible outside.
    pub version: i64,
    /// When it was accepted.
    pub created_at: i64,
}

impl Payment {
    /// A failed one says why, and no other; no more goes back than came, and only of what came; what nobody outside knows of is still pending. Asserted
    /// of what was read, and of what a step makes of it.
    pub fn is_sound(&self) -> bool {
        let paid = self.status == Status::Completed;
        let most = if paid { self.amount } else { 0 };
        self.failure.is_some() == (self.status == Status::Failed)
            && (paid || self.details.completed_at.is_none())
            && (0..=most).contains(&self.refunded)
            && (self.version > 0 || self.status == Status::Pending)
    }

    /// Whether its time has come.
    pub fn is_due(&self, now: i64) -> bool {
        self.due_at.is_some_and(|due| due <= now)
    }
}

/// Who drives a payment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The request that wants to know how its payment went: it does not wait for a due time before the provider was asked.
    Owner,
    /// Any other request, or the tick.
    Passer,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing, for now or for good.
    Rest,
    /// Ask the ledger for the hold.
    Begin,
    /// Ask the provider for the money.
    Start,
    /// Ask the provider how it went.
    LookUp,
}

/// What to do next about a payment.
pub fn next_step(payment: &Payment, now: i64, driver: Driver) -> Step {
    let due = payment.is_due(now);
    match payment.status {
        Status::Pending if !due && driver == Driver::Passer => Step::Rest,
        Status::Pending if payment.version == 0 => Step::Begin,
        Status::Pending => Step::Start,
        // A failed one is due only where the provider has taken its word back: the money came after all.
        Status::RequiresAction | Status::Processing | Status::Failed if due => Step::LookUp,
        _ => Step::Rest,
    }
}

/// What a provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The money has arrived, or certainly will.
    Paid,
    /// It has not, and will not; the code says why.
    Declined(String),
    /// The buyer has to go to the provider's page; to be looked at again then.
    ActionRequired { look_at: i64 },
    /// To be looked at again then.
    Processing { look_at: i64 },
    /// It may or may not have been asked for.
    NoAnswer,
    /// Certainly not asked for. A provider that is a network away has such failures; the sandbox has none.
    #[cfg_attr(not(test), expect(dead_code, reason = "the sandbox never fails to be reached"))]
    Unreachable,
}

/// What a provider's answer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Tell the ledger, then complete it.
    Confirm,
    /// Give the hold back, then fail it for this reason.
    Fail(String),
    /// Leave it in this status, and look again then.
    Wait(Status, i64),
    /// It stays as it is for good.
    Close,
}

/// What a provider's answer means for a payment.
pub fn settle(payment: &Payment, outcome: Outcome, now: i64) -> Settlement {
    debug_assert!(
        payment.is_sound(),
        "payment {} is about to be settled: {:?} {:?}",
        payment.id,
        payment.status,
        payment.failure
    );
    let no_sooner = |at: i64| at.max(now + limits::WAIT_FLOOR);
    let settlement = match (payment.status, outcome) {
        (Status::Completed, _) => Settlement::Close,
        (_, Outcome::Paid) => Settlement::Confirm,
        (Status::Failed, _) => Settlement::Close,
        (_, Outcome::Declined(code)) => Settlement::Fail(code),
        (_, Outcome::ActionRequired { look_at }) => Settlement::Wait(Status::RequiresAction, no_sooner(look_at)),
        (_, Outcome::Processing { look_at }) => Settlement::Wait(Status::Processing, no_sooner(look_at)),
        (_, Outcome::NoAnswer) => Settlement::Wait(Status::Processing, now + limits::NO_ANSWER.max(wait(payment, now))),
        (status, Outcome::Unreachable) => Settlement::Wait(status, now + wait(payment, now)),
    };
    let permitted = match &settlement {
        Settlement::Confirm => payment.status.may_become(Status::Completed),
        Settlement::Fail(_) => payment.status.may_become(Status::Failed),
        Settlement::Wait(status, _) => payment.status.may_become(*status),
        Settlement::Close => true,
    };
    debug_assert!(permitted, "payment {} is settled by {settlement:?} after {:?}", payment.id, payment.status);
    settlement
}

/// How long to wait before a step is tried again: a quarter of the payment's age, within bounds.
pub fn wait(payment: &Payment, now: i64) -> i64 {
    ((now - payment.created_at) / 4).clamp(*limits::WAIT.start(), *limits::WAIT.end())
}

/// What the ledger's answer to `begin-payment` leads to.
#[derive(Debug)]
pub enum BeginOutcome {
    /// The hold is the payment's, until then.
    Until(Option<i64>),
    /// It is not: nothing was done, and nothing will be.
    Refused(Rejection),
    /// To be asked again with the same key.
    Unknown,
}

/// Reads the ledger's answer to `begin-payment`; `first` says that this is the first call. An earlier caller may have got a yes and crashed, and
/// that nothing is done now says nothing of then.
pub fn after_begin(answer: Result<Receipt, Rejection>, first: bool) -> BeginOutcome {
    match answer {
        Ok(receipt) => BeginOutcome::Until(kit::ledger::booking(receipt).and_then(|booking| booking.expires_at)),
        Err(Rejection::Unknown) => BeginOutcome::Unknown,
        Err(Rejection::Unavailable(_)) if !first => BeginOutcome::Unknown,
        Err(rejection) => BeginOutcome::Refused(rejection),
    }
}

/// What the ledger's answer to `confirm` leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmOutcome {
    /// The payment is complete. Where it came too late, the ledger has written the refund.
    Complete,
    /// The ledger will never take this money: it is complete, and the whole of it goes back.
    GiveBack,
    /// To be asked again with the same key.
    AskAgain,
}

/// Reads the ledger's answer to `confirm`. No answer of the ledger's may make money disappear.
pub fn after_confirm(answer: &Result<Receipt, Rejection>) -> ConfirmOutcome {
    match answer {
        Ok(receipt) => match receipt.outcome {
            Decided::Booking(_) | Decided::RefundDue(_) => ConfirmOutcome::Complete,
            Decided::Sale(_) | Decided::Swept(_) => ConfirmOutcome::GiveBack,
        },
        Err(Rejection::Unavailable(_) | Rejection::Unknown) => ConfirmOutcome::AskAgain,
        Err(_) => ConfirmOutcome::GiveBack,
    }
}

/// Whether the ledger's answer to `end-payment` is its last word. A refusal is: the booking has moved on by itself.
pub fn hold_is_back(answer: &Result<Receipt, Rejection>) -> bool {
    !matches!(answer, Err(Rejection::Unavailable(_) | Rejection::Unknown))
}

/// Why there is nothing left to pay for, as a code: of a booking in this state, with this deadline, whose event's sale is `open` or `closed`.
pub fn gone(booking: &str, expires_at: Option<i64>, sale: &str, now: i64) -> Option<&'static str> {
    match booking {
        "confirmed" => Some("already_paid"),
        _ if sale == "closed" => Some("event_cancelled"),
        "cancelled" => Some("booking_cancelled"),
        "expired" => Some("hold_expired"),
        _ if expires_at.is_some_and(|at| at <= now) => Some("hold_expired"),
        _ => None,
    }
}

/// How long before a refund is tried again after so many attempts.
pub fn refund_wait(attempts: i64) -> i64 {
    let doubled = limits::REFUND_WAIT.start() << attempts.clamp(0, 20);
    doubled.min(*limits::REFUND_WAIT.end())
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;

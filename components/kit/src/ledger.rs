//! `marquee:booking/ledger`, as imported, and what its refusals are to a client.

use crate::{claims, identity::Refusal, limits, problem, problem::Problem, time};

#[expect(missing_docs, reason = "generated; the WIT says it")]
mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-booking",
        inline: "package marquee:kit-ledger; world ledger-user { import marquee:booking/ledger@0.1.0; }",
        world: "marquee:kit-ledger/ledger-user",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

pub use bindings::marquee::booking::{ledger::apply, types::*};

/// Has one command decided, with the usual deadline. `trace` is the `traceparent` of what asks.
pub async fn decide(
    subject: Subject,
    key: impl Into<String>,
    event: impl Into<String>,
    action: Action,
    trace: Option<String>,
) -> Result<Receipt, Rejection> {
    send(subject, None, key.into(), event.into(), action, trace).await
}

/// As [`decide`], for a person who shows this access token: what an edge asks its region has no other warrant.
pub async fn decide_for(
    person: String,
    token: &str,
    key: impl Into<String>,
    event: impl Into<String>,
    action: Action,
    trace: Option<String>,
) -> Result<Receipt, Rejection> {
    send(Subject::Person(person), Some(token.to_owned()), key.into(), event.into(), action, trace).await
}

async fn send(
    subject: Subject,
    token: Option<String>,
    key: String,
    event: String,
    action: Action,
    trace: Option<String>,
) -> Result<Receipt, Rejection> {
    let command = Command {
        subject,
        idempotency_key: key,
        event_id: event,
        deadline: time::now() + limits::COMMAND_MICROSECONDS,
        trace,
        token,
        action,
    };
    // One command has one answer; a ledger that gives none has not said what it did.
    apply(vec![command]).await.pop().unwrap_or(Err(Rejection::Unknown))
}

/// The booking that an accepted command left, if the command was about one.
pub fn booking(receipt: Receipt) -> Option<Booking> {
    match receipt.outcome {
        Outcome::Booking(booking) | Outcome::RefundDue(booking) => Some(booking),
        Outcome::Sale(_) | Outcome::Swept(_) => None,
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Invalid(detail) => Self::fault("", detail),
            Rejection::UnknownEvent | Rejection::UnknownBooking => Self::not_found(),
            Rejection::UnknownTicketType(id) => Self::fault("/items", format!("{id} is not a ticket type of this event")),
            Rejection::NotOnSale(phase) => Self::new(
                problem::NOT_ON_SALE,
                match phase {
                    SalePhase::NotYet => "The sale has not begun.",
                    SalePhase::Over => "The sale is over.",
                    SalePhase::Closed => "The event was cancelled.",
                },
            ),
            Rejection::SoldOut(shortages) => {
                let left: Vec<_> =
                    shortages.iter().map(|shortage| format!("{} of {}", shortage.available, shortage.ticket_type)).collect();
                Self::new(problem::SOLD_OUT, format!("Only this much is left: {}.", left.join(", ")))
            }
            Rejection::OverLimit(limit) => Self::new(
                problem::OVER_LIMIT,
                format!("A person may have {} of {}; you have {}.", limit.per_person, limit.ticket_type, limit.has),
            ),
            Rejection::Expired => Self::new(problem::WRONG_STATE, "The hold has expired."),
            Rejection::WrongState(status) => Self::new(problem::WRONG_STATE, format!("The booking is {}.", status_name(status))),
            Rejection::NotCancellable(CancelRefusal::NoRefunds) => {
                Self::new(problem::NOT_CANCELLABLE, "This event offers no refunds.")
            }
            Rejection::NotCancellable(CancelRefusal::TooLate) => {
                Self::new(problem::NOT_CANCELLABLE, "The time for refunds has passed.")
            }
            Rejection::Forbidden => Self::forbidden("You may not do this."),
            Rejection::Unauthenticated(fault) => claims::refused(match fault {
                TokenFault::Invalid => Refusal::Invalid,
                TokenFault::Expired => Refusal::Expired,
                TokenFault::Revoked => Refusal::Revoked,
            }),
            Rejection::CapacityTooLow(shortage) => Self::new(
                problem::WRONG_STATE,
                format!(
                    "{} places of {} are held or sold: capacity cannot go below that.",
                    shortage.available, shortage.ticket_type
                ),
            ),
            Rejection::StaleRevision(revision) => {
                Self::new(problem::PRECONDITION_FAILED, format!("Revision {revision} has been applied already."))
            }
            Rejection::KeyConflict => {
                Self::new(problem::IDEMPOTENCY_CONFLICT, "This Idempotency-Key was used for another request.")
            }
            Rejection::Unavailable(milliseconds) => {
                Self::unavailable("The event's home region cannot decide now. Nothing was done.", milliseconds)
            }
            Rejection::Unknown => Self::new(
                problem::OUTCOME_UNKNOWN,
                "It may or may not have been done: send it again with the same Idempotency-Key.",
            ),
        }
    }
}

/// A booking's status as the API has it.
pub fn status_name(status: BookingStatus) -> &'static str {
    match status {
        BookingStatus::Held => "held",
        BookingStatus::Paying => "paying",
        BookingStatus::Confirmed => "confirmed",
        BookingStatus::Cancelled => "cancelled",
        BookingStatus::Expired => "expired",
    }
}

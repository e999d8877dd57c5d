//! `marquee:booking/ledger`, as imported, and what its refusals are to a client.

use crate::{Request, claims, identity::Refusal, limits, problem, problem::Problem, time, trace};

mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-booking",
        inline: "package marquee:kit-ledger; world ledger-user { import marquee:booking/ledger@0.1.0; }",
        world: "marquee:kit-ledger/ledger-user",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        with: { "marquee:booking/types@0.1.0": vocabulary::booking },
        generate_all,
    });
}

pub use bindings::marquee::booking::ledger::apply;
pub use vocabulary::booking::*;

/// What a command is part of, and where it comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The `traceparent` of what asks.
    pub trace: Option<String>,
    /// The network of who asks: see [`Request::client`].
    pub client: Option<String>,
}

impl From<&Request> for Origin {
    fn from(request: &Request) -> Self {
        Self { trace: trace::parent(request), client: Some(request.client()) }
    }
}

impl From<Option<String>> for Origin {
    fn from(trace: Option<String>) -> Self {
        Self { trace, client: None }
    }
}

/// Has one command decided, with the usual deadline.
pub async fn decide(
    subject: Subject,
    key: impl Into<String>,
    event: impl Into<String>,
    action: Action,
    origin: impl Into<Origin>,
) -> Result<Receipt, Rejection> {
    send(subject, None, key.into(), event.into(), action, origin.into()).await
}

/// As [`decide`], for a person who shows this access token: what an edge asks its region has no other warrant.
pub async fn decide_for(
    person: String,
    token: &str,
    key: impl Into<String>,
    event: impl Into<String>,
    action: Action,
    origin: impl Into<Origin>,
) -> Result<Receipt, Rejection> {
    send(Subject::Person(person), Some(token.to_owned()), key.into(), event.into(), action, origin.into()).await
}

async fn send(
    subject: Subject,
    token: Option<String>,
    key: String,
    event: String,
    action: Action,
    origin: Origin,
) -> Result<Receipt, Rejection> {
    let Origin { trace, client } = origin;
    let deadline = time::now() + limits::COMMAND_MICROSECONDS;
    let command = Command { trace, token, client, ..Command::new(subject, key, event, deadline, action) };
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
                    SalePhase::Paused => "What you asked for was taken off sale for now.",
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
            Rejection::TooManyHolds(limit) => {
                let whose = match limit.scope {
                    HoldScope::Account => "your account",
                    HoldScope::Address => "your network address",
                };
                Self::new(
                    problem::TOO_MANY_HOLDS,
                    format!(
                        "{} of {} places that may be held from {whose} at a time are: pay for them or cancel, or wait until they expire.",
                        limit.held, limit.places
                    ),
                )
                .with("retry-after", limits::HOLDS_RETRY_SECONDS.to_string())
            }
            Rejection::Expired => Self::new(problem::WRONG_STATE, "The hold has expired."),
            Rejection::WrongState(status) => Self::new(problem::WRONG_STATE, format!("The booking is {}.", status.as_str())),
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

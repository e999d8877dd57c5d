//! What the ledger is asked and what it answers: the plain twin of `wit/marquee-booking/types.wit`, which documents each case.
//!
//! What carries serde is kept: [`Accepted`] is the stored outcome of an idempotency key, and [`Action`] is what a key's request hash is
//! taken of. Renaming a field or a case there changes what rows already written mean.

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch, UTC.
pub type Instant = i64;

/// An amount in minor units of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A buyer, by user id.
    Person(String),
    /// An organiser or admin, by user id, whose right over the event the caller has checked.
    Steward(String),
    /// The platform itself.
    Platform,
}

impl Subject {
    /// The subject's part of an idempotency key's scope; no two subjects share one.
    #[must_use]
    pub fn scope(&self) -> String {
        match self {
            Self::Person(id) => format!("person:{id}"),
            Self::Steward(id) => format!("steward:{id}"),
            Self::Platform => "platform".to_owned(),
        }
    }
}

/// One thing to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who asks.
    pub subject: Subject,
    /// Unique within event and subject; `expire` does without.
    pub idempotency_key: String,
    /// What it is about.
    pub event_id: String,
    /// Dropped undecided from then on, by the clocks of nodes: the one that set it and the one that looks.
    pub deadline: Instant,
    /// What it is part of; decides nothing.
    pub trace: Option<String>,
    /// The network that its sender asks from, as whoever took the request saw it; none: nobody's that counts.
    pub client: Option<String>,
    /// What to do.
    pub action: Action,
}

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Makes an event bookable.
    Open(Sale),
    /// Changes prices, limits, windows and capacity.
    Adjust(Sale),
    /// Ends the sale. Carries the catalog's revision.
    Close(u64),
    /// Takes places for a while.
    Hold(Vec<OrderLine>),
    /// A payment of this booking begins.
    BeginPayment(String),
    /// A payment of this booking came to nothing.
    EndPayment(String),
    /// Money for a booking has arrived.
    Confirm(Confirmation),
    /// Gives this booking's places back.
    Cancel(String),
    /// Tidies the rows of overdue holds.
    Expire,
}

impl Action {
    /// The booking that it names.
    #[must_use]
    pub fn booking(&self) -> Option<&str> {
        match self {
            Self::BeginPayment(id) | Self::EndPayment(id) | Self::Cancel(id) => Some(id),
            Self::Confirm(confirmation) => Some(&confirmation.booking),
            Self::Open(_) | Self::Adjust(_) | Self::Close(_) | Self::Hold(_) | Self::Expire => None,
        }
    }
}

/// What an event offers, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sale {
    /// The catalog's revision of the event.
    pub revision: u64,
    /// Cannot change once opened.
    pub currency: String,
    /// On sale from then on; none: no bound.
    pub sales_from: Option<Instant>,
    /// Not on sale from then on; none: no bound.
    pub sales_until: Option<Instant>,
    /// A buyer's paid booking is refunded if cancelled before; none: never.
    pub refund_until: Option<Instant>,
    /// In the organiser's order.
    pub offers: Vec<Offer>,
}

/// A general-admission ticket type on sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// Its id.
    pub ticket_type: String,
    /// Minor units.
    pub price: i64,
    /// Places there are in all.
    pub capacity: u32,
    /// Places one person may have at the same time.
    pub per_person_limit: u32,
}

/// Some places of one ticket type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderLine {
    /// Its id.
    pub ticket_type: String,
    /// How many.
    pub quantity: u32,
}

/// A provider says that money has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confirmation {
    /// For which booking.
    pub booking: String,
    /// By which payment.
    pub payment: String,
    /// How much.
    pub paid: Money,
}

/// Where a booking is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// Places are kept until the deadline.
    Held,
    /// As held, while a payment is under way.
    Paying,
    /// Sold.
    Confirmed,
    /// Given back.
    Cancelled,
    /// Lost to the deadline.
    Expired,
}

impl BookingStatus {
    /// As it stands in SQL and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Paying => "paying",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Held, Self::Paying, Self::Confirmed, Self::Cancelled, Self::Expired]
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    /// Whether its places are kept until a deadline.
    #[must_use]
    pub const fn is_hold(self) -> bool {
        matches!(self, Self::Held | Self::Paying)
    }
}

/// What was booked of one ticket type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingItem {
    /// Its id.
    pub ticket_type: String,
    /// How many.
    pub quantity: u32,
    /// Minor units, fixed when the hold was taken.
    pub unit_price: i64,
}

/// A booking as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Its id.
    pub id: String,
    /// What for.
    pub event_id: String,
    /// User id of its owner.
    pub person: String,
    /// Where it is in its life.
    pub status: BookingStatus,
    /// When it ends by itself; only while held or paying.
    pub expires_at: Option<Instant>,
    /// In the order they were asked for.
    pub items: Vec<BookingItem>,
    /// Sum of the items.
    pub total: Money,
    /// The event's inventory version that last changed it.
    pub version: u64,
    /// When the hold was taken.
    pub created_at: Instant,
}

/// A decision that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The inventory version that holds the decision.
    pub version: u64,
    /// Whether an earlier decision under the same key is repeated.
    pub replayed: bool,
    /// What came of it.
    pub outcome: Outcome,
}

/// What is kept of an accepted decision, for its key to be answered alike again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The inventory version that holds the decision.
    pub version: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an accepted command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// open, adjust, close: the catalog's revision now in force.
    Sale(u64),
    /// The booking as the decision left it.
    Booking(Booking),
    /// The money came too late to be kept: the booking as it is.
    RefundDue(Booking),
    /// How many overdue holds were tidied.
    Swept(u32),
}

/// How much there is of a ticket type where more was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Its id.
    pub ticket_type: String,
    /// Places there are.
    pub available: u32,
}

/// A person's limit for a ticket type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its id.
    pub ticket_type: String,
    /// Places one person may have.
    pub per_person: u32,
    /// Places this person has already.
    pub has: u32,
}

/// Whose holds are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldScope {
    /// One person's.
    Account,
    /// Everybody's who asks from one network.
    Address,
}

/// How much of an event may be held, unpaid, at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldLimit {
    /// By whom.
    pub scope: HoldScope,
    /// Places that may be.
    pub places: u32,
    /// Places that are already.
    pub held: u32,
}

/// Why nothing is on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SalePhase {
    /// Before `sales_from`.
    NotYet,
    /// From `sales_until` on.
    Over,
    /// Closed for good.
    Closed,
}

/// Why a buyer may not cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelRefusal {
    /// The event never offered refunds to buyers.
    NoRefunds,
    /// It is past the time for it.
    TooLate,
}

/// An expected outcome that does nothing of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Malformed; the text says how.
    Invalid(String),
    /// No such event is open here.
    UnknownEvent,
    /// No such ticket type in this event.
    UnknownTicketType(String),
    /// No such booking, or not this subject's.
    UnknownBooking,
    /// Nothing is on sale.
    NotOnSale(SalePhase),
    /// Fewer places than asked for, by ticket type.
    SoldOut(Vec<Shortage>),
    /// More places than one person may have.
    OverLimit(Limit),
    /// More places than may be held, unpaid, at the same time.
    TooManyHolds(HoldLimit),
    /// The hold's deadline has passed.
    Expired,
    /// The booking's state does not permit this.
    WrongState(BookingStatus),
    /// A buyer may not cancel this one, or no longer.
    NotCancellable(CancelRefusal),
    /// This subject may not do this.
    Forbidden,
    /// The floor of a capacity: what is held and sold.
    CapacityTooLow(Shortage),
    /// A newer catalog revision, which this carries, has been applied already.
    StaleRevision(u64),
    /// The key was used for another action.
    KeyConflict,
    /// Certainly not done; milliseconds after which to try again.
    Unavailable(u32),
    /// It may or may not have been done: ask again with the same key.
    Unknown,
}

//! What a decision changes, as data.

use crate::state::{LineTerms, Record, Terms};
use crate::types::{Accepted, Booking};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// What one decision, or a batch of them on one event, changes. The shell turns it into SQL, in one transaction with the swap of the
/// event's version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The inventory version that holds them; none where nothing changes.
    pub version: Option<u64>,
    /// The sale's terms, where they change.
    pub inventory: Option<InventoryWrite>,
    /// By ticket type, or by the id of what is shared.
    pub lines: BTreeMap<String, LineWrite>,
    /// By id.
    pub bookings: HashMap<String, BookingWrite>,
    /// Keys to be remembered.
    pub keys: Vec<KeyWrite>,
    /// Refunds that become due.
    pub refunds: Vec<Refund>,
    /// Journal entries, in order.
    pub journal: Vec<Entry>,
}

/// An inventory's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryWrite {
    /// To be inserted: the event was not open before. If it is by now, the decision must be made again.
    pub new: bool,
    /// As they are from now on.
    pub terms: Terms,
}

/// A line's row. Terms are as they are from now on; places are to be added to what the row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineWrite {
    /// To be inserted.
    pub new: bool,
    /// As they are from now on.
    pub terms: LineTerms,
    /// Added to `held`.
    pub held: i64,
    /// Added to `sold`.
    pub sold: i64,
}

/// A booking's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingWrite {
    /// To be inserted, with its items; else items, owner, total and seed stay as they are.
    pub new: bool,
    /// As it is from now on.
    pub record: Record,
}

/// An idempotency key's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWrite {
    /// The subject's part of the scope.
    pub scope: String,
    /// The key.
    pub key: String,
    /// Of the action.
    pub request_hash: String,
    /// What came of it.
    pub accepted: Rc<Accepted>,
}

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundReason {
    /// A paid booking was cancelled, by its owner or the organiser.
    Cancelled,
    /// The whole event was.
    EventCancelled,
    /// The payment came after its hold had expired and the places had gone to others.
    SoldOut,
    /// The payment came after its hold had expired, and with its places the buyer would have more than one person may.
    OverLimit,
    /// The payment came after its booking had been cancelled.
    BookingCancelled,
    /// The payment came after another had paid for the booking.
    AlreadyPaid,
}

impl RefundReason {
    /// As written in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::EventCancelled => "event_cancelled",
            Self::SoldOut => "sold_out",
            Self::OverLimit => "over_limit",
            Self::BookingCancelled => "booking_cancelled",
            Self::AlreadyPaid => "already_paid",
        }
    }
}

/// A refund that becomes due at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: String,
    /// The refunded payment.
    pub payment: String,
    /// What it was for.
    pub booking: String,
    /// Minor units, more than 0.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// Why.
    pub reason: RefundReason,
}

/// What happened to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// It is new.
    Created,
    /// Its state or deadline changed.
    Updated,
    /// It was cancelled.
    Cancelled,
}

/// Who gave a booking back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelledBy {
    /// Its owner.
    Buyer,
    /// The organiser, an admin or the platform; the event itself is not cancelled.
    Organiser,
    /// Nobody in particular: the whole event was cancelled.
    Event,
}

impl CancelledBy {
    /// As written in the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Organiser => "organiser",
            Self::Event => "event",
        }
    }
}

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub kind: EntryKind,
    /// The booking as it was left.
    pub booking: Booking,
    /// The payment that confirmed it, once one has; also after it was cancelled.
    pub payment: Option<String>,
    /// Of one that was cancelled: by whom.
    pub cancelled_by: Option<CancelledBy>,
    /// What the command that caused it is part of.
    pub trace: Option<String>,
}

impl Changes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Adds what a later decision on the same event changes, so that writing the sum does what writing one after the other would.
    pub fn merge(&mut self, later: Self) {
        self.version = later.version.or(self.version);
        if let Some(inventory) = later.inventory {
            let new = inventory.new || self.inventory.as_ref().is_some_and(|before| before.new);
            self.inventory = Some(InventoryWrite { new, ..inventory });
        }
        for (ticket_type, line) in later.lines {
            let sum = match self.lines.remove(&ticket_type) {
                Some(before) => {
                    LineWrite { new: before.new, terms: line.terms, held: before.held + line.held, sold: before.sold + line.sold }
                }
                None => line,
            };
            self.lines.insert(ticket_type, sum);
        }
        for (id, booking) in later.bookings {
            let new = booking.new || self.bookings.get(&id).is_some_and(|before| before.new);
            self.bookings.insert(id, BookingWrite { new, ..booking });
        }
        self.keys.extend(later.keys);
        self.refunds.extend(later.refunds);
        self.journal.extend(later.journal);
    }
}

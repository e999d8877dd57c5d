//! What the feed carries: the newest public state of one thing.

use serde::{Deserialize, Serialize};
pub use vocabulary::edge::{
    Event as EventDoc, EventStatus, Image, ImageSize, Question, QuestionKind, QuestionScope, SharedCapacity, TicketType, Venue,
};

/// A public fact. In JSON: the fields of the variant beside `"kind": "event" | "availability" | "session_revoked" | "key"`.
///
/// A fact replaces what was known of the same thing if its version is higher, so facts may come in any order and twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "facts are handed over one at a time, never kept in rows")]
pub enum Fact {
    /// A published or cancelled event; drafts are not public.
    Event(EventDoc),
    /// What an event has left to sell.
    Availability(Availability),
    /// A session whose access tokens are no longer good.
    SessionRevoked {
        /// Session (refresh family) id.
        session: String,
        /// When its last access token has ended and this may be forgotten.
        until: i64,
    },
    /// A key that access tokens are signed with.
    Key {
        /// The `kid` of the token's header.
        kid: String,
        /// Ed25519, 32 bytes, base64url without padding.
        public_key: String,
        /// Until when it is trusted, microseconds: it was retired, or revoked. Absent: until something else is said. The earlier of two is true.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
}

/// What one ticket type has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Ticket type's id.
    pub ticket_type: String,
    /// Places there are in all.
    pub capacity: u32,
    /// Neither held nor sold, of its own and of what it shares with others: the least of these. Overdue holds count as free.
    pub available: u32,
}

/// An event's inventory as the public sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Whose inventory.
    pub event_id: String,
    /// Inventory version.
    pub version: u64,
    /// Opened and not closed.
    pub open: bool,
    /// Not on sale before; none: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_from: Option<i64>,
    /// Not on sale from then on; none: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_until: Option<i64>,
    /// By ticket type.
    pub lines: Vec<Line>,
}

impl Availability {
    /// Whether the sale is open at `now`; whether anything is left is another matter.
    #[must_use]
    pub fn on_sale(&self, now: i64) -> bool {
        self.open && self.sales_from.is_none_or(|from| from <= now) && self.sales_until.is_none_or(|until| now < until)
    }

    /// Whether somebody could buy one of these ticket types at `now`.
    #[must_use]
    pub fn buyable(&self, ticket_types: &[TicketType], now: i64) -> bool {
        let of = |line: &Line| ticket_types.iter().find(|ticket| ticket.id == line.ticket_type);
        let on_sale = |line: &Line| of(line).is_none_or(|ticket| ticket.on_sale(now));
        self.on_sale(now) && self.lines.iter().any(|line| line.available > 0 && on_sale(line))
    }
}

//! One event's inventory, and a booking as it is stored.

use crate::changes::Changes;
use crate::facts::Facts;
use crate::types::{Booking, BookingStatus, Instant, SalePhase};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether an event takes holds and confirmations at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleStatus {
    /// It does.
    Open,
    /// It did, and never will again.
    Closed,
}

impl SaleStatus {
    /// As written in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// The inverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Closed].into_iter().find(|status| status.as_str() == text)
    }
}

/// The terms of an event's sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whether there is one.
    pub status: SaleStatus,
    /// The catalog's revision, last applied.
    pub revision: u64,
    /// ISO 4217.
    pub currency: String,
    /// Inclusive; none: no bound.
    pub sales_from: Option<Instant>,
    /// Exclusive; none: no bound.
    pub sales_until: Option<Instant>,
    /// Exclusive; none: buyers get no refunds.
    pub refund_until: Option<Instant>,
}

impl Terms {
    /// Why nothing is on sale at `now`; none if something may be.
    #[must_use]
    pub fn off_sale(&self, now: Instant) -> Option<SalePhase> {
        if self.status == SaleStatus::Closed { Some(SalePhase::Closed) } else { outside(self.sales_from, self.sales_until, now) }
    }
}

/// The terms of a line: of a ticket type, or of a capacity that some share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTerms {
    /// Place in the organiser's order, from 0.
    pub ordinal: u32,
    /// Minor units.
    pub price: i64,
    /// Places one person may have at the same time; 0 of what is shared, which limits nobody.
    pub per_person_limit: u32,
    /// Places there are in all.
    pub capacity: u32,
    /// The ticket types that share it, in order; none: it is a ticket type's own. Where nobody shares it any more, it holds nothing for good.
    pub shared_by: Option<Arc<[String]>>,
    /// Inclusive; none: as the event.
    pub sales_from: Option<Instant>,
    /// Exclusive; none: as the event.
    pub sales_until: Option<Instant>,
    /// No holds for now.
    pub paused: bool,
}

impl LineTerms {
    /// Whether places of this ticket type are taken of it as well, because it is shared.
    #[must_use]
    pub fn is_shared_by(&self, ticket_type: &str) -> bool {
        self.shared_by.as_ref().is_some_and(|types| types.iter().any(|known| known == ticket_type))
    }

    /// Why this type is not on sale at `now`, where its event is.
    #[must_use]
    pub fn off_sale(&self, now: Instant) -> Option<SalePhase> {
        if self.paused { Some(SalePhase::Paused) } else { outside(self.sales_from, self.sales_until, now) }
    }
}

/// Where `now` is outside of a time of sale, if it is.
fn outside(from: Option<Instant>, until: Option<Instant>, now: Instant) -> Option<SalePhase> {
    if until.is_some_and(|until| until <= now) {
        Some(SalePhase::Over)
    } else if from.is_some_and(|from| now < from) {
        Some(SalePhase::NotYet)
    } else {
        None
    }
}

/// One general-admission ticket type, or a capacity that some share: its terms and how many of its places are taken. A place of a ticket type is taken of
/// its own line and of each that it shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its terms.
    pub terms: LineTerms,
    /// Places of bookings whose rows say held or paying, overdue ones among them.
    pub held: i64,
    /// Places of confirmed bookings.
    pub sold: i64,
}

/// What the public sees of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Ticket type.
    pub ticket_type: String,
    /// Places there are in all.
    pub capacity: u32,
    /// Places that are free, overdue holds among them: the least of what its own line and those that it shares have.
    pub available: u32,
}

/// One event's inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The event.
    pub event: String,
    /// The version of the last command that was decided.
    pub version: u64,
    /// The terms of its sale.
    pub terms: Terms,
    /// By ticket type, or by the id of what is shared.
    pub lines: BTreeMap<String, Line>,
}

impl State {
    /// The state that `changes` begin, if they open an event.
    #[must_use]
    pub fn opened(event: &str, changes: &Changes) -> Option<Self> {
        let inventory = changes.inventory.as_ref().filter(|inventory| inventory.new)?;
        let mut state = Self { event: event.to_owned(), version: 0, terms: inventory.terms.clone(), lines: BTreeMap::new() };
        state.apply(changes);
        Some(state)
    }

    /// Folds a decision's changes in.
    pub fn apply(&mut self, changes: &Changes) {
        if let Some(version) = changes.version {
            debug_assert!(version > self.version, "versions only grow");
            self.version = version;
        }
        if let Some(inventory) = &changes.inventory {
            self.terms = inventory.terms.clone();
        }
        let added_up = !cfg!(debug_assertions) || self.adds_up();
        for (ticket_type, write) in &changes.lines {
            let line =
                self.lines.entry(ticket_type.clone()).or_insert_with(|| Line { terms: write.terms.clone(), held: 0, sold: 0 });
            line.terms = write.terms.clone();
            line.held += write.held;
            line.sold += write.sold;
            debug_assert!(line.is_sound(), "{ticket_type}: {line:?}");
        }
        debug_assert!(!added_up || self.adds_up(), "about to be written: {:?}", self.lines);
    }

    /// Of what is shared, as much is held and sold as of the ticket types that share it. Asserted before writing and after reading, as of a [`Line`].
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let taken = |ticket_type: &String| self.lines.get(ticket_type).map_or((0, 0), |line| (line.held, line.sold));
        let sum = |types: &Arc<[String]>| types.iter().map(taken).fold((0, 0), |(held, sold), (h, s)| (held + h, sold + s));
        let mut shared = self.lines.values().filter_map(|line| Some((line, line.terms.shared_by.as_ref()?)));
        shared.all(|(line, types)| (line.held, line.sold) == sum(types))
    }

    /// A ticket type's own line; none where there is no such ticket type.
    #[must_use]
    pub fn offered(&self, ticket_type: &str) -> Option<&Line> {
        self.lines.get(ticket_type).filter(|line| line.terms.shared_by.is_none())
    }

    /// The lines that a ticket type's places are taken of: its own, and those that it shares.
    pub fn lines_of(&self, ticket_type: &str) -> impl Iterator<Item = (&String, &Line)> {
        let own = self.lines.get_key_value(ticket_type).filter(|(_, line)| line.terms.shared_by.is_none());
        own.into_iter().chain(self.lines.iter().filter(move |(_, line)| line.terms.is_shared_by(ticket_type)))
    }

    /// Places that there are in all, or more: of ticket types that share something, no more than that has.
    pub(crate) fn capacity(&self) -> i64 {
        let capacity = |line: &Line| i64::from(line.terms.capacity);
        // A type counts with the first that it shares: so each sum is of other types than the next, and none is too small.
        let mut sums: BTreeMap<Option<&str>, i64> = BTreeMap::new();
        for (ticket_type, line) in self.lines.iter().filter(|(_, line)| line.terms.shared_by.is_none()) {
            let shared = self.lines.iter().find(|(_, line)| line.terms.is_shared_by(ticket_type));
            *sums.entry(shared.map(|(id, _)| id.as_str())).or_default() += capacity(line);
        }
        let bound = |(id, sum): (Option<&str>, i64)| match id.and_then(|id| self.lines.get(id)) {
            Some(shared) => sum.min(capacity(shared)),
            None => sum,
        };
        sums.into_iter().map(bound).sum()
    }

    /// What the public sees at `now`, in the organiser's order. Overdue holds that `facts` does not know of still count as taken.
    #[must_use]
    pub fn availability(&self, facts: &Facts, now: Instant) -> Vec<LineView> {
        let overdue = facts.overdue_places(now);
        let mut lines: Vec<_> = self.lines.iter().filter(|(_, line)| line.terms.shared_by.is_none()).collect();
        lines.sort_by_key(|(ticket_type, line)| (line.terms.ordinal, *ticket_type));
        let view = |(ticket_type, line): (&String, &Line)| LineView {
            ticket_type: ticket_type.clone(),
            capacity: line.terms.capacity,
            available: u32::try_from(self.available(ticket_type, &overdue)).unwrap_or_default(),
        };
        lines.into_iter().map(view).collect()
    }

    /// Places of a ticket type that are free, these overdue ones (by ticket type) among them: the least of what the lines have that they are taken of.
    pub(crate) fn available(&self, ticket_type: &str, overdue: &BTreeMap<&str, i64>) -> i64 {
        let overdue_of = |ticket_type: &str| overdue.get(ticket_type).copied().unwrap_or_default();
        let free = |(_, line): (&String, &Line)| match &line.terms.shared_by {
            None => line.free() + overdue_of(ticket_type),
            Some(types) => line.free() + types.iter().map(|ticket_type| overdue_of(ticket_type)).sum::<i64>(),
        };
        self.lines_of(ticket_type).map(free).min().unwrap_or_default()
    }
}

impl Line {
    /// Places that no row takes.
    pub(crate) fn free(&self) -> i64 {
        i64::from(self.terms.capacity) - self.held - self.sold
    }

    /// Nobody has fewer places than none, and no more are taken than there are. Asserted after reading and before writing: each finds what the
    /// other let through.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.held >= 0 && self.sold >= 0 && self.free() >= 0
    }
}

/// A booking as it is stored: what its owner sees, and what only the ledger does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What its owner sees.
    pub booking: Booking,
    /// Whether a payment has moved the deadline already.
    pub extended: bool,
    /// The payment that confirmed it.
    pub payment: Option<String>,
    /// The network that it was taken from; only while it is held or paying.
    pub client: Option<String>,
    /// The secret that its ticket codes come from.
    pub ticket_seed: String,
    /// Until when its owner may give it back for a refund; none: never. The event's terms when the hold was taken, whatever they are later.
    pub refund_until: Option<Instant>,
    /// When it was last changed.
    pub updated_at: Instant,
}

impl Record {
    /// A hold is unpaid and has a deadline, nothing else has one or knows its network, and the total is that of the items. Asserted before writing and
    /// after reading, as of a [`Line`].
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let Booking { status, expires_at, items, total, .. } = &self.booking;
        let kept_until_a_deadline = if status.is_hold() {
            expires_at.is_some() && self.payment.is_none()
        } else {
            expires_at.is_none() && self.client.is_none()
        };
        let sum: i64 = items.iter().map(|item| item.unit_price * i64::from(item.quantity)).sum();
        kept_until_a_deadline && sum == total.amount
    }

    /// Whether a booking of this status may be written where one of that status was read, or none.
    pub(crate) fn may_follow(&self, before: Option<BookingStatus>) -> bool {
        use BookingStatus::{Cancelled, Confirmed, Expired, Held, Paying};
        matches!(
            (before, self.booking.status),
            (None, Held | Confirmed)
                | (Some(Held), Paying | Confirmed | Cancelled | Expired)
                | (Some(Paying), Held | Confirmed | Cancelled | Expired)
                // Money that came too late for the hold, and in time for the places.
                | (Some(Expired), Confirmed)
                | (Some(Confirmed), Cancelled)
        )
    }

    /// Whether its row says held or paying although the deadline has passed.
    #[must_use]
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.booking.status.is_hold() && self.booking.expires_at.is_some_and(|at| at <= now)
    }

    /// The state that it is in at `now`, whatever its row says.
    #[must_use]
    pub fn status(&self, now: Instant) -> BookingStatus {
        if self.is_overdue(now) { BookingStatus::Expired } else { self.booking.status }
    }

    /// Places that it keeps from others without being paid for, at `now`.
    #[must_use]
    pub fn held(&self, now: Instant) -> i64 {
        if self.status(now).is_hold() { self.booking.items.iter().map(|item| i64::from(item.quantity)).sum() } else { 0 }
    }

    /// Whether it counts towards its owner's limit at `now`.
    #[must_use]
    pub fn counts(&self, now: Instant) -> bool {
        let status = self.status(now);
        status.is_hold() || status == BookingStatus::Confirmed
    }
}

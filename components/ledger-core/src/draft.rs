//! A decision in the making.

use crate::changes::{BookingWrite, CancelledBy, Changes, Entry, EntryKind, LineWrite};
use crate::decide::Settings;
use crate::facts::Facts;
use crate::state::{Record, State};
use crate::types::{Booking, BookingItem, BookingStatus, Instant, Outcome};
use std::collections::BTreeMap;

/// Where places of an item go to or come from.
#[derive(Clone, Copy)]
pub(crate) enum CapacityMove {
    /// Free to held.
    Hold,
    /// Held to free.
    Release,
    /// Free to sold.
    Sell,
    /// Held to sold.
    Settle,
    /// Sold to free.
    Return,
}

impl CapacityMove {
    const fn signs(self) -> (i64, i64) {
        match self {
            Self::Hold => (1, 0),
            Self::Release => (-1, 0),
            Self::Sell => (0, 1),
            Self::Settle => (-1, 1),
            Self::Return => (0, -1),
        }
    }
}

/// Why there was no room to be made.
pub(crate) enum CapacityShortage {
    /// Places that are missing, by line, with every overdue hold counted as free.
    Missing(BTreeMap<String, i64>),
    /// There are more overdue holds than were read. Those that were have been tidied, so that trying again gets further.
    Untidy,
}

/// The state and the facts as they were, and what the decision changes.
pub(crate) struct Draft<'a> {
    pub(crate) state: &'a State,
    pub(crate) facts: &'a Facts,
    pub(crate) now: Instant,
    pub(crate) settings: &'a Settings,
    pub(crate) changes: Changes,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(state: &'a State, facts: &'a Facts, now: Instant, settings: &'a Settings) -> Self {
        Self { state, facts, now, settings, changes: Changes::default() }
    }

    /// The inventory version that this decision takes.
    pub(crate) fn version(&self) -> u64 {
        self.state.version + 1
    }

    pub(crate) fn finish(self) -> Changes {
        self.changes
    }

    /// Writes a booking as of now with its journal entry, and returns it as its owner sees it.
    pub(crate) fn put(&mut self, record: Record, kind: EntryKind) -> Booking {
        self.write(record, kind, None)
    }

    /// As [`Self::put`], of a cancelled one.
    pub(crate) fn put_cancelled(&mut self, record: Record, by: CancelledBy) -> Booking {
        self.write(record, EntryKind::Cancelled, Some(by))
    }

    fn write(&mut self, mut record: Record, kind: EntryKind, cancelled_by: Option<CancelledBy>) -> Booking {
        record.booking.version = self.version();
        record.updated_at = self.now;
        if !record.booking.status.is_hold() {
            record.booking.expires_at = None;
            record.client = None;
        }
        let before = self.facts.bookings.get(&record.booking.id).map(|before| before.booking.status);
        debug_assert!(record.may_follow(before), "{} becomes {:?} after {before:?}", record.booking.id, record.booking.status);
        debug_assert!(record.is_sound(), "about to be written: {:?}", record.booking);
        let booking = record.booking.clone();
        let payment = record.payment.clone();
        self.changes.journal.push(Entry { kind, booking: booking.clone(), payment, cancelled_by, trace: None });
        let new = kind == EntryKind::Created;
        self.changes.bookings.insert(booking.id.clone(), BookingWrite { new, record });
        booking
    }

    /// Moves the places of a booking: of each item's own line, and of those that its ticket type shares.
    pub(crate) fn shift(&mut self, items: &[BookingItem], shift: CapacityMove) {
        let (held, sold) = shift.signs();
        for item in items {
            debug_assert!(self.state.offered(&item.ticket_type).is_some(), "a booking of {} without its line", item.ticket_type);
            let quantity = i64::from(item.quantity);
            for (id, line) in self.state.lines_of(&item.ticket_type) {
                let write = self.changes.lines.entry(id.clone()).or_insert_with(|| LineWrite {
                    new: false,
                    terms: line.terms.clone(),
                    held: 0,
                    sold: 0,
                });
                write.held += held * quantity;
                write.sold += sold * quantity;
            }
        }
    }

    /// Makes places free by tidying overdue holds, the longest overdue first and no more of them than it takes. `missing` says how many places
    /// are short, by line; `takes` whether a ticket type, which comes first, takes its places of a line.
    pub(crate) fn make_room(
        &mut self,
        mut missing: BTreeMap<String, i64>,
        takes: impl Fn(&str, &str) -> bool,
    ) -> Result<(), CapacityShortage> {
        missing.retain(|_, places| *places > 0);
        if missing.is_empty() {
            return Ok(());
        }
        let overdue = self.facts.overdue(self.now);
        let mut lapsing = Vec::new();
        for record in &overdue {
            let items = &record.booking.items;
            let gives = |line: &String| -> i64 {
                let items = items.iter().filter(|item| takes(&item.ticket_type, line));
                items.map(|item| i64::from(item.quantity)).sum()
            };
            let mut needed = false;
            for (line, places) in &mut missing {
                let given = gives(line);
                needed |= given > 0;
                *places -= given;
            }
            if !needed {
                continue;
            }
            lapsing.push(*record);
            missing.retain(|_, places| *places > 0);
            if missing.is_empty() {
                lapsing.into_iter().for_each(|record| self.lapse(record));
                return Ok(());
            }
        }
        if self.facts.more_overdue {
            overdue.into_iter().for_each(|record| self.lapse(record));
            Err(CapacityShortage::Untidy)
        } else {
            Err(CapacityShortage::Missing(missing))
        }
    }

    /// Tidies overdue holds.
    pub(crate) fn sweep(&mut self, limit: usize) -> Outcome {
        let overdue = self.facts.overdue(self.now);
        let mut swept = 0;
        for record in overdue.into_iter().take(limit) {
            self.lapse(record);
            swept += 1;
        }
        Outcome::Swept(swept)
    }

    fn lapse(&mut self, record: &Record) {
        debug_assert!(record.is_overdue(self.now));
        let mut record = record.clone();
        record.booking.status = BookingStatus::Expired;
        self.shift(&record.booking.items, CapacityMove::Release);
        self.put(record, EntryKind::Updated);
    }
}

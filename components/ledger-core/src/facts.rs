//! What is read by key for the commands at hand.

use crate::changes::Changes;
use crate::state::Record;
use crate::types::{Accepted, Instant};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// An idempotency key that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Of the action it was used for.
    pub request_hash: String,
    /// What came of it.
    pub accepted: Rc<Accepted>,
}

/// What is known, beside the inventory, of one event: the bookings that the commands name, the overdue holds that may have to make room,
/// the persons' places, the keys, and refunds of the payments concerned.
///
/// Ids begin alike, so maps of many are hashed: to compare them again and again costs a batch more than deciding it.
///
/// Everything that a command asks for by key must have been looked up: what is absent here counts as absent in the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// By id: those that the commands name, and overdue ones, those longest overdue first up to some limit.
    pub bookings: HashMap<String, Record>,
    /// Whether there are overdue holds that are not among `bookings`.
    pub more_overdue: bool,
    /// The places of those, by ticket type, as far as they are known: they are free to the public.
    pub unread_overdue: BTreeMap<String, i64>,
    /// By person, then ticket type: places held, paying and confirmed, overdue ones left out. Every person who asks for a hold has an
    /// entry, and every owner of a booking that a confirmation names.
    pub places: HashMap<String, BTreeMap<String, i64>>,
    /// By person: places held and paying, of all ticket types, overdue ones left out. Who has an entry in `places` is known here: without one
    /// nothing is held.
    pub held: HashMap<String, i64>,
    /// The same by network, for those that ask for a hold.
    pub held_from: HashMap<String, i64>,
    /// By [`crate::Subject::scope`] and key.
    pub keys: HashMap<(String, String), StoredKey>,
    /// By payment: minor units that are refunded or due to be. For the payments that confirmations name and those that confirmed
    /// `bookings`.
    pub refunded: BTreeMap<String, i64>,
}

impl Facts {
    /// Folds a decision's changes in.
    pub fn apply(&mut self, changes: &Changes, now: Instant) {
        for write in changes.bookings.values() {
            let record = &write.record;
            let before = self.bookings.insert(record.booking.id.clone(), record.clone());
            if let Some(before) = &before {
                let (known, written) = (before.booking.version, record.booking.version);
                debug_assert!(known < written, "{}: version {written} is to replace {known}", record.booking.id);
                self.count_held(before, now, -1);
            }
            self.count_held(record, now, 1);
            if let Some(before) = before.filter(|before| before.counts(now)) {
                self.count(&before, -1);
            }
            if record.counts(now) {
                self.count(record, 1);
            }
        }
        for write in &changes.keys {
            let stored = StoredKey { request_hash: write.request_hash.clone(), accepted: Rc::clone(&write.accepted) };
            self.keys.insert((write.scope.clone(), write.key.clone()), stored);
        }
        for refund in &changes.refunds {
            *self.refunded.entry(refund.payment.clone()).or_default() += refund.amount;
        }
    }

    /// Holds whose deadline has passed, the longest overdue first.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<&Record> {
        let mut overdue: Vec<_> = self.bookings.values().filter(|record| record.is_overdue(now)).collect();
        overdue.sort_by_key(|record| (record.booking.expires_at, &record.booking.id));
        overdue
    }

    /// Places of overdue holds by ticket type, those that are known without having been read among them.
    pub(crate) fn overdue_places(&self, now: Instant) -> BTreeMap<&str, i64> {
        let mut places: BTreeMap<&str, i64> =
            self.unread_overdue.iter().map(|(ticket_type, places)| (ticket_type.as_str(), *places)).collect();
        for item in self.bookings.values().filter(|record| record.is_overdue(now)).flat_map(|record| &record.booking.items) {
            *places.entry(&item.ticket_type).or_default() += i64::from(item.quantity);
        }
        places
    }

    /// Places that count towards a person's limit.
    pub(crate) fn places(&self, person: &str, ticket_type: &str) -> i64 {
        debug_assert!(self.places.contains_key(person), "{person} was not looked up");
        let places = self.places.get(person).and_then(|types| types.get(ticket_type));
        places.copied().unwrap_or_default()
    }

    /// Places that a person holds, unpaid.
    pub(crate) fn held(&self, person: &str) -> i64 {
        self.held.get(person).copied().unwrap_or_default()
    }

    /// Places that are held, unpaid, from a network.
    pub(crate) fn held_from(&self, client: &str) -> i64 {
        self.held_from.get(client).copied().unwrap_or_default()
    }

    fn count_held(&mut self, record: &Record, now: Instant, sign: i64) {
        let places = sign * record.held(now);
        if places == 0 {
            return;
        }
        // As below: of who was not looked up nothing is known.
        let person = &record.booking.person;
        if self.places.contains_key(person) {
            add(&mut self.held, person, places);
        }
        if let Some(client) = record.client.as_ref().filter(|client| self.held_from.contains_key(*client)) {
            add(&mut self.held_from, client, places);
        }
    }

    // A person who was not looked up is skipped: a count that begins in the middle would be wrong, and is not needed.
    fn count(&mut self, record: &Record, sign: i64) {
        let Some(types) = self.places.get_mut(&record.booking.person) else {
            return;
        };
        for item in &record.booking.items {
            let places = types.entry(item.ticket_type.clone()).or_default();
            *places += sign * i64::from(item.quantity);
            debug_assert!(*places >= 0, "{}: {places} places", record.booking.person);
        }
        types.retain(|_, places| *places > 0);
    }
}

fn add(sums: &mut HashMap<String, i64>, whose: &str, places: i64) {
    let sum = sums.entry(whose.to_owned()).or_default();
    *sum += places;
    debug_assert!(*sum >= 0, "{whose}: {sum} places");
}

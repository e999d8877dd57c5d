//! The tables of one event, as the shell reads and writes them, with the constraints that the database has.

use super::{EVENT, SETTINGS};
use crate::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    pub(crate) inventory: Option<(u64, Terms)>,
    pub(crate) lines: BTreeMap<String, Line>,
    pub(crate) bookings: BTreeMap<String, Record>,
    pub(crate) keys: BTreeMap<(String, String), StoredKey>,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) journal: Vec<Entry>,
    /// What a shell that keeps holds in memory has, beside the tables.
    holds: Holds,
    /// Ids given out so far.
    fresh: usize,
}

impl Rows {
    /// Decides commands in one transaction, and gives their answers. `read_overdue`: how many overdue holds are read at most.
    pub(crate) fn apply(&mut self, now: Instant, read_overdue: usize, commands: &[Command]) -> Vec<Result<Receipt, Rejection>> {
        self.holds.advance(now);
        let (state, facts) = self.load(now, read_overdue, commands);
        self.check_holds(&facts, now);
        let mut batch = Batch::new(EVENT.to_owned(), state, facts, now, SETTINGS);
        let mut answers = Vec::new();
        for command in commands {
            let before = batch.facts().clone();
            let unwritten = batch.changes().clone();
            let answer = batch.decide(command, CommandInputs { late: command.deadline <= now, ..self.fresh() });
            check_steps(&before, batch.facts());
            let quiet = matches!(&answer, Ok(receipt) if receipt.replayed)
                || matches!(&answer, Err(rejection) if !matches!(rejection, Rejection::Unavailable(_)));
            if quiet {
                assert_eq!(&unwritten, batch.changes(), "{command:?} changed something: {answer:?}");
            }
            answers.push(answer);
        }
        if !batch.changes().is_empty() {
            let last = batch.state().unwrap().version;
            self.write(batch.changes(), commands.len() as u64, last);
            self.holds.apply(batch.changes());
            assert_eq!(self.holds, self.holds_from_rows(now), "the holds in memory are those of the rows");
            self.check();
            self.compare(&batch, now);
        }
        answers
    }

    pub(crate) fn fresh(&mut self) -> CommandInputs {
        self.fresh += 1;
        CommandInputs {
            late: false,
            booking: format!("eu_b{:05}", self.fresh),
            ticket_seed: format!("seed{:05}", self.fresh),
            refund: format!("eu_r{:05}", self.fresh),
        }
    }

    /// What the shell reads for these commands.
    pub(crate) fn load(&self, now: Instant, read_overdue: usize, commands: &[Command]) -> (Option<State>, Facts) {
        let state = self.inventory.as_ref().map(|(version, terms)| State {
            event: EVENT.to_owned(),
            version: *version,
            terms: terms.clone(),
            lines: self.lines.clone(),
        });
        let mut overdue: Vec<_> = self.bookings.values().filter(|record| record.is_overdue(now)).collect();
        overdue.sort_by_key(|record| (record.booking.expires_at, record.booking.id.clone()));
        let more_overdue = overdue.len() > read_overdue;
        overdue.truncate(read_overdue);
        let named = commands.iter().filter_map(|command| self.bookings.get(command.action.booking()?));
        let bookings: HashMap<_, _> = named.chain(overdue).map(|record| (record.booking.id.clone(), record.clone())).collect();
        let mut payments: BTreeSet<_> = bookings.values().filter_map(|record| record.payment.clone()).collect();
        let (mut places, mut held, mut held_from) = (HashMap::new(), HashMap::new(), HashMap::new());
        for command in commands {
            match (&command.subject, &command.action) {
                (Subject::Person(person), Action::Hold(_)) => {
                    places.insert(person.clone(), self.places(person, now));
                    held.insert(person.clone(), self.held(now, |record| record.booking.person == *person));
                    if let Some(client) = &command.client {
                        held_from.insert(client.clone(), self.held(now, |record| record.client.as_ref() == Some(client)));
                    }
                }
                (_, Action::Confirm(confirmation)) => {
                    if let Some(record) = self.bookings.get(&confirmation.booking) {
                        let person = &record.booking.person;
                        places.insert(person.clone(), self.places(person, now));
                        held.insert(person.clone(), self.held(now, |record| record.booking.person == *person));
                    }
                    payments.insert(confirmation.payment.clone());
                }
                _ => {}
            }
        }
        let at = |command: &Command| (command.subject.scope(), command.idempotency_key.clone());
        let keys = commands.iter().filter_map(|command| {
            let key = at(command);
            self.keys.get(&key).cloned().map(|stored| (key, stored))
        });
        let refunded = payments.into_iter().map(|payment| (self.refunded(&payment), payment));
        let facts = Facts {
            bookings,
            more_overdue,
            places,
            held,
            held_from,
            keys: keys.collect(),
            refunded: refunded.filter(|(sum, _)| *sum > 0).map(|(sum, payment)| (payment, sum)).collect(),
            unread_overdue: BTreeMap::new(),
        };
        (state, facts)
    }

    pub(crate) fn places(&self, person: &str, now: Instant) -> BTreeMap<String, i64> {
        let mut places = BTreeMap::new();
        let mine = self.bookings.values().filter(|record| record.booking.person == person && record.counts(now));
        for item in mine.flat_map(|record| &record.booking.items) {
            *places.entry(item.ticket_type.clone()).or_default() += i64::from(item.quantity);
        }
        places
    }

    /// Places that are held within their deadlines by some.
    pub(crate) fn held(&self, now: Instant, whose: impl Fn(&Record) -> bool) -> i64 {
        self.bookings.values().filter(|record| whose(record)).map(|record| record.held(now)).sum()
    }

    fn holds_from_rows(&self, now: Instant) -> Holds {
        let mut holds = Holds::new(now);
        for record in self.bookings.values().filter(|record| record.booking.status.is_hold()) {
            let Booking { id, person, expires_at, items, .. } = &record.booking;
            let who = (person.as_str(), record.client.as_deref());
            items.iter().for_each(|item| holds.insert(id, who, expires_at.unwrap(), &item.ticket_type, item.quantity));
        }
        holds
    }

    /// What is in memory of holds says the same as what was read of them.
    fn check_holds(&self, facts: &Facts, now: Instant) {
        assert_eq!(self.holds.len(), self.bookings.values().filter(|record| record.booking.status.is_hold()).count());
        if !facts.more_overdue {
            assert_eq!(self.holds.any_overdue(), !facts.overdue(now).is_empty());
            let read: Vec<_> = facts.overdue(now).iter().map(|record| record.booking.id.clone()).collect();
            assert_eq!(
                self.holds.overdue().map(str::to_owned).collect::<Vec<_>>(),
                read,
                "in the order in which they are tidied"
            );
        }
        for (id, line) in &self.lines {
            let overdue = self.holds.overdue_places();
            let overdue: i64 = overdue.iter().filter(|(of, _)| counts_for(of, id, line)).map(|(_, places)| places).sum();
            let free = i64::from(line.terms.capacity) - line.held - line.sold;
            assert_eq!(free + overdue, self.left_of(id, line, now), "{id}");
        }
        for (person, places) in &facts.places {
            let mut sum = BTreeMap::new();
            let confirmed = self.bookings.values().map(|record| &record.booking);
            let confirmed = confirmed.filter(|it| it.person == *person && it.status == BookingStatus::Confirmed);
            let bought =
                confirmed.flat_map(|booking| booking.items.iter().map(|item| (item.ticket_type.as_str(), item.quantity.into())));
            for (ticket_type, places) in self.holds.places(person).chain(bought) {
                *sum.entry(ticket_type.to_owned()).or_default() += places;
            }
            assert_eq!(&sum, places, "{person}");
            assert_eq!(self.holds.held(person), facts.held[person], "{person}");
        }
        for (client, held) in &facts.held_from {
            assert_eq!(self.holds.held_from(client), *held, "{client}");
        }
    }

    fn refunded(&self, payment: &str) -> i64 {
        let refunds = self.refunds.iter().filter(|refund| refund.payment == payment);
        refunds.map(|refund| refund.amount).sum()
    }

    /// Places that are neither sold nor held by a hold within its deadline, of a ticket type's own and of what it shares.
    pub(crate) fn available(&self, ticket_type: &str, now: Instant) -> i64 {
        let lines = self.lines.iter().filter(|(id, line)| counts_for(ticket_type, id, line));
        lines.map(|(id, line)| self.left_of(id, line, now)).min().unwrap_or_default()
    }

    /// The same of a ticket type's own.
    pub(crate) fn own(&self, ticket_type: &str, now: Instant) -> i64 {
        self.left_of(ticket_type, &self.lines[ticket_type], now)
    }

    /// Whether there is not so much left of some line.
    pub(crate) fn is_short_of(&self, items: &[(&str, u32)], now: Instant) -> bool {
        self.lines.iter().any(|(id, line)| {
            let wanted = items.iter().filter(|(of, _)| counts_for(of, id, line)).map(|(_, quantity)| i64::from(*quantity));
            self.left_of(id, line, now) < wanted.sum()
        })
    }

    fn left_of(&self, id: &str, line: &Line, now: Instant) -> i64 {
        let counts = self.bookings.values().filter(|record| record.counts(now));
        i64::from(line.terms.capacity) - taken(counts, id, line)
    }

    /// What the shell writes. Primary keys are unique, and versions only grow.
    fn write(&mut self, changes: &Changes, commands: u64, last: u64) {
        match (&changes.inventory, &mut self.inventory) {
            (Some(write), None) => {
                assert!(write.new, "an inventory that is not there cannot change");
                self.inventory = Some((last, write.terms.clone()));
            }
            (write, Some((version, terms))) => {
                *version += commands;
                assert!(changes.version.is_some_and(|last| last <= *version));
                if let Some(write) = write {
                    assert!(!write.new, "opened twice");
                    *terms = write.terms.clone();
                }
            }
            (None, None) => panic!("changes of an event that is not open: {changes:?}"),
        }
        for (ticket_type, write) in &changes.lines {
            assert_eq!(write.new, !self.lines.contains_key(ticket_type), "{ticket_type}");
            let line =
                self.lines.entry(ticket_type.clone()).or_insert_with(|| Line { terms: write.terms.clone(), held: 0, sold: 0 });
            line.terms = write.terms.clone();
            line.held += write.held;
            line.sold += write.sold;
        }
        for (id, write) in &changes.bookings {
            let before = self.bookings.insert(id.clone(), write.record.clone());
            assert_eq!(write.new, before.is_none(), "{id}");
            if let Some(before) = before {
                assert!(before.booking.version < write.record.booking.version, "{id}");
                assert_eq!(before.booking.items, write.record.booking.items, "{id}");
                assert_eq!(before.booking.total, write.record.booking.total, "{id}");
                assert_eq!(before.ticket_seed, write.record.ticket_seed, "{id}");
                assert_eq!(before.refund_until, write.record.refund_until, "{id}: terms of refund are those of the purchase");
            }
        }
        for key in &changes.keys {
            // As it goes through the database.
            let json = serde_json::to_string(&*key.accepted).unwrap();
            let stored =
                StoredKey { request_hash: key.request_hash.clone(), accepted: Rc::new(serde_json::from_str(&json).unwrap()) };
            let before = self.keys.insert((key.scope.clone(), key.key.clone()), stored);
            assert!(before.is_none(), "key {} was stored twice", key.key);
        }
        for refund in &changes.refunds {
            assert!(refund.amount > 0);
            assert!(self.refunds.iter().all(|known| known.id != refund.id));
            self.refunds.push(refund.clone());
        }
        self.journal.extend(changes.journal.iter().cloned());
    }

    /// What must hold of the tables whatever happened.
    fn check(&self) {
        for (ticket_type, line) in &self.lines {
            let sum = |of: &dyn Fn(BookingStatus) -> bool| -> i64 {
                taken(self.bookings.values().filter(|record| of(record.booking.status)), ticket_type, line)
            };
            assert_eq!(line.held, sum(&BookingStatus::is_hold), "{ticket_type}: held");
            assert_eq!(line.sold, sum(&|status| status == BookingStatus::Confirmed), "{ticket_type}: sold");
            assert!(line.held >= 0 && line.sold >= 0 && line.held + line.sold <= i64::from(line.terms.capacity));
        }
        for record in self.bookings.values() {
            let booking = &record.booking;
            assert_eq!(booking.status.is_hold(), booking.expires_at.is_some(), "{booking:?}");
            assert!(
                record.client.is_none() || booking.status.is_hold(),
                "{booking:?}: where it was asked for is forgotten with the hold"
            );
            let latest = booking.created_at + SETTINGS.paying_cap.max(SETTINGS.hold);
            assert!(booking.expires_at.is_none_or(|at| at <= latest), "{booking:?}");
            assert!(booking.total.amount > 0 || !booking.status.is_hold(), "{booking:?}");
            let told = self.journal.iter().rev().find(|entry| entry.booking.id == booking.id);
            assert_eq!(told.map(|entry| &entry.booking), Some(booking), "the journal ends with the booking as it is");
        }
        for refund in &self.refunds {
            let total = self.bookings[&refund.booking].booking.total.amount;
            assert!(self.refunded(&refund.payment) <= total, "more was refunded than paid: {refund:?}");
        }
    }

    /// What is in memory after a batch is what its rows say.
    fn compare(&self, batch: &Batch, now: Instant) {
        let (state, rows) = self.load(now, usize::MAX, &[]);
        assert_eq!(batch.state(), state.as_ref());
        let known = batch.facts();
        for (id, record) in &known.bookings {
            assert_eq!(self.bookings.get(id), Some(record));
        }
        for (person, places) in &known.places {
            assert_eq!(&self.places(person, now), places, "{person}");
        }
        for (person, places) in &known.held {
            assert_eq!(self.held(now, |record| record.booking.person == *person), *places, "{person}");
        }
        for (client, places) in &known.held_from {
            assert_eq!(self.held(now, |record| record.client.as_ref() == Some(client)), *places, "{client}");
        }
        for (at, stored) in &known.keys {
            assert_eq!(self.keys.get(at), Some(stored));
        }
        for (payment, sum) in &known.refunded {
            assert_eq!(self.refunded(payment), *sum, "{payment}");
        }
        if !known.more_overdue {
            let overdue = |facts: &Facts| -> Vec<Record> { facts.overdue(now).into_iter().cloned().collect() };
            assert_eq!(overdue(known), overdue(&rows));
            for view in batch.availability() {
                assert_eq!(i64::from(view.available), self.available(&view.ticket_type, now), "{view:?}");
            }
        }
    }
}

/// Whether places of a ticket type are taken of this line: it is its own, or it shares it.
fn counts_for(ticket_type: &str, id: &str, line: &Line) -> bool {
    line.terms.shared_by.as_ref().map_or(ticket_type == id, |types| types.iter().any(|known| known == ticket_type))
}

/// What these bookings take of a line.
fn taken<'a>(records: impl Iterator<Item = &'a Record>, id: &str, line: &Line) -> i64 {
    let items = records.flat_map(|record| &record.booking.items).filter(|item| counts_for(&item.ticket_type, id, line));
    items.map(|item| i64::from(item.quantity)).sum()
}

/// Every booking that a decision changed took a legal step.
fn check_steps(before: &Facts, after: &Facts) {
    use BookingStatus::{Cancelled, Confirmed, Expired, Held, Paying};
    for (id, record) in &after.bookings {
        let from = before.bookings.get(id);
        if from == Some(record) {
            continue;
        }
        let step = (from.map(|from| from.booking.status), record.booking.status);
        let legal = matches!(
            step,
            (None, Held | Confirmed)
                | (Some(Held), Paying | Confirmed | Cancelled | Expired)
                | (Some(Paying), Held | Confirmed | Cancelled | Expired)
                | (Some(Confirmed), Cancelled)
                | (Some(Expired), Confirmed)
        );
        assert!(legal, "{id}: {step:?}");
    }
}

//! The invariants. Each commit and each answer is checked when it comes; the rest at the end of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ledger_core::{Action, BookingStatus, Command, HoldScope, Outcome, Record, Rejection, Subject};
use ledger_engine::Answer;
use read_model::journal::Row;

use super::postgres::{DatabaseError, Effect, EventRows, Server, Tables, Version, taken};
use super::world::World;

pub(super) const OVERSOLD: &str = "nothing is oversold";
pub(super) const LOST: &str = "no acknowledged booking is lost";
pub(super) const ONE_EFFECT: &str = "a key has one effect";
pub(super) const REFUSALS: &str = "a refusal is true of a moment at which it was asked";
pub(super) const REFUSED: &str = "what is refused for good, or certainly not done, is not done later";
pub(super) const TIME: &str = "a hold lasts until its deadline, by the database's clock";
pub(super) const JOURNAL: &str = "what is told has happened, once";
pub(super) const POSITIONS: &str = "positions are gapless";
pub(super) const CONVERGE: &str = "edges converge, and never go backwards";
pub(super) const FLOWS: &str = "once faults have ended, bookings flow again";

/// How old the time may be that a ledger decides by, in microseconds: [`ledger_engine::limits::CLOCK_BEHIND`], and what passes until it has read.
const CLOCK_SLACK: i64 = 1_000_000;
/// What says that a command came too late, and not that there is no database.
const TOO_LATE: u32 = ledger_core::limits::RETRY_MILLISECONDS;

/// A key: event, subject, key.
pub(super) type Key = (String, String, String);
/// A version of an aggregate: topic, id, number. An event's document and its inventory have one id, and count their versions apart.
type EntryVersion = (Option<&'static str>, String, i64);
/// By which call, and when that began and ended.
type Refusal = (u64, i64, i64);

pub(super) struct Check {
    world: Arc<World>,
    calls: Mutex<BTreeMap<u64, Call>>,
    /// Calls that refused a key for good.
    refusals: Mutex<BTreeMap<Key, Vec<Refusal>>>,
    /// Versions that were told of.
    told: Mutex<BTreeSet<EntryVersion>>,
}

/// A batch that a ledger decides.
struct Call {
    commands: Vec<Command>,
    /// By the right clock, and by the database's.
    began: (i64, i64),
    /// When its caller stopped waiting, although parts of it may still be on their way.
    over: Option<i64>,
}

fn key(command: &Command) -> Key {
    (command.event_id.clone(), command.subject.scope(), command.idempotency_key.clone())
}

fn told(row: &Row) -> EntryVersion {
    (row.topic, row.aggregate.clone(), row.version)
}

impl Check {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), calls: Mutex::default(), refusals: Mutex::default(), told: Mutex::default() })
    }

    // Calls ------------------------------------------------------------------------------------------------------------

    pub(super) fn begins(&self, commands: &[Command]) -> u64 {
        let number = self.world.number();
        let began = (self.world.now(), self.world.database_now());
        self.calls.lock().unwrap().insert(number, Call { commands: commands.to_vec(), began, over: None });
        number
    }

    /// Its ledger is gone.
    pub(super) fn died(&self, call: u64) {
        if let Some(call) = self.calls.lock().unwrap().get_mut(&call) {
            call.over.get_or_insert(self.world.now());
        }
    }

    pub(super) fn answered(&self, server: &Server, number: u64, answers: &[Answer]) {
        let (commands, began) = {
            let mut calls = self.calls.lock().unwrap();
            let call = calls.get_mut(&number).unwrap();
            call.over = Some(self.world.now());
            (call.commands.clone(), call.began)
        };
        if self.world.restores() > 0 && began.0 <= self.world.restored_at() {
            // It was decided in a history that has ended: of that one, nothing is promised.
            return;
        }
        for (place, (command, answer)) in commands.iter().zip(answers).enumerate() {
            match answer {
                Ok(receipt) => {
                    if matches!(command.action, Action::Expire) {
                        continue;
                    }
                    // What is answered is durable.
                    let stored = stored(server, &key(command));
                    let accepted = ledger_core::Accepted { version: receipt.version, outcome: receipt.outcome.clone() };
                    let text = serde_json::to_string(&accepted).unwrap();
                    match stored {
                        None => {
                            self.world.violated(LOST, format!("call {number} accepted {command:?}, and its key is not there"))
                        }
                        Some((_, outcome)) if outcome != text => {
                            self.world.violated(ONE_EFFECT, format!("call {number}: {command:?} is {text}, and was {outcome}"));
                        }
                        Some(_) => {}
                    }
                }
                Err(Rejection::Unknown) => {}
                Err(Rejection::Unavailable(milliseconds)) if *milliseconds != TOO_LATE => {}
                Err(rejection) => {
                    let mut refusals = self.refusals.lock().unwrap();
                    refusals.entry(key(command)).or_default().push((number, began.0, self.world.now()));
                    drop(refusals);
                    let before: Vec<_> = commands.iter().zip(answers).take(place).collect();
                    let window = Window { server, began, ended: self.world.now(), ended_db: self.world.database_now() };
                    if !window.explains(command, rejection, &before) {
                        self.world.violated(REFUSALS, format!("call {number}: {command:?}: {rejection:?}"));
                    }
                }
            }
        }
    }

    /// The database is as it was once: what was promised since is not there, and nothing that was refused is owed any more.
    pub(super) fn restored(&self, tables: &Tables) {
        self.refusals.lock().unwrap().clear();
        *self.told.lock().unwrap() = tables.journal.values().flat_map(|rows| rows.iter()).map(told).collect();
    }

    // Commits ----------------------------------------------------------------------------------------------------------

    /// The database's own guards are there for faults of ours.
    pub(super) fn refused_by_the_database(&self, trouble: &DatabaseError) {
        if let DatabaseError::Check(text) = trouble {
            self.world.violated(OVERSOLD, format!("only the database's CHECK has prevented this: {text}"));
        }
    }

    pub(super) fn committed(&self, server: &Server, effect: &Effect, before: Option<&EventRows>, after: &EventRows, call: u64) {
        let (event, now) = (&effect.event, server.world.database_now());
        for (name, line) in &after.lines {
            let sum = |of: fn(BookingStatus) -> bool| -> i64 {
                let records = after.bookings.values().filter(|record| of(record.booking.status));
                records.map(|record| taken(record, name, line)).sum()
            };
            let (held, sold) = (sum(BookingStatus::is_hold), sum(|status| status == BookingStatus::Confirmed));
            if (held, sold) != (line.held, line.sold) || held + sold > i64::from(line.terms.capacity) {
                self.world.violated(OVERSOLD, format!("{name}: {held} held and {sold} sold, {line:?}"));
            }
        }
        for (new, record) in &effect.bookings {
            let booking = &record.booking;
            if *new {
                let scope = Subject::Person(booking.person.clone()).scope();
                let of_key = |outcome: &str| outcome.contains(&booking.id);
                if !effect.keys.iter().any(|(of, _, _, outcome)| *of == scope && of_key(outcome)) {
                    self.world.violated(ONE_EFFECT, format!("{} has no idempotency key", booking.id));
                }
            }
            // What a late payment buys counted for nobody's limit before.
            let known = before.and_then(|rows| rows.bookings.get(&booking.id)).map(|record| record.booking.status);
            let bought_late = booking.status == BookingStatus::Confirmed && known == Some(BookingStatus::Expired);
            if (*new && booking.status.is_hold()) || bought_late {
                for item in &booking.items {
                    // Of a batch that changes the limit, it is not known by which one it was held.
                    let limit_in =
                        |rows: &EventRows| rows.lines.get(&item.ticket_type).map_or(0, |line| line.terms.per_person_limit);
                    let limit = limit_in(after).max(before.map_or(0, limit_in));
                    let has = after.has(&booking.person, &item.ticket_type, now);
                    if has > i64::from(limit) {
                        self.world.violated(
                            OVERSOLD,
                            format!("{} has {has} of {}, {limit} are allowed", booking.person, item.ticket_type),
                        );
                    }
                }
            }
            let deadline = before.and_then(|rows| rows.bookings.get(&booking.id)).and_then(|record| record.booking.expires_at);
            if booking.status == BookingStatus::Expired && deadline.is_some_and(|at| at > now) {
                self.world.violated(TIME, format!("{} expired {} µs early", booking.id, deadline.unwrap_or_default() - now));
            }
        }
        let calls = self.calls.lock().unwrap();
        let refusals = self.refusals.lock().unwrap();
        let over = calls.get(&call).and_then(|call| call.over);
        for (scope, name, _, _) in &effect.keys {
            for (by, began, ended) in refusals.get(&(event.clone(), scope.clone(), name.clone())).into_iter().flatten() {
                if *by == call || over.is_some_and(|over| over < *began && *ended < self.world.now()) {
                    let text =
                        format!("{event} {scope} {name}: refused by call {by}, then done by call {call}, over at {over:?}");
                    self.world.violated(REFUSED, text);
                }
            }
        }
    }

    pub(super) fn told(&self, server: &Server, journal: &[(String, Vec<Row>)]) {
        let tables = server.tables();
        for row in journal.iter().flat_map(|(_, rows)| rows) {
            if !self.told.lock().unwrap().insert(told(row)) {
                self.world
                    .violated(JOURNAL, format!("{} of version {} was published twice: {}", row.aggregate, row.version, row.kind));
            }
            if row.kind.starts_with("booking.") && !tables.events.values().any(|rows| rows.bookings.contains_key(&row.aggregate))
            {
                self.world.violated(JOURNAL, format!("{} of {}, which is not there", row.kind, row.aggregate));
            }
        }
    }

    /// What the journal is once all of it is numbered.
    pub(super) fn journal_at_the_end(&self, server: &Server) {
        let tables = server.tables();
        let count: usize = tables.journal.values().map(|rows| rows.len()).sum();
        let mut next = 1;
        let gapless = tables.positions.iter().all(|(position, id)| {
            let follows = *position == next;
            next += i64::try_from(tables.journal[id].len()).unwrap();
            follows
        });
        let counter = tables.counter.as_ref().map_or(0, |(position, _)| *position);
        if tables.positions.len() != tables.journal.len() || !gapless || usize::try_from(counter) != Ok(count) {
            let positions: Vec<_> = tables.positions.keys().rev().take(20).collect();
            self.world.violated(POSITIONS, format!("{count} rows, the counter at {counter}, positions down from {positions:?}"));
        }
        for id in tables.events.values().flat_map(|rows| rows.bookings.keys()) {
            let rows = tables
                .journal
                .values()
                .flat_map(|rows| rows.iter())
                .filter(|it| it.aggregate == *id && it.kind == "booking.created");
            if rows.count() != 1 {
                self.world.violated(JOURNAL, format!("{id} was not published exactly once"));
            }
        }
    }
}

/// What is stored under a key: request hash and outcome.
pub(super) fn stored(server: &Server, (event, scope, name): &Key) -> Option<(String, String)> {
    server.event(event)?.keys.get(&(scope.clone(), name.clone())).cloned()
}

/// The time in which a call was decided.
struct Window<'a> {
    server: &'a Server,
    began: (i64, i64),
    ended: i64,
    ended_db: i64,
}

impl Window<'_> {
    /// Whether a refusal is true at some moment of it, or of what was decided before in the same batch.
    fn explains(&self, command: &Command, rejection: &Rejection, before: &[(&Command, &Answer)]) -> bool {
        let same_event = before.iter().filter(|(earlier, _)| earlier.event_id == command.event_id);
        let done: Vec<_> = same_event.filter_map(|(earlier, answer)| Some((*earlier, answer.as_ref().ok()?))).collect();
        // What the terms are amid a batch that changes them is not worked out here.
        let changes_terms = |action: &Action| matches!(action, Action::Adjust(_) | Action::Open(_) | Action::Close(_));
        if done.iter().any(|(earlier, _)| changes_terms(&earlier.action) || matches!(earlier.action, Action::Confirm(_))) {
            return true;
        }
        let event = command.event_id.as_str();
        self.server.between(event, self.began.0, self.ended, |versions| {
            let rows = || versions.iter().map(|version| &*version.rows);
            match rejection {
                Rejection::SoldOut(shortages) => shortages.iter().all(|short| {
                    let prefix = |ticket_type: &str| -> i64 {
                        done.iter().map(|(_, receipt)| moved(&receipt.outcome, receipt.replayed, None, ticket_type)).sum()
                    };
                    let free = |rows: &EventRows, now| {
                        [rows.free(&short.ticket_type, now), rows.free_after(&short.ticket_type, now, prefix)]
                    };
                    self.some(versions, free, |free| free.contains(&i64::from(short.available)))
                }),
                Rejection::OverLimit(limit) => {
                    let Subject::Person(person) = &command.subject else { return false };
                    let prefix: i64 = done
                        .iter()
                        .map(|(_, receipt)| moved(&receipt.outcome, receipt.replayed, Some(person), &limit.ticket_type))
                        .sum();
                    let has = |rows: &EventRows, now| rows.has(person, &limit.ticket_type, now);
                    self.some(versions, has, |has| [has, has + prefix].contains(&i64::from(limit.has)))
                }
                Rejection::TooManyHolds(limit) => {
                    let whose = |record: &Record| match limit.scope {
                        HoldScope::Account => command.subject == Subject::Person(record.booking.person.clone()),
                        HoldScope::Address => record.client == command.client,
                    };
                    let held = |rows: &EventRows, now| -> i64 {
                        rows.bookings.values().filter(|record| whose(record)).map(|record| record.held(now)).sum()
                    };
                    // What the batch itself has changed by then is not worked out here.
                    !done.is_empty() || self.some(versions, held, |held| held == i64::from(limit.held))
                }
                Rejection::NotOnSale(phase) => {
                    self.some(versions, |rows, now| rows.terms.off_sale(now), |off_sale| off_sale == Some(*phase))
                }
                Rejection::UnknownEvent => versions.is_empty() || versions.first().is_some_and(|first| first.at >= self.began.0),
                Rejection::WrongState(status) => {
                    let Some(id) = command.action.booking() else { return false };
                    let in_batch = done.iter().any(|(earlier, _)| earlier.action.booking() == Some(id));
                    let is = |rows: &EventRows, now| rows.bookings.get(id).map(|record| record.status(now));
                    in_batch || self.some(versions, is, |is| is == Some(*status))
                }
                Rejection::Expired => {
                    let Some(id) = command.action.booking() else { return false };
                    let is = |rows: &EventRows, now| rows.bookings.get(id).map(|record| record.status(now));
                    self.some(versions, is, |is| is == Some(BookingStatus::Expired))
                }
                Rejection::StaleRevision(revision) => rows().any(|rows| rows.terms.revision == *revision),
                Rejection::KeyConflict => {
                    let hash = ledger_core::request_hash(&command.action).unwrap();
                    let of_batch = before.iter().any(|(earlier, _)| key(earlier) == key(command));
                    let (_, scope, name) = key(command);
                    of_batch
                        || rows()
                            .any(|rows| rows.keys.get(&(scope.clone(), name.clone())).is_some_and(|(known, _)| *known != hash))
                }
                Rejection::UnknownBooking => {
                    let Some(id) = command.action.booking() else { return false };
                    rows().any(|rows| {
                        rows.bookings.get(id).is_none_or(|it| command.subject != Subject::Person(it.booking.person.clone()))
                    })
                }
                _ => true,
            }
        })
    }

    /// Whether something is so for one of the versions at one of the moments at which that may be different.
    fn some<T>(&self, versions: &[Version], of: impl Fn(&EventRows, i64) -> T, is: impl Fn(T) -> bool) -> bool {
        let (from, to) = (self.began.1 - CLOCK_SLACK, self.ended_db);
        versions.iter().any(|version| {
            let deadlines = version.rows.bookings.values().filter_map(|record| record.booking.expires_at);
            let moments = deadlines.filter(|at| (from..=to).contains(at)).chain([from, to]);
            moments.into_iter().any(|now| is(of(&version.rows, now)))
        })
    }
}

/// Places of a ticket type that an outcome has taken, of one person or of all.
fn moved(outcome: &Outcome, replayed: bool, person: Option<&str>, ticket_type: &str) -> i64 {
    let Outcome::Booking(booking) = outcome else { return 0 };
    if replayed || person.is_some_and(|person| person != booking.person) {
        return 0;
    }
    let items = booking.items.iter().filter(|item| item.ticket_type == ticket_type);
    let places: i64 = items.map(|item| i64::from(item.quantity)).sum();
    match booking.status {
        BookingStatus::Cancelled => -places,
        // Held a moment ago, or given another state since.
        BookingStatus::Held | BookingStatus::Confirmed if booking.created_at > 0 => places,
        _ => 0,
    }
}

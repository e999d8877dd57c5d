//! The rows, and what a commit does to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger_core::{Changes, KeyWrite, Line, LineWrite, Record, Refund, State, Terms};
use read_model::EventDoc;
use read_model::journal::Row;

use super::DatabaseError;

/// Everything that is committed. Cheap to clone where a snapshot is taken.
#[derive(Clone, Default)]
pub(in crate::simulation) struct Tables {
    pub(in crate::simulation) events: BTreeMap<String, Arc<EventRows>>,
    /// Batches by id.
    pub(in crate::simulation) journal: BTreeMap<String, Arc<Vec<Row>>>,
    /// Ids of batches without a position.
    pub(in crate::simulation) unnumbered: BTreeSet<String>,
    /// Ids by the first position.
    pub(in crate::simulation) positions: BTreeMap<i64, String>,
    /// Position and epoch.
    pub(in crate::simulation) counter: Option<(i64, String)>,
    pub(in crate::simulation) docs: BTreeMap<String, EventDoc>,
    pub(in crate::simulation) leases: BTreeMap<String, LeaseRow>,
    /// Address and expiry, by name.
    pub(in crate::simulation) nodes: BTreeMap<String, (String, i64)>,
}

#[derive(Clone, Default)]
pub(in crate::simulation) struct LeaseRow {
    pub(in crate::simulation) owner: String,
    pub(in crate::simulation) address: String,
    pub(in crate::simulation) epoch: i64,
    pub(in crate::simulation) expires_at: i64,
}

/// What the tables have of one event.
#[derive(Clone)]
pub(in crate::simulation) struct EventRows {
    pub(in crate::simulation) version: u64,
    pub(in crate::simulation) terms: Terms,
    pub(in crate::simulation) lines: BTreeMap<String, Line>,
    pub(in crate::simulation) bookings: BTreeMap<String, Record>,
    /// Request hash and outcome, by subject and key.
    pub(in crate::simulation) keys: BTreeMap<(String, String), (String, String)>,
    pub(in crate::simulation) refunds: Vec<Refund>,
}

/// What is written of one event.
#[derive(Clone, Default)]
pub(in crate::simulation) struct Effect {
    pub(in crate::simulation) event: String,
    /// By how much its version grows.
    pub(in crate::simulation) add: u64,
    /// Its version, where its row is inserted.
    pub(in crate::simulation) opened: Option<u64>,
    pub(in crate::simulation) terms: Option<Terms>,
    pub(in crate::simulation) lines: Vec<(String, LineWrite)>,
    /// New ones, and changed ones.
    pub(in crate::simulation) bookings: Vec<(bool, Record)>,
    /// Subject, key, request hash, outcome.
    pub(in crate::simulation) keys: Vec<(String, String, String, String)>,
    pub(in crate::simulation) refunds: Vec<Refund>,
}

impl Effect {
    pub(super) fn new(state: &State, changes: &Changes, keys: &[KeyWrite], add: u64) -> Self {
        let inventory = changes.inventory.as_ref();
        let mut bookings: Vec<_> = changes.bookings.values().map(|write| (write.new, write.record.clone())).collect();
        bookings.sort_by(|(_, a), (_, b)| a.booking.id.cmp(&b.booking.id));
        let keys = keys.iter().map(|key| {
            let outcome = serde_json::to_string(&*key.accepted).unwrap();
            (key.scope.clone(), key.key.clone(), key.request_hash.clone(), outcome)
        });
        Self {
            event: state.event.clone(),
            add,
            opened: inventory.filter(|inventory| inventory.new).map(|_| state.version),
            terms: inventory.map(|inventory| inventory.terms.clone()),
            lines: changes.lines.iter().map(|(ticket_type, line)| (ticket_type.clone(), line.clone())).collect(),
            bookings,
            keys: keys.collect(),
            refunds: changes.refunds.clone(),
        }
    }

    /// The rows after it, or why the database refuses it: by a key, or by a CHECK.
    pub(super) fn apply(&self, before: Option<&EventRows>) -> Result<EventRows, DatabaseError> {
        let mut rows = match (before, self.opened, &self.terms) {
            (Some(_), Some(_), _) => return Err(DatabaseError::Unique(format!("inventory {}", self.event))),
            (None, Some(version), Some(terms)) => EventRows {
                version,
                terms: terms.clone(),
                lines: BTreeMap::new(),
                bookings: BTreeMap::new(),
                keys: BTreeMap::new(),
                refunds: Vec::new(),
            },
            (Some(before), None, terms) => {
                let mut rows = before.clone();
                rows.version += self.add;
                if let Some(terms) = terms {
                    rows.terms = terms.clone();
                }
                rows
            }
            _ => return Err(DatabaseError::Check(format!("there is no inventory {}", self.event))),
        };
        for (ticket_type, write) in &self.lines {
            let line = match (rows.lines.get(ticket_type), write.new) {
                (Some(_), true) => return Err(DatabaseError::Unique(format!("line {ticket_type}"))),
                (None, false) => return Err(DatabaseError::Check(format!("there is no line {ticket_type}"))),
                (Some(line), false) => {
                    Line { terms: write.terms.clone(), held: line.held + write.held, sold: line.sold + write.sold }
                }
                (None, true) => Line { terms: write.terms.clone(), held: write.held, sold: write.sold },
            };
            if line.held < 0 || line.sold < 0 || line.held + line.sold > i64::from(line.terms.capacity) {
                return Err(DatabaseError::Check(format!("{ticket_type}: {line:?}")));
            }
            rows.lines.insert(ticket_type.clone(), line);
        }
        for (new, record) in &self.bookings {
            let id = &record.booking.id;
            match (rows.bookings.get(id), new) {
                (Some(_), true) => return Err(DatabaseError::Unique(format!("booking {id}"))),
                (Some(known), false) if known.booking.version < record.booking.version => {}
                (_, false) => return Err(DatabaseError::Check(format!("booking {id} is not what was read"))),
                (None, true) => {}
            }
            rows.bookings.insert(id.clone(), record.clone());
        }
        for (scope, key, hash, outcome) in &self.keys {
            if rows.keys.insert((scope.clone(), key.clone()), (hash.clone(), outcome.clone())).is_some() {
                return Err(DatabaseError::Unique(format!("key {scope} {key}")));
            }
        }
        rows.refunds.extend(self.refunds.iter().cloned());
        Ok(rows)
    }
}

impl EventRows {
    /// Places of a ticket type that are free at a time, of its own and of what it shares: what is held beyond its deadline is.
    pub(in crate::simulation) fn free(&self, ticket_type: &str, now: i64) -> i64 {
        self.free_after(ticket_type, now, |_| 0)
    }

    /// The same once so many more places of each ticket type are taken.
    pub(in crate::simulation) fn free_after(&self, ticket_type: &str, now: i64, more: impl Fn(&str) -> i64) -> i64 {
        let overdue: Vec<&Record> = self.bookings.values().filter(|record| record.is_overdue(now)).collect();
        let lines = self.lines.iter().filter(|(id, line)| counts_for(ticket_type, id, line));
        let free = lines.map(|(id, line)| {
            let more: i64 = self.lines.keys().filter(|of| counts_for(of, id, line)).map(|of| more(of)).sum();
            let overdue: i64 = overdue.iter().map(|record| taken(record, id, line)).sum();
            i64::from(line.terms.capacity) - line.held - line.sold + overdue - more
        });
        free.min().unwrap_or(0)
    }

    /// Places of a ticket type that a person has at a time.
    pub(in crate::simulation) fn has(&self, person: &str, ticket_type: &str, now: i64) -> i64 {
        let theirs = self.bookings.values().filter(|record| record.booking.person == person && record.counts(now));
        theirs.map(|record| places(record, ticket_type)).sum()
    }
}

/// Whether places of a ticket type are taken of this line: it is its own, or it shares it.
fn counts_for(ticket_type: &str, id: &str, line: &Line) -> bool {
    match &line.terms.shared_by {
        None => ticket_type == id,
        Some(types) => types.iter().any(|known| known == ticket_type),
    }
}

/// What a booking takes of a line.
pub(in crate::simulation) fn taken(record: &Record, id: &str, line: &Line) -> i64 {
    let items = record.booking.items.iter().filter(|item| counts_for(&item.ticket_type, id, line));
    items.map(|item| i64::from(item.quantity)).sum()
}

pub(in crate::simulation) fn places(record: &Record, ticket_type: &str) -> i64 {
    let items = record.booking.items.iter().filter(|item| item.ticket_type == ticket_type);
    items.map(|item| i64::from(item.quantity)).sum()
}

impl Tables {
    /// Adds a batch to the journal.
    pub(super) fn tell(&mut self, id: String, rows: Vec<Row>) {
        self.unnumbered.insert(id.clone());
        self.journal.insert(id, Arc::new(rows));
    }
}

//! A Postgres of the simulation's own making: as much of one as the region and its ledgers see.
//!
//! - Every connection has a backend, which belongs to no node: what was sent is done, whatever becomes of who sent it, and perhaps much later.
//! - Transactions are at READ COMMITTED, or one snapshot. Who writes an event's row locks it until its transaction has ended, and who waited
//!   for that looks at the row again as it is by then. Keys and CHECKs refuse.
//! - A commit takes a while, and its answer may be lost. An idle transaction is ended.
//! - It has a clock of its own.

mod backend;
mod ledger;
mod locks;
mod sql;
mod tables;

pub(in crate::simulation) use backend::Connection;
pub(in crate::simulation) use ledger::LedgerDatabase;
pub(crate) use sql::{CLOCK, Client, Transaction};
use tables::places;
pub(in crate::simulation) use tables::{Effect, EventRows, Tables, taken};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use read_model::journal::Row;

use super::check::Check;
use super::world::World;
use backend::OpenTransaction;
use locks::Locks;

/// Why a statement failed, as its client sees it.
#[derive(Debug, Clone)]
pub(in crate::simulation) enum DatabaseError {
    /// The connection was lost: what became of the statement is not known.
    Lost,
    /// There is no connection.
    Down,
    /// A key is there already.
    Unique(String),
    /// A CHECK, or a row that is not as it must be.
    Check(String),
    /// A lock was not to be had in time.
    Busy,
}

/// An event as one commit left it.
pub(in crate::simulation) struct Version {
    /// By the clock that is right.
    pub(in crate::simulation) at: i64,
    pub(in crate::simulation) rows: Arc<EventRows>,
}

pub(in crate::simulation) struct Server {
    pub(in crate::simulation) world: Arc<World>,
    pub(in crate::simulation) check: Arc<Check>,
    tables: Mutex<Arc<Tables>>,
    history: Mutex<BTreeMap<String, Vec<Version>>>,
    locks: Locks,
    /// Grows with every restore: connections of before are gone.
    life: AtomicU64,
    /// Grows with those that the server tells of.
    timeline: AtomicU64,
}

/// What a transaction makes true.
#[derive(Default)]
struct Commit {
    call: u64,
    effects: Vec<Effect>,
    journal: Vec<(String, Vec<Row>)>,
    /// Ids and their positions.
    numbered: Vec<(String, i64)>,
    counter: Option<(i64, String)>,
}

impl Server {
    pub(in crate::simulation) fn new(world: &Arc<World>, check: &Arc<Check>) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            check: Arc::clone(check),
            tables: Mutex::default(),
            history: Mutex::default(),
            locks: Locks::default(),
            life: AtomicU64::new(0),
            timeline: AtomicU64::new(1),
        })
    }

    /// Everything is as it was then, and all connections are gone. A promotion, or a restore to a point in time, begins a timeline; a copy of the disk that is
    /// put back does not.
    pub(in crate::simulation) fn restore(&self, backup: Arc<Tables>, tells: bool) {
        self.life.fetch_add(1, Ordering::Relaxed);
        self.timeline.fetch_add(u64::from(tells), Ordering::Relaxed);
        self.locks.clear();
        let at = self.world.now();
        {
            let mut history = self.history.lock().unwrap();
            for (event, rows) in &backup.events {
                history.entry(event.clone()).or_default().push(Version { at, rows: Arc::clone(rows) });
            }
        }
        *self.tables.lock().unwrap() = backup;
        self.world.restored();
        self.check.restored(&self.tables());
    }

    fn timeline(&self) -> String {
        format!("cluster.{}", self.timeline.load(Ordering::Relaxed))
    }

    fn life(&self) -> u64 {
        self.life.load(Ordering::Relaxed)
    }

    /// What is committed now.
    pub(in crate::simulation) fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.lock().unwrap())
    }

    pub(in crate::simulation) fn change<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        change(Arc::make_mut(&mut self.tables.lock().unwrap()))
    }

    pub(in crate::simulation) fn event(&self, event: &str) -> Option<Arc<EventRows>> {
        self.tables.lock().unwrap().events.get(event).cloned()
    }

    /// Looks at the versions that an event had in this time, the one that it began with among them.
    pub(in crate::simulation) fn between<T>(&self, event: &str, from: i64, to: i64, look: impl FnOnce(&[Version]) -> T) -> T {
        let history = self.history.lock().unwrap();
        let versions = history.get(event).map(Vec::as_slice).unwrap_or_default();
        let first = versions.partition_point(|version| version.at < from).saturating_sub(1);
        let last = versions.partition_point(|version| version.at <= to);
        look(&versions[first.min(last)..last])
    }

    /// Makes it so, all at once.
    fn commit(&self, commit: Commit) -> Result<(), DatabaseError> {
        let Commit { call, effects, journal, numbered, counter } = commit;
        let mut after = Vec::with_capacity(effects.len());
        for effect in &effects {
            let before = self.event(&effect.event);
            let rows = effect.apply(before.as_deref()).inspect_err(|trouble| self.check.refused_by_the_database(trouble))?;
            after.push((before, Arc::new(rows)));
        }
        self.change(|tables| {
            for (effect, (_, rows)) in effects.iter().zip(&after) {
                tables.events.insert(effect.event.clone(), Arc::clone(rows));
            }
            for (id, rows) in journal.iter().cloned() {
                tables.tell(id, rows);
            }
            for (id, position) in numbered {
                tables.unnumbered.remove(&id);
                tables.positions.insert(position, id);
            }
            if let Some(counter) = counter {
                tables.counter = Some(counter);
            }
        });
        let at = self.world.now();
        for (effect, (before, rows)) in effects.iter().zip(after) {
            self.world.trace(|| {
                let lines: Vec<_> = rows.lines.values().map(|line| (line.terms.capacity, line.held, line.sold)).collect();
                format!("database: call {call} makes {} version {}: {lines:?}", effect.event, rows.version)
            });
            let mut history = self.history.lock().unwrap();
            history.entry(effect.event.clone()).or_default().push(Version { at, rows: Arc::clone(&rows) });
            drop(history);
            self.check.committed(self, effect, before.as_deref(), &rows, call);
        }
        self.check.told(self, &journal);
        Ok(())
    }

    /// The last version of an event that was published up to a position.
    pub(in crate::simulation) fn told_of(&self, event: &str, position: i64) -> Option<u64> {
        let tables = self.tables();
        let mut batches = tables.positions.range(..=position).rev().filter_map(|(_, id)| tables.journal.get(id));
        let row = batches.find_map(|rows| rows.iter().find(|row| row.aggregate == event && row.kind == "inventory.changed"))?;
        u64::try_from(row.version).ok()
    }

    /// Who leads what.
    pub(in crate::simulation) fn trace_leases(&self) {
        let (tables, now) = (self.tables(), self.world.database_now());
        for (name, lease) in &tables.leases {
            self.world.trace(|| format!("{name}: {} at epoch {}, {} µs left", lease.owner, lease.epoch, lease.expires_at - now));
        }
        for (name, (_, until)) in &tables.nodes {
            self.world.trace(|| format!("{name} lives, {} µs", until - now));
        }
    }

    /// Writes events as the catalog does: its own transaction, of its own tables.
    pub(in crate::simulation) fn catalog_writes(&self, doc: read_model::EventDoc) {
        let row = Row {
            topic: Some("catalog-events"),
            kind: "event.updated",
            aggregate: doc.id.clone(),
            version: i64::try_from(doc.revision).unwrap(),
            payload: "{}".to_owned(),
            trace: None,
            fact: Some(serde_json::to_string(&read_model::Fact::Event(doc.clone())).unwrap()),
        };
        let id = format!("{}0000", unique(&self.world, self.world.database_now()));
        self.change(|tables| {
            tables.docs.insert(doc.id.clone(), doc);
            tables.tell(id, vec![row]);
        });
    }

    fn number(&self) -> u64 {
        self.world.number()
    }
}

/// As the kit makes ids: they sort by time.
pub(in crate::simulation) fn unique(world: &World, now: i64) -> String {
    format!("{:013x}{:013x}", now / 1000, world.below(1 << 52))
}

pub(super) fn connect(server: &Arc<Server>) -> impl Future<Output = Result<Connection, DatabaseError>> + Send + use<> {
    Connection::open(Arc::clone(server))
}

/// A transaction's snapshot and writes, until it ends.
type CurrentTransaction = Option<Box<OpenTransaction>>;

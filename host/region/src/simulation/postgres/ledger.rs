//! What a ledger asks: the meaning of its statements.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger_core::{Batch, Record};
use ledger_engine::{
    Database, Failure, HeldFromRow, HoldRow, Inventory, KeyRow, KeyedReads, LineRow, PlacesRow, Plan, RefundRow, Session,
    Transaction, Write,
};
use read_model::journal::Row;

use super::backend::{Backend, Connection};
use super::{Commit, DatabaseError, Effect, Server, Tables, connect, unique};
use crate::simulation::bugs::{Bug, planted};

/// The database as one ledger has it.
pub(in crate::simulation) struct LedgerDatabase {
    pub(in crate::simulation) server: Arc<Server>,
    /// The number of the call that it works on.
    pub(in crate::simulation) call: Arc<AtomicU64>,
}

pub(in crate::simulation) struct LedgerSession {
    connection: Connection,
    call: Arc<AtomicU64>,
}

pub(in crate::simulation) struct LedgerTransaction {
    connection: Connection,
    now: i64,
    call: Arc<AtomicU64>,
}

/// Of a statement that is undone, or undoes itself, where its connection is lost.
fn failure(trouble: DatabaseError) -> Failure {
    match trouble {
        DatabaseError::Lost | DatabaseError::Down => Failure::Down("the connection was lost".to_owned()),
        DatabaseError::Unique(text) => Failure::Race(text),
        DatabaseError::Check(text) => Failure::Bad(text),
        DatabaseError::Busy => Failure::Busy,
    }
}

/// Of a commit.
fn commit_failure(trouble: DatabaseError) -> Failure {
    match trouble {
        DatabaseError::Lost => Failure::Doubt("the connection was lost".to_owned()),
        other => failure(other),
    }
}

impl Database for LedgerDatabase {
    type Session = LedgerSession;
    type Transaction = LedgerTransaction;

    async fn session(&self) -> Result<(LedgerSession, i64), Failure> {
        let connection = connect(&self.server).await.map_err(failure)?;
        let clock =
            connection.run(|backend| Box::pin(async { Ok(backend.server.world.database_now()) })).await.map_err(failure)?;
        Ok((LedgerSession { connection, call: Arc::clone(&self.call) }, clock))
    }

    async fn begin(&self) -> Result<LedgerTransaction, Failure> {
        let connection = connect(&self.server).await.map_err(failure)?;
        let now = connection.run(|backend| Box::pin(async { Ok(backend.begin(false)) })).await.map_err(failure)?;
        Ok(LedgerTransaction { connection, now, call: Arc::clone(&self.call) })
    }
}

/// What a plan reads by key.
#[derive(Clone)]
struct ReadKeys {
    events: Vec<String>,
    keys: Vec<(String, String, String)>,
    bookings: BTreeSet<String>,
    buyers: BTreeSet<(String, String)>,
    clients: BTreeSet<(String, String)>,
    confirmed: BTreeSet<String>,
    payments: BTreeSet<String>,
}

impl ReadKeys {
    fn new(plan: &Plan<'_>) -> Self {
        let own = |text: &&str| (*text).to_owned();
        Self {
            events: plan.events.keys().map(own).collect(),
            keys: plan.keys.iter().map(|(event, scope, key)| (own(event), scope.clone(), own(key))).collect(),
            bookings: plan.bookings.iter().map(own).collect(),
            buyers: plan.buyers.iter().map(|(event, person)| (own(event), own(person))).collect(),
            clients: plan.clients.iter().map(|(event, client)| (own(event), own(client))).collect(),
            confirmed: plan.confirmed.iter().map(own).collect(),
            payments: plan.payments.iter().map(own).collect(),
        }
    }

    fn keys(&self, tables: &Tables) -> Vec<KeyRow> {
        let found = self.keys.iter().filter_map(|(event, scope, key)| {
            let (hash, outcome) = tables.events.get(event)?.keys.get(&(scope.clone(), key.clone()))?;
            Some((event.clone(), scope.clone(), key.clone(), hash.clone(), outcome.clone()))
        });
        found.collect()
    }

    fn bookings(&self, tables: &Tables) -> Vec<Record> {
        let of = |id: &String| tables.events.values().find_map(|rows| rows.bookings.get(id)).cloned();
        self.bookings.iter().filter_map(of).collect()
    }

    fn places(&self, tables: &Tables, counts: impl Fn(&Record) -> bool) -> Vec<PlacesRow> {
        let mut places: BTreeMap<(String, String, String), (i64, i64)> = BTreeMap::new();
        let all = || tables.events.iter().flat_map(|(event, rows)| rows.bookings.values().map(move |record| (event, record)));
        let owners = all().filter(|(_, record)| self.confirmed.contains(&record.booking.id));
        let owners = owners.map(|(event, record)| (event.clone(), record.booking.person.clone()));
        for (event, person) in self.buyers.iter().cloned().chain(owners).collect::<BTreeSet<_>>() {
            let Some(rows) = tables.events.get(&event) else { continue };
            for record in rows.bookings.values().filter(|record| record.booking.person == person && counts(record)) {
                for item in &record.booking.items {
                    let of = (event.clone(), person.clone(), item.ticket_type.clone());
                    let (all, held) = places.entry(of).or_default();
                    *all += i64::from(item.quantity);
                    *held += if record.booking.status.is_hold() { i64::from(item.quantity) } else { 0 };
                }
            }
        }
        let row = |((event, person, ticket_type), (places, held))| (event, person, ticket_type, places, held);
        places.into_iter().map(row).collect()
    }

    fn held_from(&self, tables: &Tables, now: i64) -> Vec<HeldFromRow> {
        let held = self.clients.iter().filter_map(|(event, client)| {
            let records = tables.events.get(event)?.bookings.values();
            let held: i64 = records.filter(|record| record.client.as_ref() == Some(client)).map(|record| record.held(now)).sum();
            (held > 0).then(|| (event.clone(), client.clone(), held))
        });
        held.collect()
    }
}

fn refunds(tables: &Tables, payments: &BTreeSet<String>) -> Vec<RefundRow> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for refund in tables.events.values().flat_map(|rows| &rows.refunds).filter(|refund| payments.contains(&refund.payment)) {
        *sums.entry(refund.payment.clone()).or_default() += refund.amount;
    }
    sums.into_iter().collect()
}

fn lines(tables: &Tables, events: &[String]) -> Vec<LineRow> {
    let rows = events.iter().filter_map(|event| Some((event, tables.events.get(event)?)));
    rows.flat_map(|(event, rows)| rows.lines.iter().map(|(name, line)| (event.clone(), name.clone(), line.clone()))).collect()
}

impl Session for LedgerSession {
    async fn fence(&self, event: &str, by: u64) -> Result<Option<Inventory>, Failure> {
        let (event, call) = (event.to_owned(), self.call.load(Ordering::Relaxed));
        let fenced = self.connection.run(move |backend| {
            Box::pin(async move {
                backend.begin(false);
                let inventory = swap(backend, &event, by).await?;
                if let Some(open) = &mut backend.open {
                    open.commit.call = call;
                }
                backend.commit().await?;
                Ok(inventory)
            })
        });
        fenced.await.map_err(failure)
    }

    async fn lines(&self, event: &str) -> Result<Vec<LineRow>, Failure> {
        let event = event.to_owned();
        self.connection.run(|backend| Box::pin(async move { Ok(lines(&backend.sees(), &[event])) })).await.map_err(failure)
    }

    async fn holds(&self, event: &str, after: (i64, &str), limit: i64) -> Result<Vec<HoldRow>, Failure> {
        let (event, after) = (event.to_owned(), (after.0, after.1.to_owned()));
        let page = self.connection.run(move |backend| {
            Box::pin(async move {
                let tables = backend.sees();
                let Some(rows) = tables.events.get(&event) else { return Ok(Vec::new()) };
                let live = rows.bookings.values().filter(|record| record.booking.status.is_hold());
                let mut live: Vec<_> =
                    live.filter_map(|record| Some((record.booking.expires_at?, record.booking.id.clone(), record))).collect();
                live.sort_by(|(a, b, _), (c, d, _)| (a, b).cmp(&(c, d)));
                let page = live.into_iter().filter(|(at, id, _)| (*at, id) > (after.0, &after.1));
                let items = page.take(usize::try_from(limit).unwrap()).flat_map(|(at, id, record)| {
                    let person = record.booking.person.clone();
                    let items = record.booking.items.iter();
                    let row = move |item: &ledger_core::BookingItem| {
                        (id.clone(), person.clone(), at, item.ticket_type.clone(), item.quantity, record.client.clone())
                    };
                    items.map(row)
                });
                Ok(items.collect())
            })
        });
        page.await.map_err(failure)
    }

    async fn read(&self, plan: &Plan<'_>, bookings: Vec<String>) -> Result<KeyedReads, Failure> {
        let mut wanted = ReadKeys::new(plan);
        wanted.bookings.extend(bookings);
        let reading = self.connection.run(move |backend| {
            Box::pin(async move {
                let (tables, clock) = (backend.sees(), backend.server.world.database_now());
                let version = |event: &String| Some((event.clone(), tables.events.get(event)?.version));
                let bookings = wanted.bookings(&tables);
                let payments =
                    bookings.iter().filter_map(|record| record.payment.clone()).chain(wanted.payments.clone()).collect();
                Ok(KeyedReads {
                    clock,
                    versions: wanted.events.iter().filter_map(version).collect(),
                    keys: wanted.keys(&tables),
                    bought: wanted.places(&tables, |record| record.booking.status == ledger_core::BookingStatus::Confirmed),
                    refunds: refunds(&tables, &payments),
                    bookings,
                })
            })
        });
        reading.await.map_err(failure)
    }

    async fn write(&self, _now: i64, writes: Vec<Write<'_>>) -> Result<Vec<usize>, Failure> {
        let writes = writes.into_iter().map(|write| {
            let Write { number, state, changes, keys, commands, journal, journal_batch } = write;
            let effect = Effect::new(state, changes, keys, commands as u64);
            EventWrite { number, decided_on: state.version - commands as u64, effect, journal: (journal_batch, journal) }
        });
        let (writes, call) = (writes.collect(), self.call.load(Ordering::Relaxed));
        self.connection.write(move |backend| Box::pin(write(backend, call, writes))).await.map_err(commit_failure)
    }
}

struct EventWrite {
    number: usize,
    decided_on: u64,
    effect: Effect,
    journal: (String, Vec<Row>),
}

/// `write.sql`: one statement that commits by itself.
async fn write(backend: &mut Backend, call: u64, mut writes: Vec<EventWrite>) -> Result<Vec<usize>, DatabaseError> {
    backend.begin(false);
    let snapshot = backend.sees();
    backend.server.world.takes_a_while().await;
    let id = backend.transaction().0;
    let mut commit = Commit { call, ..Commit::default() };
    let mut numbers = Vec::new();
    writes.sort_by(|a, b| a.effect.event.cmp(&b.effect.event));
    for EventWrite { number, decided_on, effect, journal } in writes {
        let event = effect.event.clone();
        let same = |version: Option<u64>| (planted(Bug::NoVersionCheck) && version.is_some()) || version == Some(decided_on);
        let opens = effect.opened.is_some();
        // What the snapshot has at another version is not waited for.
        if opens || same(snapshot.events.get(&event).map(|rows| rows.version)) {
            backend.server.locks.take(id, &event).await.map_err(|trouble| backend.failed(trouble))?;
            let rows = backend.server.event(&event);
            if opens || same(rows.as_ref().map(|rows| rows.version)) {
                // Keys and CHECKs are looked at when the row is written; a failure undoes all.
                effect.apply(rows.as_deref()).map_err(|trouble| {
                    backend.server.check.refused_by_the_database(&trouble);
                    backend.failed(trouble)
                })?;
                numbers.push(number);
                commit.effects.push(effect);
                commit.journal.push(journal);
                continue;
            }
        }
        if planted(Bug::JournalBeforeSwap) {
            commit.journal.push(journal);
        }
    }
    if let Some(open) = &mut backend.open {
        open.commit = commit;
    }
    backend.commit().await?;
    Ok(numbers)
}

/// Adds to a version, as a part of the open transaction.
async fn swap(backend: &mut Backend, event: &str, by: u64) -> Result<Option<Inventory>, DatabaseError> {
    if !backend.sees().events.contains_key(event) {
        return Ok(None);
    }
    let id = backend.transaction().0;
    backend.server.locks.take(id, event).await.map_err(|trouble| backend.failed(trouble))?;
    let rows = backend.server.event(event);
    let (Some(rows), Some(open)) = (rows, &mut backend.open) else { return Ok(None) };
    open.swaps.insert(event.to_owned(), by);
    Ok(Some(Inventory { version: rows.version + by, terms: rows.terms.clone() }))
}

impl LedgerTransaction {
    async fn reads<T: Send + 'static>(&self, read: impl FnOnce(&Tables) -> T + Send + 'static) -> Result<T, Failure> {
        let reading = self.connection.run(move |backend| {
            Box::pin(async move { if backend.open.is_some() { Ok(read(&backend.sees())) } else { Err(DatabaseError::Lost) } })
        });
        reading.await.map_err(failure)
    }
}

impl Transaction for LedgerTransaction {
    fn now(&self) -> i64 {
        self.now
    }

    async fn swap(&mut self, event: &str, commands: usize) -> Result<Option<Inventory>, Failure> {
        let event = event.to_owned();
        let swapped = self.connection.run(move |backend| Box::pin(async move { swap(backend, &event, commands as u64).await }));
        swapped.await.map_err(failure)
    }

    async fn lines(&mut self, events: &[&str]) -> Result<Vec<LineRow>, Failure> {
        let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
        self.reads(move |tables| lines(tables, &events)).await
    }

    async fn keys(&mut self, plan: &Plan<'_>) -> Result<Vec<KeyRow>, Failure> {
        let wanted = ReadKeys::new(plan);
        self.reads(move |tables| wanted.keys(tables)).await
    }

    async fn bookings(&mut self, plan: &Plan<'_>) -> Result<Vec<Record>, Failure> {
        let wanted = ReadKeys::new(plan);
        self.reads(move |tables| wanted.bookings(tables)).await
    }

    async fn overdue(&mut self, events: &[&str], now: i64) -> Result<Vec<Record>, Failure> {
        let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
        let overdue = move |tables: &Tables| -> Vec<Record> {
            let rows = events.iter().filter_map(|event| tables.events.get(event));
            rows.flat_map(|rows| rows.bookings.values().filter(|record| record.is_overdue(now)).cloned()).collect()
        };
        self.reads(overdue).await
    }

    async fn places(&mut self, plan: &Plan<'_>, now: i64) -> Result<Vec<PlacesRow>, Failure> {
        let wanted = ReadKeys::new(plan);
        self.reads(move |tables| wanted.places(tables, |record| record.counts(now))).await
    }

    async fn held_from(&mut self, plan: &Plan<'_>, now: i64) -> Result<Vec<HeldFromRow>, Failure> {
        let wanted = ReadKeys::new(plan);
        self.reads(move |tables| wanted.held_from(tables, now)).await
    }

    async fn refunds(&mut self, payments: &[&str]) -> Result<Vec<RefundRow>, Failure> {
        let payments: BTreeSet<String> = payments.iter().map(|payment| (*payment).to_owned()).collect();
        self.reads(move |tables| refunds(tables, &payments)).await
    }

    async fn write(&mut self, batches: &[Batch], journal: Vec<Row>) -> Result<(), Failure> {
        let effects = batches.iter().filter(|batch| !batch.changes().is_empty());
        let effects: Vec<Effect> =
            effects.filter_map(|batch| Some(Effect::new(batch.state()?, batch.changes(), &batch.changes().keys, 0))).collect();
        let (now, call) = (self.now, self.call.load(Ordering::Relaxed));
        let written = self.connection.run(move |backend| {
            Box::pin(async move {
                let Some(id) = backend.open.as_ref().map(|open| open.id) else { return Err(DatabaseError::Lost) };
                for effect in &effects {
                    backend.server.locks.take(id, &effect.event).await.map_err(|trouble| backend.failed(trouble))?;
                    let rows = backend.server.event(&effect.event);
                    effect.apply(rows.as_deref()).map_err(|trouble| {
                        backend.server.check.refused_by_the_database(&trouble);
                        backend.failed(trouble)
                    })?;
                }
                let id = unique(&backend.server.world, now);
                let journal = if journal.is_empty() { Vec::new() } else { vec![(id, journal)] };
                if let Some(open) = &mut backend.open {
                    open.commit = Commit { call, effects, journal, ..Commit::default() };
                }
                Ok(())
            })
        });
        written.await.map_err(failure)
    }

    async fn commit(self) -> Result<(), Failure> {
        let call = self.call.load(Ordering::Relaxed);
        let committed = self.connection.run(move |backend| {
            Box::pin(async move {
                if let Some(open) = &mut backend.open {
                    open.commit.call = call;
                }
                backend.commit().await
            })
        });
        committed.await.map_err(commit_failure)
    }

    async fn rollback(self) -> Result<(), Failure> {
        let undone = self.connection.run(|backend| {
            Box::pin(async {
                backend.abort();
                Ok(())
            })
        });
        undone.await.map_err(failure)
    }
}

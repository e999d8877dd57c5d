//! What is asked of a database, in rows and without SQL.

use crate::attempts::Failure;
use crate::plan::Plan;
use ledger_core::{Batch, Changes, KeyWrite, Line, Record, State, Terms};
use read_model::journal::Row;
use std::collections::BTreeMap;

/// An inventory's row, as a swap left it.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The version that it has now.
    pub version: u64,
    /// The terms of its sale.
    pub terms: Terms,
}

/// Event, ticket type or id of what is shared, line.
pub type LineRow = (String, String, Line);
/// Event, subject, key, request hash, outcome as JSON.
pub type KeyRow = (String, String, String, String, String);
/// Event, person, ticket type, places, how many of them are held and not bought.
pub type PlacesRow = (String, String, String, i64, i64);
/// Event, network, places that are held from it.
pub type HeldFromRow = (String, String, i64);
/// Payment, minor units that are refunded or due to be.
pub type RefundRow = (String, i64);
/// One item of a live hold: booking, person, deadline, ticket type, quantity, the network that it was taken from.
pub type HoldRow = (String, String, i64, String, u32, Option<String>);

/// What was read by key, all of it of one moment.
#[derive(Debug, Default)]
pub struct KeyedReads {
    /// The database's clock.
    pub clock: i64,
    /// Of the events that are open.
    pub versions: BTreeMap<String, u64>,
    /// Keys that were used.
    pub keys: Vec<KeyRow>,
    /// Those that are named.
    pub bookings: Vec<Record>,
    /// Places that the plan's buyers and the owners of its confirmed bookings have bought; those that are held stand in memory.
    pub bought: Vec<PlacesRow>,
    /// Of payments that are named, and of those that confirmed `bookings`.
    pub refunds: Vec<RefundRow>,
}

/// One event's batch, to be written if its version is still the one that it was decided on.
pub struct Write<'a> {
    /// What the event is called in the answer.
    pub number: usize,
    /// The inventory after the batch.
    pub state: &'a State,
    /// What it changes, keys aside. One that opens the event inserts its row; else the version is swapped, from `state`'s less `commands`.
    pub changes: &'a Changes,
    /// Keys to be remembered.
    pub keys: &'a [KeyWrite],
    /// By how much the version grows.
    pub commands: usize,
    /// Its journal entries.
    pub journal: Vec<Row>,
    /// The id of its journal batch: entries of one event get consecutive positions.
    pub journal_batch: String,
}

/// Where ledgers keep everything. Any number of them may work on one.
pub trait Database {
    /// Statements that are transactions of their own; it stays open between batches.
    type Session: Session;
    /// Statements that are one transaction.
    type Transaction: Transaction;

    /// Opens a session. Also gives the database's clock.
    fn session(&self) -> impl Future<Output = Result<(Self::Session, i64), Failure>>;

    /// Begins a transaction.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction, Failure>>;
}

/// The fast path's statements. Each is a transaction of its own, at READ COMMITTED.
pub trait Session {
    /// Adds to an event's version and locks its row for as long as that takes; none where it was never opened.
    fn fence(&self, event: &str, by: u64) -> impl Future<Output = Result<Option<Inventory>, Failure>>;

    /// An event's lines.
    fn lines(&self, event: &str) -> impl Future<Output = Result<Vec<LineRow>, Failure>>;

    /// A page of an event's live holds, in the order of deadlines and ids, after one of them: the items of so many holds at most.
    fn holds(&self, event: &str, after: (i64, &str), limit: i64) -> impl Future<Output = Result<Vec<HoldRow>, Failure>>;

    /// What the plan needs, these further bookings, and the versions of its events: all in one snapshot.
    fn read(&self, plan: &Plan<'_>, bookings: Vec<String>) -> impl Future<Output = Result<KeyedReads, Failure>>;

    /// Writes these at this time, all or nothing. Gives the numbers of the events that were written: one whose version was not the one that was
    /// decided on any more is left out, with everything that belongs to it.
    ///
    /// After [`Failure::Doubt`] it may or may not have been done, or may be done later; after any other failure it was not.
    fn write(&self, now: i64, writes: Vec<Write<'_>>) -> impl Future<Output = Result<Vec<usize>, Failure>>;
}

/// A transaction at READ COMMITTED, the events that it [swaps](Self::swap) locked until its end. Dropped without a commit it is rolled back.
pub trait Transaction {
    /// The database's clock when it began.
    fn now(&self) -> i64;

    /// Adds to an event's version and locks its row; none where it was never opened.
    fn swap(&mut self, event: &str, commands: usize) -> impl Future<Output = Result<Option<Inventory>, Failure>>;

    /// The lines of these events.
    fn lines(&mut self, events: &[&str]) -> impl Future<Output = Result<Vec<LineRow>, Failure>>;

    /// The plan's keys that were used.
    fn keys(&mut self, plan: &Plan<'_>) -> impl Future<Output = Result<Vec<KeyRow>, Failure>>;

    /// The plan's bookings.
    fn bookings(&mut self, plan: &Plan<'_>) -> impl Future<Output = Result<Vec<Record>, Failure>>;

    /// Overdue holds of these events, at most [`crate::limits::OVERDUE`], those longest overdue first, an event's share not depending on how many
    /// another has.
    fn overdue(&mut self, events: &[&str], now: i64) -> impl Future<Output = Result<Vec<Record>, Failure>>;

    /// Places that the plan's buyers, and the owners of its confirmed bookings, have bought or hold.
    fn places(&mut self, plan: &Plan<'_>, now: i64) -> impl Future<Output = Result<Vec<PlacesRow>, Failure>>;

    /// Places that are held from the plan's networks.
    fn held_from(&mut self, plan: &Plan<'_>, now: i64) -> impl Future<Output = Result<Vec<HeldFromRow>, Failure>>;

    /// Refunds of these payments.
    fn refunds(&mut self, payments: &[&str]) -> impl Future<Output = Result<Vec<RefundRow>, Failure>>;

    /// Writes what these batches change and their journal entries, at [`Self::now`]; an event that is opened must not be there.
    fn write(&mut self, batches: &[Batch], journal: Vec<Row>) -> impl Future<Output = Result<(), Failure>>;

    /// Makes it durable. After [`Failure::Doubt`] it may or may not be.
    fn commit(self) -> impl Future<Output = Result<(), Failure>>;

    /// Undoes it.
    fn rollback(self) -> impl Future<Output = Result<(), Failure>>;
}

//! The ledger: the only writer of inventory and bookings.
//!
//! A shell around [`ledger_engine`], which runs batches of commands, and [`ledger_core`], which decides: what is here is SQL, ids and time. Each
//! `apply` is one transaction on one connection (`transaction`):
//!
//! 1. swap the version of each event, in the order of event ids. The swap is the fence: on Postgres it takes the row's lock, on SQLite the
//!    transaction has the file's already. Another ledger that believes to be the event's only writer waits there, and reads what this one wrote;
//! 2. read what the commands need, by key;
//! 3. decide, in memory;
//! 4. write it all, journal included, and commit. Where nothing changes the transaction is rolled back, the swap with it.
//!
//! No state is kept between calls, so any number of ledgers may work on one database. Where the variable `ledger_cache` is `on` and the database is
//! Postgres, what can be decided from memory is (`postgres`), and whatever goes wrong there is sorted out in a transaction.

mod limits;
mod postgres;
mod read;
mod rows;
mod statement;
#[cfg(test)]
mod tests;
mod transaction;
mod wit;
mod write;

use kit::{hash, id};
use ledger_core::{Command, HoldLimits, Rejection, Settings};
use ledger_engine::{Answer, Context, Failure, Memory};
use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
    /// Taken out by a call and put back at its end: one that comes meanwhile begins with none.
    static MEMORY: RefCell<Memory<postgres::Session>> = RefCell::default();
}

async fn context() -> Result<Context, kit::Problem> {
    if let Some(known) = CONTEXT.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let settings = Settings {
        hold: kit::config::duration("hold_seconds").await?,
        paying_cap: kit::config::duration("paying_cap_seconds").await?,
        limits: HoldLimits {
            account: kit::config::number("held_places_per_account", limits::PLACES).await?,
            address: kit::config::number("held_places_per_address", limits::PLACES).await?,
            address_percent: kit::config::number("held_percent_per_address", limits::PERCENT).await?,
        },
    };
    let cache = kit::config::switch("ledger_cache").await? && kit::sql::on_postgres().await?;
    let context = Context { region: kit::config::region().await?, settings, cache };
    CONTEXT.set(Some(context.clone()));
    Ok(context)
}

/// The database that the variable `database` names.
struct Database;

impl ledger_engine::Database for Database {
    type Session = postgres::Session;
    type Transaction = transaction::Transaction;

    async fn session(&self) -> Result<(Self::Session, i64), Failure> {
        postgres::Session::open().await
    }

    async fn begin(&self) -> Result<Self::Transaction, Failure> {
        transaction::Transaction::begin().await
    }
}

/// What one call has of its host.
struct Host(hash::Randomness);

impl ledger_engine::Host for Host {
    fn elapsed(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn unique(&mut self, now: i64) -> String {
        id::with(now, self.0.take())
    }

    fn secret(&mut self) -> String {
        hash::base32(&self.0.take::<32>())
    }

    fn log(text: &str) {
        kit::router::log(text);
    }

    fn wall_clock(&self) -> i64 {
        kit::time::now()
    }
}

/// A database's failure, by what is to be done about it.
fn failure(error: kit::sql::Error) -> Failure {
    match error {
        kit::sql::Error::Unique(text) => Failure::Race(text),
        kit::sql::Error::Busy => Failure::Busy,
        kit::sql::Error::Unavailable(text) => Failure::Down(text),
        kit::sql::Error::CommitUnknown(text) => Failure::Doubt(text),
        kit::sql::Error::Constraint(text) | kit::sql::Error::Other(text) => Failure::Bad(text),
    }
}

/// A database that cannot be opened: nothing was done.
fn down(problem: kit::Problem) -> Failure {
    Failure::Down(problem.log.unwrap_or(problem.detail))
}

/// Decides every command: one answer per command, in order.
async fn apply(commands: Vec<Command>) -> Vec<Answer> {
    let context = match context().await {
        Ok(context) => context,
        Err(problem) => {
            kit::router::log(&format!("ledger: {}", problem.log.unwrap_or(problem.detail)));
            let not_done = Rejection::Unavailable(ledger_engine::limits::RETRY_MILLISECONDS);
            return commands.iter().map(|_| Err(not_done.clone())).collect();
        }
    };
    let mut host = Host(hash::Randomness::new(commands.len() * limits::RANDOM_BYTES));
    let mut memory = MEMORY.take();
    let answers = ledger_engine::apply(&context, &Database, &mut host, &mut memory, commands).await;
    MEMORY.set(memory);
    answers
}

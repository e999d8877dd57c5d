//! The ledger: the only writer of inventory and bookings.
//!
//! A shell around [`ledger_core`], which decides. Each `apply` is one transaction on one connection (`transaction`):
//!
//! 1. swap the version of each event, in the order of event ids. The swap is the fence: on Postgres it takes the row's lock, on SQLite the
//!    transaction has the file's already. Whoever else believes to be the event's only writer waits there, and reads what this one wrote;
//! 2. read what the commands need, by key;
//! 3. decide, in memory;
//! 4. write it all, journal included, and commit. Where nothing changes the transaction is rolled back, the swap with it.
//!
//! No state is kept between calls, so any number of ledgers may work on one database. Where the variable `ledger_cache` is `on` and the database is
//! Postgres, what can be decided from memory is (`quick`), and whatever goes wrong there is sorted out in a transaction.

mod attempts;
mod cache;
mod clock;
mod journal;
mod limits;
mod plan;
mod postgres;
mod quick;
mod read;
mod statement;
#[cfg(test)]
mod tests;
mod transaction;
mod wit;
mod write;

use kit::{hash, id};
use ledger_core::{Action, Command, Fresh, Receipt, Rejection, Settings};
use quick::Memory;
use std::cell::RefCell;

/// What one command is answered.
type Answer = Result<Receipt, Rejection>;

/// What decisions depend on beside the database. It never changes under an instance.
#[derive(Clone)]
struct Context {
    /// The first part of ids made here.
    region: String,
    settings: Settings,
    /// Whether state is kept in memory between calls.
    cache: bool,
}

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
    /// Taken out by a call and put back at its end: one that comes meanwhile begins with none.
    static MEMORY: RefCell<Memory> = RefCell::default();
}

impl Context {
    async fn load() -> Result<Self, kit::Problem> {
        if let Some(known) = CONTEXT.with_borrow(Clone::clone) {
            return Ok(known);
        }
        let settings = Settings {
            hold: kit::config::duration("hold_seconds").await?,
            paying_cap: kit::config::duration("paying_cap_seconds").await?,
        };
        let cache = kit::config::switch("ledger_cache").await? && kit::sql::on_postgres().await?;
        let context = Self { region: kit::config::region().await?, settings, cache };
        CONTEXT.set(Some(context.clone()));
        Ok(context)
    }
}

/// What one call decides with.
struct Call {
    context: Context,
    randomness: hash::Randomness,
}

impl Call {
    fn new(context: Context, commands: usize) -> Self {
        Self { context, randomness: hash::Randomness::new(commands * limits::RANDOM_BYTES) }
    }

    /// The ids and secrets that a command may need, made at this time.
    fn fresh(&mut self, command: &Command, now: i64) -> Fresh {
        let mut fresh = Fresh { booking: String::new(), ticket_seed: String::new(), refund: String::new() };
        let new_id = |randomness: &mut hash::Randomness| format!("{}_{}", self.context.region, id::with(now, randomness.take()));
        match command.action {
            Action::Hold(_) => {
                fresh.booking = new_id(&mut self.randomness);
                fresh.ticket_seed = hash::base32(&self.randomness.take::<32>());
            }
            Action::Confirm(_) | Action::Cancel(_) => fresh.refund = new_id(&mut self.randomness),
            Action::Open(_) | Action::Adjust(_) | Action::Close(_) => {}
            Action::BeginPayment(_) | Action::EndPayment(_) | Action::Expire => {}
        }
        fresh
    }
}

/// Decides every command: one answer per command, in order.
async fn apply(commands: Vec<Command>) -> Vec<Answer> {
    if commands.len() > limits::COMMANDS {
        let text = format!("{} commands: at most {}", commands.len(), limits::COMMANDS);
        return commands.iter().map(|_| Err(Rejection::Invalid(text.clone()))).collect();
    }
    // What is malformed never reaches the database.
    let mut answers: Vec<Option<Answer>> = commands.iter().map(|command| ledger_core::validate(command).err().map(Err)).collect();
    let now = kit::time::now();
    let sound: Vec<Command> = commands
        .into_iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.is_none())
        .map(|(command, _)| judged(command, now))
        .collect();
    let mut decided = decide(&sound).await.into_iter();
    // As many are left open as were sound. Should an answer be missing after all, nothing is claimed.
    answers.iter_mut().map(|answer| answer.take().or_else(|| decided.next()).unwrap_or(Err(Rejection::Unknown))).collect()
}

/// Looks once whether the command is late, by the clock that its deadline was set by: this node's, which may be hours from the database's. The
/// core compares deadlines with the latter.
fn judged(command: Command, now: i64) -> Command {
    Command { deadline: if command.deadline <= now { i64::MIN } else { i64::MAX }, ..command }
}

async fn decide(commands: &[Command]) -> Vec<Answer> {
    let context = match Context::load().await {
        Ok(context) => context,
        Err(problem) => {
            kit::router::log(&format!("ledger: {}", problem.log.unwrap_or(problem.detail)));
            return commands.iter().map(|_| Err(Rejection::Unavailable(limits::RETRY_MILLISECONDS))).collect();
        }
    };
    let mut call = Call::new(context, commands.len());
    let mut memory = MEMORY.take();
    let transact = async |commands: &[&Command], first: bool| {
        if first && call.context.cache {
            return quick::run(&mut memory, commands, &mut call).await;
        }
        memory.forget(commands);
        Ok(transaction::run(commands, &mut call).await?.into_iter().map(Some).collect())
    };
    let answers = attempts::run(commands, transact, kit::router::log).await;
    MEMORY.set(memory);
    answers
}

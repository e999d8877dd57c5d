//! How the ledger works on a database, apart from SQL and from where it runs: plain code over the traits [`Database`] and [`Host`], which the
//! component `ledger` implements on its host's interfaces, and the simulation on a Postgres of its own making.
//!
//! [`apply`] validates commands, and has them decided in one transaction (`transaction`), or from [`Memory`] (`fast_path`); `attempts` says what
//! is done where that fails.
//!
//! Invariants:
//! - nothing is answered before the database has confirmed its commit;
//! - an event's version is swapped by everything that changes it. What is remembered of an event is worth nothing at another version;
//! - the database's clock decides, and for an event time never goes backwards. A node's own says one thing only: whether a
//!   command has come too late, for by a node's clock its deadline was set, and that may be hours from the database's.

mod attempts;
#[cfg(feature = "bugs")]
pub mod bugs;
mod cache;
mod clock;
mod fast_path;
mod journal;
pub mod limits;
mod plan;
mod read;
mod store;
#[cfg(test)]
mod tests;
mod transaction;

pub use attempts::Failure;
pub use fast_path::Memory;
pub use journal::bigint;
pub use plan::Plan;
pub use read::PlanState;
pub use store::{
    Database, HeldFromRow, HoldRow, Inventory, KeyRow, KeyedReads, LineRow, PlacesRow, RefundRow, Session, Transaction, Write,
};
pub use transaction::{PlanDecision, decide};

use ledger_core::{Action, Command, CommandInputs, Receipt, Rejection, Settings};
use std::time::Duration;

/// What one command is answered.
pub type Answer = Result<Receipt, Rejection>;

/// What decisions depend on beside the database. It never changes under a ledger.
#[derive(Debug, Clone)]
pub struct Context {
    /// The first part of ids made here.
    pub region: String,
    /// How long holds last.
    pub settings: Settings,
    /// Whether state is cached in memory between calls. Only where there is one call at a time.
    pub cache: bool,
}

/// What the host provides to a ledger, the database aside.
pub trait Host {
    /// The time since some moment that stays the same, by a clock that never goes backwards.
    fn elapsed(&self) -> Duration;
    /// A new version 7 UUID of this instant, as 26 letters and digits.
    fn unique(&mut self, now: i64) -> String;
    /// 256 random bits.
    fn secret(&mut self) -> String;
    /// Logs to the host.
    fn log(text: &str);
    /// This node's own idea of the time, in microseconds since the Unix epoch: what commands' deadlines are set by.
    fn wall_clock(&self) -> i64;
}

/// What one call decides with.
struct Call<'a, H> {
    context: &'a Context,
    host: &'a mut H,
    /// This node's clock when the try at hand began.
    began: i64,
}

impl<H: Host> Call<'_, H> {
    /// Whether a command is late, and the ids and secrets that it may need, made at this time.
    fn fresh(&mut self, command: &Command, now: i64) -> CommandInputs {
        let late = command.deadline <= self.began;
        let mut fresh = CommandInputs { late, booking: String::new(), ticket_seed: String::new(), refund: String::new() };
        let new_id = |host: &mut H| format!("{}_{}", self.context.region, host.unique(now));
        match command.action {
            Action::Hold(_) => {
                fresh.booking = new_id(self.host);
                fresh.ticket_seed = self.host.secret();
            }
            Action::Confirm(_) | Action::Cancel(_) | Action::Annul(_) => fresh.refund = new_id(self.host),
            Action::Open(_) | Action::Adjust(_) | Action::Close(_) => {}
            Action::BeginPayment(_) | Action::EndPayment(_) | Action::Expire => {}
        }
        fresh
    }
}

/// Decides every command: one answer per command, in order.
pub async fn apply<D: Database, H: Host>(
    context: &Context,
    database: &D,
    host: &mut H,
    memory: &mut Memory<D::Session>,
    commands: Vec<Command>,
) -> Vec<Answer> {
    if commands.len() > limits::COMMANDS {
        let text = format!("{} commands: at most {}", commands.len(), limits::COMMANDS);
        return commands.iter().map(|_| Err(Rejection::Invalid(text.clone()))).collect();
    }
    // What is malformed never reaches the database.
    let mut answers: Vec<Option<Answer>> = commands.iter().map(|command| ledger_core::validate(command).err().map(Err)).collect();
    let sound: Vec<Command> =
        commands.into_iter().zip(&answers).filter(|(_, answer)| answer.is_none()).map(|(command, _)| command).collect();
    let mut call = Call { context, host, began: 0 };
    let transact = async |commands: &[&Command], first: bool| {
        call.began = call.host.wall_clock();
        if first && context.cache {
            return fast_path::run(database, memory, commands, &mut call).await;
        }
        memory.forget(commands);
        Ok(transaction::run(database, commands, &mut call).await?.into_iter().map(Some).collect())
    };
    let mut decided = attempts::run(&sound, transact, H::log).await.into_iter();
    // As many are left open as were sound. Should an answer be missing after all, nothing is claimed.
    answers.iter_mut().map(|answer| answer.take().or_else(|| decided.next()).unwrap_or(Err(Rejection::Unknown))).collect()
}

//! The ledger: the only writer of inventory and bookings.
//!
//! A shell around [`ledger_core`], which decides. Each `apply` is one transaction on one connection:
//!
//! 1. swap the version of each event, in the order of event ids. The swap is the fence: on Postgres it takes the row's lock, on SQLite the
//!    transaction has the file's already. Whoever else believes to be the event's only writer waits there, and reads what this one wrote;
//! 2. read what the commands need, by key;
//! 3. decide, in memory;
//! 4. write it all, journal included, and commit. Where nothing changes the transaction is rolled back, the swap with it.
//!
//! No state is kept between calls, so any number of ledgers may work on one database.

mod attempts;
mod journal;
mod limits;
mod plan;
mod read;
mod statement;
#[cfg(test)]
mod tests;
mod transaction;
mod wit;
mod write;

use ledger_core::{Command, Receipt, Rejection, Settings};

/// What one command is answered.
type Answer = Result<Receipt, Rejection>;

/// What decisions depend on beside the database.
struct Context {
    /// The first part of ids made here.
    region: String,
    settings: Settings,
}

impl Context {
    async fn load() -> Result<Self, kit::Problem> {
        let settings = Settings {
            hold: kit::config::duration("hold_seconds").await?,
            paying_cap: kit::config::duration("paying_cap_seconds").await?,
        };
        Ok(Self { region: kit::config::region().await?, settings })
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
    let sound: Vec<Command> =
        commands.into_iter().zip(&answers).filter(|(_, answer)| answer.is_none()).map(|(command, _)| command).collect();
    let mut decided = decide(&sound).await.into_iter();
    // As many are left open as were sound. Should an answer be missing after all, nothing is claimed.
    answers.iter_mut().map(|answer| answer.take().or_else(|| decided.next()).unwrap_or(Err(Rejection::Unknown))).collect()
}

async fn decide(commands: &[Command]) -> Vec<Answer> {
    match Context::load().await {
        Ok(context) => {
            attempts::run(commands, async |commands: &[Command]| transaction::run(commands, &context).await, kit::router::log)
                .await
        }
        Err(problem) => {
            kit::router::log(&format!("ledger: {}", problem.log.unwrap_or(problem.detail)));
            commands.iter().map(|_| Err(Rejection::Unavailable(limits::RETRY_MILLISECONDS))).collect()
        }
    }
}

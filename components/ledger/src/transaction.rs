//! One transaction: swap, read, decide, write, commit.

use crate::attempts::Failure;
use crate::plan::Plan;
use crate::read::{self, Read};
use crate::statement::Statement;
use crate::write::{self, Write};
use crate::{Answer, Call, journal};
use kit::sql::{self, FromRow, Tx};
use ledger_core::{Batch, Command, Fresh, Rejection, Settings};

/// Decides commands in one transaction. Answers are durable: nothing is answered before the commit, and refusals rest on rows that were locked
/// when they were read.
pub async fn run(commands: &[&Command], call: &mut Call) -> Result<Vec<Answer>, Failure> {
    let mut tx = sql::write().await.map_err(|problem| Failure::Down(problem.log.unwrap_or(problem.detail)))?;
    let plan = Plan::new(commands);
    let read = load(&mut tx, &plan).await?;
    let (now, settings) = (tx.now(), call.context.settings);
    let decided = decide(commands, &plan, read, now, settings, |command| call.fresh(command, now));
    if decided.is_quiet() {
        if call.context.cache {
            // A batch that was sent on the quick way and lost may still arrive, for it locks nothing before it does. What is answered here rests on
            // its not having been done, so from here on it cannot be: the swap stays.
            tx.commit().await?;
        } else {
            // Nothing hangs on how this ends: the answers hold as of the locks.
            let _ = tx.rollback().await;
        }
        return Ok(decided.answers);
    }
    for Write { statement, rows } in write::statements(&decided.batches, tx.now())? {
        let touched = tx.execute(&statement.text, statement.parameters).await?;
        if touched != rows {
            return Err(Failure::Bad(format!("{touched} rows instead of {rows}: {}", statement.text)));
        }
    }
    kit::journal::write_rows(&mut tx, decided.rows()?).await?;
    tx.commit().await?;
    Ok(decided.answers)
}

async fn load(tx: &mut Tx, plan: &Plan<'_>) -> Result<Read, Failure> {
    let mut read = Read::default();
    for (event, members) in &plan.events {
        let Statement { text, parameters } = read::swap(event, members.len());
        if let Some(row) = tx.one(&text, parameters).await? {
            read.inventory(event, row, members.len())?;
        }
    }
    if read.is_empty() {
        return Ok(read);
    }
    let now = tx.now();
    let lines = all(tx, Some(read.lines_statement())).await?;
    read.lines(lines);
    let keys = all(tx, Read::keys_statement(plan)).await?;
    read.keys(keys)?;
    let named = all(tx, Read::bookings_statement(plan)).await?;
    let overdue = all(tx, Some(read.overdue_statement(now))).await?;
    read.bookings(named, overdue, now)?;
    let places = all(tx, Read::places_statement(plan, now)).await?;
    read.places(plan, places);
    let refunds = all(tx, read.refunds_statement(plan)).await?;
    read.refunds(refunds);
    Ok(read)
}

async fn all<T: FromRow>(tx: &mut Tx, statement: Option<Statement>) -> Result<Vec<T>, sql::Error> {
    match statement {
        Some(Statement { text, parameters }) => tx.all(&text, parameters).await,
        None => Ok(Vec::new()),
    }
}

/// Answers, and per event what makes them true.
pub struct Decided {
    pub answers: Vec<Answer>,
    pub batches: Vec<Batch>,
}

impl Decided {
    /// Whether there is nothing to write.
    pub fn is_quiet(&self) -> bool {
        self.batches.iter().all(|batch| batch.changes().is_empty())
    }

    /// What to tell.
    fn rows(&self) -> Result<Vec<journal::Row>, sql::Error> {
        let mut rows = Vec::new();
        for batch in &self.batches {
            // Every command takes a version, so the last one's is what the swap, or the new row, says.
            rows.extend(journal::rows(batch, batch.state().map_or(0, |state| state.version))?);
        }
        Ok(rows)
    }
}

/// Decides each event's commands in their order.
pub fn decide(
    commands: &[&Command],
    plan: &Plan<'_>,
    mut read: Read,
    now: i64,
    settings: Settings,
    mut fresh: impl FnMut(&Command) -> Fresh,
) -> Decided {
    let mut answers: Vec<Answer> = commands.iter().map(|_| Err(Rejection::Unknown)).collect();
    let mut batches = Vec::with_capacity(plan.events.len());
    for (event, members) in &plan.events {
        let (state, facts) = read.take(plan, event);
        let mut batch = Batch::new((*event).to_owned(), state, facts, now, settings);
        for place in members {
            if let (Some(command), Some(answer)) = (commands.get(*place), answers.get_mut(*place)) {
                *answer = batch.decide(command, fresh(command));
            }
        }
        batches.push(batch);
    }
    Decided { answers, batches }
}

//! One transaction: swap, read, decide, write, commit.

use crate::attempts::Failure;
use crate::plan::Plan;
use crate::read::PlanState;
use crate::store::{Database, Transaction};
use crate::{Answer, Call, Host, journal};
use ledger_core::{Batch, Command, CommandInputs, Rejection, Settings};
use read_model::journal::Row;

/// Decides commands in one transaction. Answers are durable: nothing is answered before the commit, and refusals rest on rows that were locked
/// when they were read.
pub async fn run<D: Database, H: Host>(
    database: &D,
    commands: &[&Command],
    call: &mut Call<'_, H>,
) -> Result<Vec<Answer>, Failure> {
    let mut tx = database.begin().await?;
    let mut plan = Plan::new(commands);
    let (now, settings) = (tx.now(), call.context.settings);
    let read = load(&mut tx, &mut plan, &settings).await?;
    let decided = decide(commands, &plan, read, now, settings, |command| call.fresh(command, now));
    if decided.is_quiet() {
        if leaves_a_fence(call.context.cache) {
            // A batch that was sent on the fast path and lost may still arrive, for it locks nothing before it does. What is answered here rests on
            // its not having been done, so from here on it cannot be: the swap stays.
            tx.commit().await?;
        } else {
            // Nothing hangs on how this ends: the answers hold as of the locks.
            let _ = tx.rollback().await;
        }
        return Ok(decided.answers);
    }
    tx.write(&decided.batches, decided.rows()?).await?;
    tx.commit().await?;
    Ok(decided.answers)
}

/// Whether the swaps of a transaction that writes nothing else are to last: only the fast path leaves behind what they keep out.
fn leaves_a_fence(quick: bool) -> bool {
    #[cfg(feature = "bugs")]
    if crate::bugs::planted(crate::bugs::Bug::NoFenceAfterDoubt) {
        return false;
    }
    quick
}

/// Swaps the plan's events, and reads what it needs of them.
async fn load(tx: &mut impl Transaction, plan: &mut Plan<'_>, settings: &Settings) -> Result<PlanState, Failure> {
    let mut read = PlanState::default();
    for (event, members) in &plan.events {
        if let Some(inventory) = tx.swap(event, members.len()).await? {
            read.inventory(event, inventory, members.len());
        }
    }
    if read.is_empty() {
        return Ok(read);
    }
    let now = tx.now();
    let lines = tx.lines(&read.events()).await?;
    read.lines(lines);
    read.leave_out_unbound(plan, &settings.limits);
    let keys = tx.keys(plan).await?;
    read.keys(keys)?;
    let named = tx.bookings(plan).await?;
    let overdue = tx.overdue(&read.events(), now).await?;
    read.bookings(named, overdue, now);
    let places = tx.places(plan, now).await?;
    read.places(plan, places);
    let held_from = tx.held_from(plan, now).await?;
    read.held_from(plan, held_from);
    let refunds = tx.refunds(&read.payments(plan)).await?;
    read.refunds(refunds);
    Ok(read)
}

/// Answers, and per event what makes them true.
#[derive(Debug)]
pub struct PlanDecision {
    /// One for each command, in order.
    pub answers: Vec<Answer>,
    /// One for each event of the plan.
    pub batches: Vec<Batch>,
}

impl PlanDecision {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.batches.iter().all(|batch| batch.changes().is_empty())
    }

    /// What to tell.
    fn rows(&self) -> Result<Vec<Row>, Failure> {
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
    mut read: PlanState,
    now: i64,
    settings: Settings,
    mut fresh: impl FnMut(&Command) -> CommandInputs,
) -> PlanDecision {
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
    PlanDecision { answers, batches }
}

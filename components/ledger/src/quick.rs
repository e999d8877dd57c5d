//! The quick way: what an event has to sell stands in memory, one statement reads the rest by key, and one writes.
//!
//! Only where the host has one call at a time in this instance. Safety rests on versions alone, not on that: memory knows an event as of a version
//! that this ledger made; the reading says whether that is still the version, as of the snapshot that keys and bookings were read in; the writing
//! swaps it, or writes nothing. So whatever else is in memory may at worst cost another try, in a transaction that locks (`transaction`).

use crate::attempts::Failure;
use crate::cache::{Cache, Known};
use crate::clock::Clock;
use crate::plan::Plan;
use crate::postgres::{Reading, Store, Writes};
use crate::read::Read;
use crate::transaction::{self, Decided};
use crate::{Answer, Call, journal, limits};
use ledger_core::{Command, Rejection};
use std::collections::BTreeSet;

/// What is kept between batches.
#[derive(Default)]
pub struct Memory {
    store: Option<(Store, Clock)>,
    cache: Cache,
}

impl Memory {
    /// Forgets the events of these commands: somebody else may write them, or has.
    pub fn forget(&mut self, commands: &[&Command]) {
        commands.iter().for_each(|command| self.cache.forget(&command.event_id));
    }
}

/// Decides commands on the events that are in memory, or can be loaded into it. None for an answer: nothing was done, and the event has to be
/// decided on in a transaction.
pub async fn run(memory: &mut Memory, commands: &[&Command], call: &mut Call) -> Result<Vec<Option<Answer>>, Failure> {
    let had_store = memory.store.is_some();
    let mut decided = attempt(memory, commands, call).await;
    if had_store && matches!(decided, Err(Failure::Down(_))) {
        // The connection may have died long ago. Nothing was done.
        memory.store = None;
        decided = attempt(memory, commands, call).await;
    }
    if let Err(failure) = &decided {
        memory.forget(commands);
        if matches!(failure, Failure::Down(_) | Failure::Doubt(_)) {
            memory.store = None;
        }
    }
    decided
}

async fn attempt(memory: &mut Memory, commands: &[&Command], call: &mut Call) -> Result<Vec<Option<Answer>>, Failure> {
    let Memory { store, cache } = memory;
    let (store, clock) = match store {
        Some(open) => open,
        None => {
            let (opened, clock) = Store::open().await?;
            store.insert((opened, Clock::new(clock)))
        }
    };
    let mut plan = Plan::new(commands);
    load(store, clock, cache, &mut plan).await?;
    if plan.events.is_empty() {
        return Ok(commands.iter().map(|_| None).collect());
    }
    let (decided, now) = decide(store, clock, cache, &mut plan, commands, call).await?;
    let mut writes = Writes::new(now);
    let mut ids = kit::journal::ids(now);
    let mut loud = BTreeSet::new();
    for (number, batch) in decided.batches.iter().enumerate() {
        // One that changes nothing answers as of the reading.
        let Some(state) = batch.state().filter(|_| !batch.changes().is_empty()) else { continue };
        loud.insert(number);
        writes.add(number, state, batch.changes(), plan.commands_of(batch.event()))?;
        writes.tell(number, ids.next().unwrap_or_default(), journal::rows(batch, state.version)?);
    }
    let written: BTreeSet<usize> =
        if loud.is_empty() { BTreeSet::new() } else { store.write(writes).await?.into_iter().collect() };
    for (number, batch) in decided.batches.into_iter().enumerate() {
        if written.contains(&number) {
            if let (Some(state), changes) = batch.into_parts() {
                cache.fold(state, &changes, now);
            }
        } else if loud.contains(&number) {
            cache.forget(batch.event());
            plan.leave_out(batch.event());
        }
    }
    Ok(answers(&plan, decided.answers))
}

/// Answers of the events that are left in the plan.
fn answers(plan: &Plan<'_>, decided: Vec<Answer>) -> Vec<Option<Answer>> {
    let mut answers: Vec<Option<Answer>> = decided.iter().map(|_| None).collect();
    let mut decided: Vec<Option<Answer>> = decided.into_iter().map(Some).collect();
    for place in plan.events.values().flatten() {
        if let (Some(answer), Some(decided)) = (answers.get_mut(*place), decided.get_mut(*place)) {
            *answer = decided.take();
        }
    }
    answers
}

/// Loads the events of the plan that are not in memory, a few at a time, and leaves out those that are not to be had.
async fn load(store: &Store, clock: &Clock, cache: &mut Cache, plan: &mut Plan<'_>) -> Result<(), Failure> {
    let mut left = limits::LOADS;
    let events: Vec<&str> = plan.events.keys().copied().collect();
    for event in events {
        match cache.get(event) {
            Known::Yes(_) => {}
            Known::TooLarge => plan.leave_out(event),
            Known::No if left == 0 => plan.leave_out(event),
            Known::No => {
                left -= 1;
                if let Some((state, holds)) = store.load(event, clock.now()).await? {
                    cache.insert(state, holds);
                }
            }
        }
    }
    Ok(())
}

/// Reads and decides, without writing anything. Events whose version is not the one in memory any more are left out of the plan. Also gives the
/// instant that decisions were made at.
async fn decide(
    store: &Store,
    clock: &mut Clock,
    cache: &mut Cache,
    plan: &mut Plan<'_>,
    commands: &[&Command],
    call: &mut Call,
) -> Result<(Decided, i64), Failure> {
    // Events whose overdue holds have to be read as well.
    let mut untidy: BTreeSet<String> = plan.sweeps.iter().map(|event| (*event).to_owned()).collect();
    let mut reads = 0;
    loop {
        reads += 1;
        let last = reads == limits::READS;
        let now = advance(clock, cache, plan);
        let reading = store.read(plan, overdue(cache, &untidy)).await?;
        let behind = reading.clock - now > limits::CLOCK_BEHIND;
        *clock = Clock::new(reading.clock);
        if behind && !last {
            // This node stood still, or its monotonic clock did.
            continue;
        }
        let read = join(cache, plan, reading, now)?;
        let unread: BTreeSet<String> = read.untidy().map(str::to_owned).collect();
        let settings = call.context.settings;
        let decided = transaction::decide(commands, plan, read, now, settings, |command| call.fresh(command, now));
        // There may be room in what has not been read.
        let stuck = |event: &str| {
            let places = plan.events.get(event).into_iter().flatten();
            places.filter_map(|place| decided.answers.get(*place)).any(|answer| matches!(answer, Err(Rejection::Unavailable(_))))
        };
        let further: Vec<String> = unread.into_iter().filter(|event| !untidy.contains(event) && stuck(event)).collect();
        if further.is_empty() || last {
            return Ok((decided, now));
        }
        untidy.extend(further);
    }
}

/// The time, which for an event never goes backwards; deadlines up to it have passed.
fn advance(clock: &Clock, cache: &mut Cache, plan: &Plan<'_>) -> i64 {
    let mut now = clock.now();
    for event in plan.events.keys() {
        if let Known::Yes(known) = cache.get(event) {
            now = now.max(known.holds.now());
        }
    }
    for event in plan.events.keys() {
        if let Known::Yes(known) = cache.get(event) {
            known.holds.advance(now);
        }
    }
    now
}

/// The overdue holds of these events, the longest overdue first, each event's share not depending on how many another has.
fn overdue(cache: &mut Cache, events: &BTreeSet<String>) -> Vec<Option<String>> {
    let share = usize::try_from(limits::OVERDUE).unwrap_or_default() / events.len().max(1);
    let mut ids = Vec::new();
    for event in events {
        if let Known::Yes(known) = cache.get(event) {
            ids.extend(known.holds.overdue().take(share).map(|id| Some(id.to_owned())));
        }
    }
    ids
}

/// What is in memory and what was read, of those events of which both are of the same version.
fn join(cache: &mut Cache, plan: &mut Plan<'_>, reading: Reading, now: i64) -> Result<Read, Failure> {
    let mut read = Read::default();
    let events: Vec<&str> = plan.events.keys().copied().collect();
    for event in &events {
        let version = reading.versions.get(*event);
        match cache.get(event) {
            Known::Yes(known) if Some(&known.state.version) == version => read.known(known.state.clone()),
            // It was never opened, and is not in the snapshot either.
            Known::No if version.is_none() => {}
            Known::Yes(_) | Known::No | Known::TooLarge => {
                cache.forget(event);
                plan.leave_out(event);
            }
        }
    }
    read.keys(reading.keys)?;
    read.bookings(reading.bookings, Vec::new(), now)?;
    read.places(plan, reading.bought);
    read.refunds(reading.refunds);
    for event in events {
        if let Known::Yes(known) = cache.get(event) {
            read.holds(plan, event, &known.holds);
        }
    }
    Ok(read)
}

//! The fast path: an event's inventory is cached in memory, one statement reads the rest by key, and one writes.
//!
//! Only where the host has one call at a time in this instance. Safety rests on versions alone, not on that: memory knows an event as of a version
//! that this ledger made; the reading says whether that is still the version, as of the snapshot that keys and bookings were read in; the writing
//! swaps it, or writes nothing. So whatever else is in memory may at worst cost another try, in a transaction that locks (`transaction`).

use crate::attempts::Failure;
#[cfg(feature = "bugs")]
use crate::bugs::{Bug, planted};
use crate::cache::{Cache, CacheLookup};
use crate::clock::Clock;
use crate::plan::Plan;
use crate::read::PlanState;
use crate::store::{Database, KeyedReads, Session, Write};
use crate::transaction::{self, PlanDecision};
use crate::{Answer, Call, Host, journal, limits};
use ledger_core::{Changes, Command, Holds, KeyWrite, Rejection, State};
use std::collections::BTreeSet;
use std::time::Duration;

/// What is cached between batches.
pub struct Memory<S> {
    session: Option<(S, Clock)>,
    cache: Cache,
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Self { session: None, cache: Cache::default() }
    }
}

impl<S> Memory<S> {
    /// Drops the cached events of these commands: another ledger may write them, or has.
    pub(crate) fn forget(&mut self, commands: &[&Command]) {
        commands.iter().for_each(|command| self.cache.forget(&command.event_id));
    }
}

/// Decides commands on the events that are in memory, or can be loaded into it. None for an answer: nothing was done, and the event has to be
/// decided on in a transaction.
pub async fn run<D: Database, H: Host>(
    database: &D,
    memory: &mut Memory<D::Session>,
    commands: &[&Command],
    call: &mut Call<'_, H>,
) -> Result<Vec<Option<Answer>>, Failure> {
    let had_session = memory.session.is_some();
    let mut decided = attempt(database, memory, commands, call).await;
    if had_session && matches!(decided, Err(Failure::Down(_))) {
        // The connection may have died long ago. Nothing was done.
        memory.session = None;
        decided = attempt(database, memory, commands, call).await;
    }
    if let Err(failure) = &decided {
        memory.forget(commands);
        if matches!(failure, Failure::Down(_) | Failure::Doubt(_)) {
            memory.session = None;
        }
    }
    decided
}

async fn attempt<D: Database, H: Host>(
    database: &D,
    memory: &mut Memory<D::Session>,
    commands: &[&Command],
    call: &mut Call<'_, H>,
) -> Result<Vec<Option<Answer>>, Failure> {
    let Memory { session, cache } = memory;
    let (session, clock) = match session {
        Some(open) => open,
        None => {
            let (opened, clock) = database.session().await?;
            session.insert((opened, Clock::new(clock, &*call.host)))
        }
    };
    let mut plan = Plan::new(commands);
    load(session, clock, cache, &mut plan, &*call.host).await?;
    if plan.events.is_empty() {
        return Ok(commands.iter().map(|_| None).collect());
    }
    let (decided, now) = decide(session, clock, cache, &mut plan, commands, call).await?;
    let mut writes = Vec::new();
    let prefix = call.host.unique(now);
    let mut loud = BTreeSet::new();
    for (number, batch) in decided.batches.iter().enumerate() {
        let changes = batch.changes();
        // One that changes nothing answers as of the reading.
        let Some(state) = batch.state().filter(|_| !changes.is_empty()) else { continue };
        loud.insert(number);
        writes.push(Write {
            number,
            state,
            changes,
            keys: keys(changes),
            commands: plan.commands_of(batch.event()),
            journal: journal::rows(batch, state.version)?,
            journal_batch: format!("{prefix}{number:04}"),
        });
    }
    let written = write(session, now, writes, &loud).await?;
    debug_assert!(written.is_subset(&loud), "{written:?} were written, of {loud:?}");
    for (number, batch) in decided.batches.into_iter().enumerate() {
        if written.contains(&number) {
            if let (Some(state), changes) = batch.into_parts() {
                cache.fold(state, &changes, now, call.host.elapsed());
            }
        } else if loud.contains(&number) {
            cache.forget(batch.event());
            #[cfg(feature = "bugs")]
            if planted(Bug::LostSwapAnswered) {
                continue;
            }
            plan.leave_out(batch.event());
        }
    }
    Ok(answers(&plan, decided.answers))
}

/// The keys that are written.
fn keys(changes: &Changes) -> &[KeyWrite] {
    #[cfg(feature = "bugs")]
    if planted(Bug::KeyNotStored) {
        return &[];
    }
    &changes.keys
}

/// Writes, and gives the numbers of what was written: of these that there are.
async fn write<S: Session>(
    session: &S,
    now: i64,
    writes: Vec<Write<'_>>,
    loud: &BTreeSet<usize>,
) -> Result<BTreeSet<usize>, Failure> {
    if loud.is_empty() {
        return Ok(BTreeSet::new());
    }
    let written = session.write(now, writes).await;
    #[cfg(feature = "bugs")]
    if planted(Bug::ReplyBeforeCommit) && written.is_err() {
        return Ok(loud.clone());
    }
    Ok(written?.into_iter().collect())
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
async fn load<S: Session>(
    session: &S,
    clock: &Clock,
    cache: &mut Cache,
    plan: &mut Plan<'_>,
    host: &impl Host,
) -> Result<(), Failure> {
    let mut left = limits::LOADS;
    let events: Vec<&str> = plan.events.keys().copied().collect();
    for event in events {
        match cache.get(event, host.elapsed()) {
            CacheLookup::Hit(_) => {}
            CacheLookup::TooLarge => plan.leave_out(event),
            CacheLookup::Miss if left == 0 => plan.leave_out(event),
            CacheLookup::Miss => {
                left -= 1;
                if let Some((state, holds)) = loaded(session, event, clock.now(host)).await? {
                    cache.insert(state, holds, host.elapsed());
                }
            }
        }
    }
    Ok(())
}

/// Loads an event, as of a version that no other ledger knows; none where it was never opened. The fence comes first: a batch that was sent before, by
/// whomever, and has not been committed by then, never will be. The rest is read after it, in statements of their own: whoever changes something in
/// between swaps the version, and the batch that this is for reads that again together with its keys.
async fn loaded<S: Session>(session: &S, event: &str, now: i64) -> Result<Option<(State, Holds)>, Failure> {
    let Some(inventory) = session.fence(event, fence()).await? else { return Ok(None) };
    let mut read = PlanState::default();
    read.inventory(event, inventory, 0);
    read.lines(session.lines(event).await?);
    let mut holds = Holds::new(now);
    let mut after = (0, String::new());
    // One more than the limit says that there are too many.
    while holds.len() <= limits::HOLDS {
        let rows = session.holds(event, (after.0, &after.1), limits::HOLDS_PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = (last.2, last.0.clone());
        for (id, person, expires_at, ticket_type, quantity, client) in rows {
            holds.insert(&id, (&person, client.as_deref()), expires_at, &ticket_type, quantity);
        }
    }
    Ok(read.into_state(event).map(|state| (state, holds)))
}

/// By how much loading an event raises its version.
fn fence() -> u64 {
    #[cfg(feature = "bugs")]
    if planted(Bug::LoadWithoutSwap) {
        return 0;
    }
    1
}

/// Reads and decides, without writing anything. Events whose version is not the one in memory any more are left out of the plan. Also gives the
/// instant that decisions were made at.
async fn decide<S: Session, H: Host>(
    session: &S,
    clock: &mut Clock,
    cache: &mut Cache,
    plan: &mut Plan<'_>,
    commands: &[&Command],
    call: &mut Call<'_, H>,
) -> Result<(PlanDecision, i64), Failure> {
    // Events whose overdue holds have to be read as well.
    let mut untidy: BTreeSet<String> = plan.sweeps.iter().map(|event| (*event).to_owned()).collect();
    let mut reads = 0;
    loop {
        reads += 1;
        let last = reads == limits::READS;
        let now = advance(clock, cache, plan, &*call.host);
        let reading = session.read(plan, overdue(cache, &untidy, call.host.elapsed())).await?;
        let behind = reading.clock - now > limits::CLOCK_BEHIND;
        *clock = Clock::new(reading.clock, &*call.host);
        if behind && !last {
            // This node stood still, or its monotonic clock did.
            continue;
        }
        let read = join(cache, plan, reading, now, call.host.elapsed())?;
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
fn advance(clock: &Clock, cache: &mut Cache, plan: &Plan<'_>, host: &impl Host) -> i64 {
    let (mut now, elapsed) = (clock.now(host), host.elapsed());
    for event in plan.events.keys() {
        if let CacheLookup::Hit(known) = cache.get(event, elapsed) {
            now = now.max(known.holds.now());
        }
    }
    for event in plan.events.keys() {
        if let CacheLookup::Hit(known) = cache.get(event, elapsed) {
            known.holds.advance(now);
        }
    }
    now
}

/// The overdue holds of these events, the longest overdue first, each event's share not depending on how many another has.
fn overdue(cache: &mut Cache, events: &BTreeSet<String>, elapsed: Duration) -> Vec<String> {
    let share = usize::try_from(limits::OVERDUE).unwrap_or_default() / events.len().max(1);
    let mut ids = Vec::new();
    for event in events {
        if let CacheLookup::Hit(known) = cache.get(event, elapsed) {
            ids.extend(known.holds.overdue().take(share).map(str::to_owned));
        }
    }
    ids
}

/// What is in memory and what was read, of those events of which both are of the same version.
fn join(cache: &mut Cache, plan: &mut Plan<'_>, reading: KeyedReads, now: i64, elapsed: Duration) -> Result<PlanState, Failure> {
    let mut read = PlanState::default();
    let events: Vec<&str> = plan.events.keys().copied().collect();
    for event in &events {
        let version = reading.versions.get(*event);
        match cache.get(event, elapsed) {
            CacheLookup::Hit(known) if is_current(known.state.version, version) => read.known(known.state.clone()),
            // It was never opened, and is not in the snapshot either.
            CacheLookup::Miss if version.is_none() => {}
            CacheLookup::Hit(_) | CacheLookup::Miss | CacheLookup::TooLarge => {
                cache.forget(event);
                plan.leave_out(event);
            }
        }
    }
    read.keys(reading.keys)?;
    read.bookings(reading.bookings, Vec::new(), now);
    read.places(plan, reading.bought);
    read.refunds(reading.refunds);
    for event in events {
        if let CacheLookup::Hit(known) = cache.get(event, elapsed) {
            read.holds(plan, event, &known.holds);
        }
    }
    Ok(read)
}

/// Whether what is remembered of an event is of the version that was read.
fn is_current(remembered: u64, read: Option<&u64>) -> bool {
    #[cfg(feature = "bugs")]
    if planted(Bug::StaleRefusal) {
        return true;
    }
    Some(&remembered) == read
}

//! What an instance does again and again: it renews its lease or claims a free one, writes down what it has heard, reads what holds, and decides what
//! follows where it acts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rollout::machine::{self, Decision, EventKind, Fleet, Node, Rollout};
use rollout::protocol::Stamp;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::conditions::Condition;
use crate::control::Shared;
use crate::error::Error;
use crate::limits;
use crate::store::{AuditEntry, Change, NodeRow, RolloutRow, Snapshot, Store};

/// Runs until `stop`.
pub(crate) async fn run(shared: &Arc<Shared>, stop: CancellationToken) {
    tokio::join!(rounds(shared, &stop), follow(shared, &stop), shared.tokens.clone().follow(stop.clone()));
    if shared.acts.swap(false, Ordering::Relaxed)
        && let Err(error) = shared.store.give_up(&shared.name).await
    {
        tracing::warn!(%error, "could not give the lease up: another instance acts once it has run out");
    }
}

async fn rounds(shared: &Shared, stop: &CancellationToken) {
    let mut beat = interval(limits::ROUND);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said: Option<String> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
            () = shared.changed.notified() => {}
        }
        // A round that has begun is ended: each of its statements is bounded.
        let began = Instant::now();
        match round(shared).await {
            Ok(()) => {
                shared.done_round();
                shared.metrics.round(began.elapsed());
                if said.take().is_some() {
                    tracing::info!("the database answers again");
                }
            }
            Err(error) => {
                let error = error.to_string();
                // Once for each reason, not for each round.
                if said.as_ref() != Some(&error) {
                    tracing::error!(error, "a round of the control plane failed: nodes keep what they have");
                    said = Some(error);
                }
            }
        }
    }
}

/// Reads what nodes are to do as soon as another instance has changed it.
async fn follow(shared: &Shared, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(limits::DESIRED_POLL) => {}
        }
        let known = shared.desired.borrow().stamp;
        // What fails here fails in the next round as well, which says so.
        if let Ok(stamp) = shared.store.stamp().await
            && stamp > known
            && let Ok(snapshot) = shared.store.look().await
        {
            shared.publish(&snapshot);
        }
    }
}

async fn round(shared: &Shared) -> Result<(), Error> {
    let mut snapshot = shared.store.look().await?;
    let mine = snapshot.lease.holder == shared.name;
    let mut acts = mine && shared.store.renew(&shared.name, snapshot.lease.stamp.epoch).await?;
    if !acts && snapshot.lease.expires_at <= snapshot.now && shared.store.claim(&shared.name).await?.is_some() {
        snapshot = shared.store.look().await?;
        acts = snapshot.lease.holder == shared.name;
    }
    if shared.acts.swap(acts, Ordering::Relaxed) != acts {
        let epoch = snapshot.lease.stamp.epoch;
        if acts {
            tracing::info!(epoch, "this instance acts");
        } else {
            tracing::warn!(epoch, "another instance acts");
        }
    }
    shared.metrics.acts(acts, snapshot.lease.stamp.epoch);
    let forward = shared.publish(&snapshot);
    if acts && !forward {
        tracing::error!("the database is older than what nodes were told: it was restored. A later epoch begins");
        return shared.store.give_up(&shared.name).await;
    }
    // Only now: with many nodes this takes longest, and a lease is not to run out over it.
    write_down(shared).await?;
    if acts { decide(shared, snapshot).await } else { Ok(()) }
}

/// Writes down what was heard, so many nodes at a time: what was written then need not be again where the rest is not.
async fn write_down(shared: &Shared) -> Result<(), Error> {
    let mut reports = shared.heard.take();
    while !reports.is_empty() {
        let rest = reports.split_off(reports.len().min(limits::REPORTS));
        if let Err(error) = shared.store.write_reports(&reports).await {
            shared.heard.put_back(reports.into_iter().chain(rest).collect());
            return Err(error);
        }
        reports = rest;
    }
    Ok(())
}

/// Decides what follows, stores it, and then lets nodes know.
async fn decide(shared: &Shared, snapshot: Snapshot) -> Result<(), Error> {
    let mut known = shared.known.lock().await;
    // What nodes say changes nothing where all is over: it is only counted.
    let is_over = snapshot.rollout.as_ref().is_none_or(|row| row.state.state.is_final());
    let mut now = snapshot.now;
    if !is_over || known.read.is_none_or(|read| read.elapsed() >= limits::COUNTED) {
        now = known.refresh(&shared.store).await?;
        shared.metrics.nodes(Condition::count(&snapshot, &known.fleet, now));
    }
    let Some(row) = snapshot.rollout else { return Ok(()) };
    is_sound(&row.state);
    shared.metrics.rollout(&row.state.plan.application, row.state.state.name());
    let fleet = &mut known.fleet;
    let queries = &row.state.plan.analysis.queries;
    fleet.readings = if queries.is_empty() || !row.state.is_due(now) {
        BTreeMap::new()
    } else if let Some(prometheus) = &shared.prometheus {
        prometheus.ask(queries).await
    } else {
        let none = || Err("this control plane has no Prometheus".to_owned());
        queries.iter().map(|query| (query.name.clone(), none())).collect()
    };
    let Decision { next, events } = machine::decide(&row.state, now, fleet);
    if next == row.state {
        return Ok(());
    }
    for event in &events {
        tracing::info!(rollout = row.release.0, kind = kind(event), "{}", event.text);
    }
    let entries = events.iter().map(|event| entry(&shared.name, &row, event)).collect();
    let change = change(snapshot.lease.stamp, &row, &next, fleet.nodes.keys(), entries)?;
    if shared.store.swap(&change).await? {
        if let Some(verdict) = verdict(&row.state, &next, &events) {
            shared.metrics.look(verdict);
        }
        let snapshot = shared.store.look().await?;
        shared.publish(&snapshot);
    } else {
        shared.metrics.conflict("round");
    }
    Ok(())
}

/// What a look has come to, if there was one.
fn verdict(before: &Rollout, next: &Rollout, events: &[machine::Event]) -> Option<&'static str> {
    before.state.position()?;
    let is_taken_back = next.state.reason().is_some();
    if next.looked_ms == before.looked_ms && !is_taken_back {
        return None;
    }
    let has_failed = events.iter().any(|event| event.kind == EventKind::LookFailed);
    Some(if is_taken_back {
        "taken-back"
    } else if has_failed {
        "failed"
    } else if next.waiting.is_empty() {
        "passed"
    } else {
        "waiting"
    })
}

/// Nodes, as decisions are made of them.
pub(crate) fn known(nodes: Vec<NodeRow>) -> BTreeMap<String, Node> {
    nodes.into_iter().map(|row| (row.node, Node { report: row.report, seen_at_ms: row.seen_at })).collect()
}

/// All nodes as the database had them when something was decided last.
#[derive(Debug, Default)]
pub(crate) struct Known {
    fleet: Fleet,
    /// When this was so.
    read: Option<Instant>,
}

impl Known {
    /// Reads what nodes have reported since this was done last; the time that it is.
    async fn refresh(&mut self, store: &Store) -> Result<u64, Error> {
        let (seen, now) = store.seen().await?;
        let nodes = &mut self.fleet.nodes;
        let is_known = |(node, at): &(&String, &u64)| nodes.get(*node).is_some_and(|known| known.seen_at_ms == **at);
        let news: Vec<String> = seen.iter().filter(|one| !is_known(one)).map(|(node, _)| node.clone()).collect();
        nodes.retain(|node, _| seen.contains_key(node));
        for some in news.chunks(limits::REPORTS) {
            nodes.extend(self::known(store.nodes_called(some).await?));
        }
        self.read = Some(Instant::now());
        Ok(now)
    }
}

/// What becomes of a rollout: nodes are told where one of them is to do something else than before.
pub(crate) fn change<'a>(
    from: Stamp,
    row: &'a RolloutRow,
    next: &'a Rollout,
    nodes: impl Iterator<Item = &'a String>,
    audit: Vec<AuditEntry>,
) -> Result<Change, Error> {
    is_sound(next);
    let chosen = row.state.chosen.keys().chain(next.chosen.keys());
    let nodes: BTreeSet<&str> = nodes.chain(chosen).map(String::as_str).chain([ANYBODY]).collect();
    let of = |rollout: &Rollout, node: &str| machine::assignment_for(rollout, node, from);
    let desired = nodes.iter().any(|node| of(&row.state, node) != of(next, node));
    let state = serde_json::to_string(next).map_err(|error| Error::row("control_rollouts", error))?;
    let ended = next.state.is_final();
    Ok(Change { from, release: row.release, revision: row.revision, state, ended, desired, audit })
}

/// A node that nobody has heard of yet.
const ANYBODY: &str = "marquee://edge/-/new";

fn is_sound(rollout: &Rollout) {
    if let Err(reason) = rollout.is_sound() {
        tracing::error!(rollout = rollout.new.id.0, reason, "the state of a rollout contradicts itself: a bug");
        debug_assert!(false, "{reason}");
    }
}

/// What an event is called.
fn kind(event: &machine::Event) -> String {
    let named = serde_json::to_value(event.kind).ok();
    named.and_then(|named| named.as_str().map(str::to_owned)).unwrap_or_default()
}

/// An event of a rollout, for the audit log.
pub(crate) fn entry(who: &str, row: &RolloutRow, event: &machine::Event) -> AuditEntry {
    AuditEntry::new(who, kind(event), format!("rollout {}", row.release.0), event.text.clone())
}

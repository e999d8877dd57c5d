//! What is shown of rows: times as RFC 3339, numbers as they are.

use rollout::analysis::{self, Against, Figures};
use rollout::machine::{self, Rollout};
use rollout::protocol::{Counters, Release, Stamp};
use serde_json::{Value, json};

use crate::conditions::{Condition, drifts, is_away};
use crate::people::Caller;
use crate::store::{AuditRow, NodeRow, ReleaseRow, RolloutRow, Snapshot};

/// A time in milliseconds since the Unix epoch.
fn time(milliseconds: u64) -> Value {
    let time = i64::try_from(milliseconds).ok().and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
    time.map_or(Value::Null, |time| Value::String(time.to_string()))
}

fn short(release: &Release) -> Value {
    json!({ "release": release.id, "reference": release.reference })
}

/// A rollout in a line.
pub(super) fn line(row: &RolloutRow) -> Value {
    let rollout = &row.state;
    let (at, step) = rollout.state.position().unzip();
    let at = at.and_then(|stage| rollout.plan.stages.get(stage));
    let weight = at.zip(step.flatten()).map(|(stage, step)| stage.weight(step));
    json!({
        "id": row.release,
        "application": rollout.plan.application,
        "state": rollout.state.name(),
        "stage": at.map(|stage| &stage.name),
        "weight": weight,
        "reason": rollout.state.reason(),
        "new": short(&rollout.new),
        "old": rollout.old.as_ref().map(short),
        "way_back": rollout.old_kept && rollout.old.is_some(),
        "began_at": time(row.began_at),
        "began_by": row.began_by,
        "changed_at": time(row.changed_at),
        "over": row.ended,
    })
}

/// All there is to say of a rollout.
pub(super) fn rollout(row: &RolloutRow) -> Value {
    let rollout = &row.state;
    let stages: Vec<_> = rollout.plan.stages.iter().map(|stage| &stage.name).collect();
    let event = |event: &machine::Event| json!({ "at": time(event.at_ms), "kind": event.kind, "text": event.text });
    let events: Vec<_> = rollout.events.iter().map(event).collect();
    let mut shown = line(row);
    let more = json!({
        "since": time(rollout.since_ms),
        "stages": stages,
        "step": rollout.state.position().and_then(|(_, step)| step),
        "progress": progress(rollout),
        "figures": rollout.figures.iter().map(figures).collect::<Vec<_>>(),
        "waiting": rollout.waiting,
        "failed_looks": rollout.failed_looks,
        "nodes": rollout.chosen.keys().collect::<Vec<_>>(),
        "skipped": rollout.skipped,
        "variables": rollout.new.variables,
        "events": events,
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

/// The plan's stages, and how far each is: done, under way, to come or, where the rollout was ended, reached.
fn progress(rollout: &Rollout) -> Vec<Value> {
    let state = &rollout.state;
    let current = state.position();
    let reached = rollout.chosen.values().flat_map(|chosen| chosen.also.iter().copied().chain([chosen.stage])).max();
    let far = |at: usize| match current {
        Some((stage, _)) if at < stage => "done",
        Some((stage, _)) if at == stage => "under-way",
        Some(_) => "to-come",
        None if *state == machine::State::Completed => "done",
        None if reached.is_some_and(|reached| at <= reached) => "reached",
        None => "to-come",
    };
    let stage = |(at, stage): (usize, &rollout::plan::Stage)| {
        let chosen = rollout.chosen.values().filter(|chosen| chosen.stage == at || chosen.also.contains(&at));
        json!({
            "name": stage.name,
            "state": far(at),
            "nodes": chosen.count(),
            "steps": (0..stage.steps()).map(|step| stage.weight(step)).collect::<Vec<_>>(),
            "gate": stage.gate,
        })
    };
    rollout.plan.stages.iter().enumerate().map(stage).collect()
}

/// What both releases did on nodes of one kind, as the last look has found it.
fn figures(of: &Figures) -> Value {
    let Figures { kind, at_ms, window_ms, against, new, old } = of;
    let nothing = *against == Against::Nothing;
    // The window before may have been a longer one.
    let old_window_ms = if *against == Against::WindowBefore { 0 } else { *window_ms };
    json!({
        "kind": kind,
        "at": time(*at_ms),
        "window_ms": window_ms,
        "against": if nothing { Value::Null } else { against.words().into() },
        "new": counted(new, *window_ms),
        "old": if nothing { Value::Null } else { counted(old, old_window_ms) },
    })
}

/// What a release did in a window. Without a length of it there is no rate, and without a request no share and no quantile.
fn counted(counters: &Counters, window_ms: u64) -> Value {
    let Counters { requests, errors, traps, restarts, memory, latency } = counters;
    let of = |count: u64, of: f64| (of > 0.0).then(|| float(count) / of);
    let quantile = |share| analysis::quantile(latency, share).map(|microseconds| microseconds.round() / 1_000.0);
    json!({
        "requests": requests,
        "per_second": of(*requests, float(window_ms) / 1_000.0),
        "errors": errors,
        "error_share": of(*errors, float(*requests)),
        "latency_ms": { "p50": quantile(0.5), "p90": quantile(0.9), "p99": quantile(0.99) },
        "traps": traps,
        "restarts": restarts,
        "memory": memory,
    })
}

/// Counts of one window are far below what a float has as an integer.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// A holder of the lease, by its instance's name.
fn instance(holder: &str) -> Option<&str> {
    holder.split('/').next().filter(|name| !name.is_empty())
}

/// How the fleet is.
pub(super) fn status(name: &str, you: &Caller, snapshot: &Snapshot, nodes: &[NodeRow], now: u64) -> Value {
    let lease = &snapshot.lease;
    let acts = if lease.expires_at > snapshot.now { instance(&lease.holder) } else { None };
    let (away, there): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| is_away(node.seen_at, now));
    let drifting = there.iter().filter(|node| !drifts(snapshot, &node.node, &node.report).is_empty()).count();
    json!({
        "instance": instance(name),
        "acts": acts,
        "you": { "name": you.name, "role": you.role },
        "stamp": lease.stamp,
        "time": time(snapshot.now),
        "nodes": { "known": nodes.len(), "away": away.len(), "drifting": drifting },
        "rollout": snapshot.rollout.as_ref().map(rollout),
    })
}

/// A node.
pub(super) fn node(snapshot: &Snapshot, row: &NodeRow, now: u64) -> Value {
    let report = &row.report;
    let stamp: Stamp = snapshot.lease.stamp;
    let assigned = snapshot.rollout.as_ref().and_then(|last| machine::assignment_for(&last.state, &row.node, stamp));
    json!({
        "node": row.node,
        "kind": report.node.kind,
        "region": report.node.region,
        "labels": report.node.labels,
        "host": report.node.host,
        "seen_at": time(row.seen_at),
        "away": is_away(row.seen_at, now),
        "state": Condition::of(snapshot, &row.node, report, row.seen_at, now).name(),
        "known": report.known,
        "releases": report.releases,
        "serving": report.serving,
        "assigned": assigned.map(|assignment| assignment.serving),
        "drift": drifts(snapshot, &row.node, report),
    })
}

/// Nodes that are not as they are to be.
pub(super) fn drift(snapshot: &Snapshot, nodes: &[NodeRow], now: u64) -> Value {
    let differing = nodes.iter().filter_map(|node| {
        let (away, drift) = (is_away(node.seen_at, now), drifts(snapshot, &node.node, &node.report));
        let differs = away || !drift.is_empty();
        differs.then(|| json!({ "node": node.node, "away": away, "seen_at": time(node.seen_at), "drift": drift }))
    });
    json!({ "stamp": snapshot.lease.stamp, "known": nodes.len(), "nodes": differing.collect::<Vec<_>>() })
}

/// A release.
pub(super) fn release(row: &ReleaseRow) -> Value {
    json!({
        "release": row.release.id,
        "application": row.application,
        "version": row.version,
        "reference": row.release.reference,
        "variables": row.release.variables,
        "needs": row.release.needs,
        "components": row.contents.components,
        "manifest": row.contents.manifest,
        "key": row.contents.key,
        "created_at": time(row.created_at),
        "created_by": row.created_by,
    })
}

/// A row of the audit log.
pub(super) fn audit(row: &AuditRow) -> Value {
    let AuditRow { id, at, who, what, subject, detail } = row;
    json!({ "id": id, "at": time(*at), "who": who, "what": what, "subject": subject, "detail": detail })
}

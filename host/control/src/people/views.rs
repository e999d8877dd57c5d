//! What is shown of rows: times as RFC 3339, numbers as they are.

use rollout::machine;
use rollout::protocol::{Release, Stamp};
use serde_json::{Value, json};

use crate::limits;
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

/// A holder of the lease, by its instance's name.
fn instance(holder: &str) -> Option<&str> {
    holder.split('/').next().filter(|name| !name.is_empty())
}

/// How the fleet is.
pub(super) fn status(name: &str, snapshot: &Snapshot, nodes: &[NodeRow], now: u64) -> Value {
    let lease = &snapshot.lease;
    let acts = if lease.expires_at > snapshot.now { instance(&lease.holder) } else { None };
    let away = nodes.iter().filter(|node| is_away(node, now)).count();
    let drifting = nodes.iter().filter(|node| !is_away(node, now) && !drifts(snapshot, node).is_empty()).count();
    json!({
        "instance": instance(name),
        "acts": acts,
        "stamp": lease.stamp,
        "time": time(snapshot.now),
        "nodes": { "known": nodes.len(), "away": away, "drifting": drifting },
        "rollout": snapshot.rollout.as_ref().map(rollout),
    })
}

pub(crate) fn is_away(node: &NodeRow, now: u64) -> bool {
    u128::from(now.saturating_sub(node.seen_at)) > limits::AWAY.as_millis()
}

/// How a node differs from what it is to do.
pub(crate) fn drifts(snapshot: &Snapshot, node: &NodeRow) -> Vec<String> {
    let rollout = snapshot.rollout.as_ref();
    rollout.map(|rollout| machine::drift(&rollout.state, &node.node, &node.report)).unwrap_or_default()
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
        "away": is_away(row, now),
        "known": report.known,
        "releases": report.releases,
        "serving": report.serving,
        "assigned": assigned.map(|assignment| assignment.serving),
        "drift": drifts(snapshot, row),
    })
}

/// Nodes that are not as they are to be.
pub(super) fn drift(snapshot: &Snapshot, nodes: &[NodeRow], now: u64) -> Value {
    let differing = nodes.iter().filter_map(|node| {
        let (away, drift) = (is_away(node, now), drifts(snapshot, node));
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

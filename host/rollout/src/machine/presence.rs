//! Which nodes are there, which have what they are to have, and which will not run the release.

use std::collections::BTreeMap;

use super::assignment::serving;
use super::{Fleet, Rollout};
use crate::limits;
use crate::protocol::{FailureKind, Phase, Report};

/// How a node is that the release is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It serves what it is to serve.
    Reached,
    /// It is there, and does not yet.
    Behind,
    /// It has not been heard of for a while.
    Away {
        /// Not since the stage began.
        since_before: bool,
    },
}

/// How a node is now.
pub(super) fn of(rollout: &Rollout, name: &str, fleet: &Fleet, now_ms: u64) -> Presence {
    let Some(node) = fleet.nodes.get(name) else { return Presence::Away { since_before: true } };
    if is_away(rollout, node.seen_at_ms, now_ms) {
        return Presence::Away { since_before: node.seen_at_ms < rollout.stage_ms };
    }
    if node.report.serving == serving(rollout, name) { Presence::Reached } else { Presence::Behind }
}

/// Whether a node that was seen then counts as away. While nobody listened, nobody was away.
pub(super) fn is_away(rollout: &Rollout, seen_at_ms: u64, now_ms: u64) -> bool {
    is_silent(seen_at_ms.max(rollout.watched_ms), now_ms)
}

/// Whether nothing has been heard since then for so long that a node counts as away.
pub(super) fn is_silent(since_ms: u64, now_ms: u64) -> bool {
    u128::from(now_ms.saturating_sub(since_ms)) > limits::AWAY.as_millis()
}

/// Nodes that will not run the release, in sentences.
pub(super) fn refusals(rollout: &Rollout, fleet: &Fleet) -> Vec<String> {
    let failed = failures(rollout, fleet).filter(|(_, _, kind, _)| !kind.may_pass());
    failed.map(|(name, _, kind, reason)| cannot(name, kind, reason)).collect()
}

/// Nodes that say in this interval that they cannot have the release yet, by name, in sentences. What a node said before it fell silent may have passed, and
/// those that are not waited for hold up nobody.
pub(super) fn hindrances(rollout: &Rollout, fleet: &Fleet, now_ms: u64) -> BTreeMap<String, String> {
    let since = now_ms.saturating_sub(rollout.plan.interval_ms);
    let hindered = failures(rollout, fleet)
        .filter(|(name, seen_at_ms, kind, _)| kind.may_pass() && *seen_at_ms >= since && !rollout.skipped.contains(*name));
    hindered.map(|(name, _, kind, reason)| (name.to_owned(), cannot(name, kind, reason))).collect()
}

fn cannot(name: &str, kind: FailureKind, reason: &str) -> String {
    format!("{} cannot run it ({}: {})", short(name), kind.name(), quoted(reason))
}

/// Nodes that the release is for and where it has failed: who, when they said so, and why.
fn failures<'a>(rollout: &'a Rollout, fleet: &'a Fleet) -> impl Iterator<Item = (&'a str, u64, FailureKind, &'a str)> {
    rollout.chosen.keys().filter_map(|name| {
        let node = fleet.nodes.get(name)?;
        let (kind, reason) = failure(rollout, &node.report)?;
        Some((name.as_str(), node.seen_at_ms, kind, reason))
    })
}

fn failure<'a>(rollout: &Rollout, report: &'a Report) -> Option<(FailureKind, &'a str)> {
    let of = report.releases.iter().find(|of| of.release == rollout.new.id)?;
    match &of.phase {
        Phase::Failed { kind, reason } => Some((*kind, reason)),
        Phase::Preparing | Phase::Ready => None,
    }
}

/// An identity as people read it: `marquee://edge/-/a` is `edge/a`.
pub(super) fn short(identity: &str) -> String {
    identity.strip_prefix("marquee://").unwrap_or(identity).replace("/-/", "/")
}

/// Some names, and how many others there are.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(short).collect();
    let (said, others) = names.split_at(names.len().min(limits::NAMED));
    let said = said.join(", ");
    if others.is_empty() { said } else { format!("{said} and {} more", others.len()) }
}

/// What a node says, cut to what a sentence may hold, on one line.
pub(super) fn quoted(reason: &str) -> String {
    let printable = |char: char| if char.is_control() { ' ' } else { char };
    reason.chars().map(printable).take(limits::REASON_CHARS).collect()
}

//! What each node is to do: a function of the rollout's state.

use std::time::Duration;

use super::{Chosen, Rollout, State};
use crate::limits;
use crate::protocol::{Assignment, NodeKind, Phase, Release, Report, Share, Stamp};

/// What a node is to do; none where it is to keep what its own configuration names.
#[must_use]
pub fn assignment_for(rollout: &Rollout, node: &str, stamp: Stamp) -> Option<Assignment> {
    let serving = serving(rollout, node);
    if serving.is_empty() {
        return None;
    }
    let releases = kept(rollout, node).into_iter().cloned().collect();
    let assignment = Assignment { stamp, releases, serving, report_ms: report_ms(rollout) };
    debug_assert!(is_sound(rollout, node, &assignment), "{assignment:?}");
    Some(assignment)
}

/// What is to serve on a node, the older first.
pub(super) fn serving(rollout: &Rollout, node: &str) -> Vec<Share> {
    let weight = weight(rollout, node);
    let old = rollout.old.as_ref().map(|old| Share { release: old.id, weight: 100_u8.saturating_sub(weight) });
    let new = Share { release: rollout.new.id, weight };
    old.into_iter().chain([new]).filter(|share| share.weight > 0).collect()
}

/// The new release's share of a node's requests, in percent.
fn weight(rollout: &Rollout, node: &str) -> u8 {
    let chosen = rollout.chosen.get(node);
    match &rollout.state {
        State::Completed => 100,
        State::Pending => 0,
        State::RollingBack { .. } | State::RolledBack { .. } | State::Aborted { .. } | State::Failed { .. } => {
            // Without a release before there is nothing that could serve instead.
            if chosen.is_some() && rollout.old.is_none() { 100 } else { 0 }
        }
        State::Running { .. } | State::Gated { .. } | State::Paused { .. } => {
            chosen.map_or(0, |chosen| weight_under_way(rollout, chosen))
        }
    }
}

fn weight_under_way(rollout: &Rollout, chosen: &Chosen) -> u8 {
    let Some((current, step)) = rollout.state.position() else { return 0 };
    if chosen.kind != NodeKind::Edge || rollout.old.is_none() {
        return 100;
    }
    let stages = std::iter::once(&chosen.stage).chain(&chosen.also).filter(|stage| **stage <= current);
    let weights = stages.filter_map(|index| {
        let stage = rollout.plan.stages.get(*index)?;
        Some(match step {
            Some(step) if *index == current => stage.weight(step),
            _ => stage.max_weight,
        })
    });
    weights.max().unwrap_or(0)
}

/// What a node is to have ready, the older first. The release before is kept for the way back, and goes with the end of the window for that.
fn kept<'a>(rollout: &'a Rollout, node: &str) -> Vec<&'a Release> {
    let (old, new) = (rollout.old.as_ref(), &rollout.new);
    let is_on_its_way = rollout.state.position().is_some() && rollout.chosen.contains_key(node);
    match rollout.state {
        State::Completed if rollout.old_kept => old.into_iter().chain([new]).collect(),
        State::Completed => vec![new],
        _ if is_on_its_way || old.is_none() => old.into_iter().chain([new]).collect(),
        _ => old.into_iter().collect(),
    }
}

fn report_ms(rollout: &Rollout) -> u32 {
    let (least, most) = limits::REPORT_UNDER_WAY;
    let often = Duration::from_millis(rollout.plan.interval_ms / 3).clamp(least, most);
    let every = if rollout.state.is_final() { limits::REPORT_IDLE } else { often };
    u32::try_from(every.as_millis()).unwrap_or(u32::MAX)
}

/// The other half of `Rollout::is_sound`: what no node may ever be told.
fn is_sound(rollout: &Rollout, node: &str, assignment: &Assignment) -> bool {
    let Assignment { releases, serving, .. } = assignment;
    let sum: u32 = serving.iter().map(|share| u32::from(share.weight)).sum();
    let serves_new = serving.iter().any(|share| share.release == rollout.new.id);
    let may_serve_new = rollout.chosen.contains_key(node) || rollout.state == State::Completed;
    let is_taken_back = matches!(
        rollout.state,
        State::RollingBack { .. } | State::RolledBack { .. } | State::Aborted { .. } | State::Failed { .. }
    );
    sum == 100
        && releases.len() <= 2
        && serving.iter().all(|share| releases.iter().any(|release| release.id == share.release))
        && (!serves_new || may_serve_new)
        && !(serves_new && is_taken_back && rollout.old.is_some())
}

/// How a node differs from what it is to do, in sentences; nothing where it does not.
#[must_use]
pub fn drift(rollout: &Rollout, node: &str, report: &Report) -> Vec<String> {
    let wanted = serving(rollout, node);
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut differences = Vec::new();
    if report.serving != wanted {
        differences.push(format!("serves {}, and is to serve {}", words(&report.serving), words(&wanted)));
    }
    for release in kept(rollout, node) {
        let id = release.id.0;
        match report.releases.iter().find(|of| of.release == release.id).map(|of| &of.phase) {
            Some(Phase::Ready) => {}
            Some(Phase::Preparing) => differences.push(format!("prepares release {id}")),
            Some(Phase::Failed { kind, reason }) => {
                differences.push(format!("release {id} has failed there ({}: {})", kind.name(), super::presence::quoted(reason)));
            }
            None => differences.push(format!("does not have release {id}")),
        }
    }
    differences
}

fn words(serving: &[Share]) -> String {
    if serving.is_empty() {
        return "what its own configuration names".to_owned();
    }
    let shares = serving.iter().map(|share| format!("release {} ({} %)", share.release.0, share.weight));
    shares.collect::<Vec<_>>().join(" and ")
}

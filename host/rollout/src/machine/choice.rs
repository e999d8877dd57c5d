//! Which nodes a stage is for.

use super::presence::{is_away, is_silent};
use super::{Chosen, Fleet, Rollout};
use crate::limits;
use crate::protocol::ReleaseId;

/// The nodes of a stage, by identity. Of those that match, the same ones are chosen for one release again and again; another release meets others first.
pub(super) fn nodes_of(rollout: &Rollout, stage: usize, fleet: &Fleet, now_ms: u64) -> Vec<String> {
    let Some(selector) = rollout.plan.stages.get(stage).map(|stage| &stage.nodes) else { return Vec::new() };
    let matching = fleet.nodes.iter().filter(|(_, node)| selector.matches(&node.report.node)).take(limits::NODES);
    let (away, there): (Vec<_>, Vec<_>) = matching.partition(|(_, node)| is_away(rollout, node.seen_at_ms, now_ms));
    // A share is one of those that can show something; all of them is all.
    let from = if selector.percent == 100 {
        there.into_iter().chain(away).collect()
    } else if there.is_empty() {
        away
    } else {
        there
    };
    let mut names: Vec<&String> = from.into_iter().map(|(name, _)| name).collect();
    let count = names.len().saturating_mul(usize::from(selector.percent)).div_ceil(100);
    // A rollout that has just begun has not waited for anybody yet, so nobody is away for it. Who was heard of lately comes first all the same: a stage of
    // nodes that are away would show nothing.
    let silent = |name: &String| fleet.nodes.get(name).is_none_or(|node| is_silent(node.seen_at_ms, now_ms));
    names.sort_by_cached_key(|name| (silent(name), rank(name, rollout.new.id)));
    names.into_iter().take(count).cloned().collect()
}

/// Adds nodes to those that the release is for. Says whether that is anything new.
pub(super) fn choose(rollout: &mut Rollout, stage: usize, names: &[String], fleet: &Fleet) -> bool {
    let mut is_new = false;
    for name in names {
        if let Some(chosen) = rollout.chosen.get_mut(name) {
            is_new |= chosen.stage != stage && chosen.also.insert(stage);
        } else if let Some(node) = fleet.nodes.get(name).filter(|_| rollout.chosen.len() < limits::NODES) {
            let chosen = Chosen { stage, kind: node.report.node.kind, also: std::collections::BTreeSet::new() };
            is_new |= rollout.chosen.insert(name.clone(), chosen).is_none();
        }
    }
    is_new
}

/// FNV-1a, and the end of SplitMix64, which spreads what differs in the last character only: the same on every instance and in every version.
fn rank(name: &str, release: ReleaseId) -> u64 {
    let bytes = name.bytes().chain(release.0.to_be_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

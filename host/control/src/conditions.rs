//! How a node is, in a word.

use rollout::machine::{self, Fleet, Node};
use rollout::protocol::{Phase, Report};

use crate::limits;
use crate::store::Snapshot;

/// What a node is, of these the first that is so, from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is as it is to be, or nothing is to be there yet.
    Ready,
    /// It is there, and not yet as it is to be.
    Switching,
    /// A release that it is to have does not run there.
    Failed,
    /// It has not been heard of for a while.
    Away,
}

impl Condition {
    /// All, in the order of [`telemetry::rollouts::NODE_STATES`].
    pub(crate) const ALL: [Self; 4] = [Self::Ready, Self::Switching, Self::Failed, Self::Away];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Switching => "switching",
            Self::Failed => "failed",
            Self::Away => "away",
        }
    }

    pub(crate) fn of(snapshot: &Snapshot, node: &str, report: &Report, seen_at: u64, now: u64) -> Self {
        let failed = |phase: &Phase| matches!(phase, Phase::Failed { .. });
        if is_away(seen_at, now) {
            Self::Away
        } else if report.releases.iter().any(|release| failed(&release.phase)) {
            Self::Failed
        } else if drifts(snapshot, node, report).is_empty() {
            Self::Ready
        } else {
            Self::Switching
        }
    }

    /// How many nodes are in each.
    pub(crate) fn count(snapshot: &Snapshot, fleet: &Fleet, now: u64) -> [usize; 4] {
        let of = |(name, node): (&String, &Node)| Self::of(snapshot, name, &node.report, node.seen_at_ms, now);
        let all: Vec<_> = fleet.nodes.iter().map(of).collect();
        Self::ALL.map(|condition| all.iter().filter(|of| **of == condition).count())
    }
}

pub(crate) fn is_away(seen_at: u64, now: u64) -> bool {
    u128::from(now.saturating_sub(seen_at)) > limits::AWAY.as_millis()
}

/// How a node differs from what it is to do.
pub(crate) fn drifts(snapshot: &Snapshot, node: &str, report: &Report) -> Vec<String> {
    let rollout = snapshot.rollout.as_ref();
    rollout.map(|rollout| machine::drift(&rollout.state, node, report)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_people_have_the_same_words() {
        assert_eq!(Condition::ALL.map(Condition::name), telemetry::rollouts::NODE_STATES);
    }
}

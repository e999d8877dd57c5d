//! Whether a release is worse than the one before.
//!
//! Both are compared at the same time and, where both serve there, on the same nodes: what happens to all of them alike (an outage, a rush) fails nobody.

use serde::{Deserialize, Serialize};

use crate::protocol::{Counters, NodeKind, Report};

mod compare;
mod counters;
mod histogram;
mod statistics;
#[cfg(test)]
mod tests;

pub use compare::Against;
pub(crate) use compare::{Comparison, compare, judge_reading};
pub(crate) use counters::{add, counters_of, since};
pub use histogram::quantile;

/// What a node had counted when a window began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Of the process that had counted it; another one began anew.
    pub boot: u64,
    /// Of the process that was last seen.
    pub latest_boot: u64,
    /// How often the process has begun anew since.
    pub boots: u32,
    /// What the old release had done.
    pub old: Counters,
    /// What the new one had.
    pub new: Counters,
}

/// What both releases did on the nodes of one kind, as a look has found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Which nodes.
    pub kind: NodeKind,
    /// When it was looked.
    pub at_ms: u64,
    /// How long the window is that was counted in.
    pub window_ms: u64,
    /// What the release before is compared by.
    pub against: Against,
    /// What the new release did.
    pub new: Counters,
    /// What the one before did.
    pub old: Counters,
}

/// What both releases have done on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    pub old: Counters,
    pub new: Counters,
}

impl Baseline {
    /// From what a node says now.
    pub(crate) fn of(report: &Report, pair: Pair) -> Self {
        let Pair { old, new } = pair;
        Self { boot: report.boot, latest_boot: report.boot, boots: 0, old, new }
    }

    /// What has been counted since. What a process counted after the baseline and before it ended is lost: the sample is smaller, and no less true.
    pub(crate) fn since(&self, report: &Report, pair: &Pair) -> Pair {
        if report.boot == self.boot {
            Pair { old: since(&pair.old, &self.old), new: since(&pair.new, &self.new) }
        } else {
            let none = Counters::default();
            Pair { old: since(&pair.old, &none), new: since(&pair.new, &none) }
        }
    }
}

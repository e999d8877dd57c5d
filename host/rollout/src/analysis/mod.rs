//! Whether a release is worse than the one before.
//!
//! Both are compared at the same time and, where both serve there, on the same nodes: what happens to all of them alike (an outage, a rush) fails nobody.

use serde::{Deserialize, Serialize};

use crate::protocol::{Counters, Report};

mod compare;
mod counters;
mod histogram;
mod statistics;
#[cfg(test)]
mod tests;

pub(crate) use compare::{Against, Comparison, compare, judge_reading};
pub(crate) use counters::{add, counters_of, since};

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

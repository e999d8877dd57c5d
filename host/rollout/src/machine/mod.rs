//! A rollout's state, and what is decided of it.
//!
//! What each node is to do is a function of the state alone ([`assignment_for`]), so nothing is repeated or left out when an instance of the control plane
//! dies: the state is stored before anybody is answered by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::analysis::{Baseline, Figures};
use crate::plan::Plan;
use crate::protocol::{Counters, NodeKind, Release, Report};

mod assignment;
mod choice;
mod decide;
mod event;
mod look;
mod presence;
mod soundness;
#[cfg(test)]
mod tests;
mod verbs;

pub use assignment::{assignment_for, drift};
pub use decide::decide;
pub use event::{Event, EventKind};
pub use verbs::{Refusal, Verb};

/// One release on its way to a fleet, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// How it goes.
    pub plan: Plan,
    /// What served before; none with the first release that a fleet is given. Then there is nothing to compare with, and no way back.
    pub old: Option<Release>,
    /// What is on its way.
    pub new: Release,
    /// How far it is.
    pub state: State,
    /// When it was made.
    pub created_ms: u64,
    /// When it came into its state.
    pub since_ms: u64,
    /// When its stage began.
    pub stage_ms: u64,
    /// When its step began.
    pub step_ms: u64,
    /// When all nodes of the step had what they are to have.
    pub reached_ms: Option<u64>,
    /// From when on the time counts in which it must get on. Time in which it may not (paused, at a gate, frozen, nobody looked) does not count.
    pub progress_ms: u64,
    /// When somebody last looked.
    pub looked_ms: u64,
    /// Since when somebody has looked again and again: a node that nobody listened to was not away.
    pub watched_ms: u64,
    /// When the next look is due.
    pub next_look_ms: u64,
    /// Looks in a row that have failed.
    pub failed_looks: u32,
    /// Nodes that could not have the release at the last look, for a reason that may pass. Another node's is another reason, and not the second in a row.
    pub hindered: BTreeSet<String>,
    /// Nodes that have the release or are to get it, by identity.
    pub chosen: BTreeMap<String, Chosen>,
    /// Those of them that are not waited for, because they were away.
    pub skipped: BTreeSet<String>,
    /// When the window of what is compared began: with the step, or later where it is long.
    pub window_ms: u64,
    /// What nodes had counted then, by identity.
    pub baselines: BTreeMap<String, Baseline>,
    /// What the old release did in the window before, by kind and region: `edge/eu`. For where nobody serves it any more.
    pub before: BTreeMap<String, Counters>,
    /// What both releases did, as the last look has found it; it stays when the rollout is over.
    #[serde(default)]
    pub figures: Vec<Figures>,
    /// What it waits for, in sentences; found at each look.
    pub waiting: Vec<String>,
    /// Whether nodes still have the old release ready.
    pub old_kept: bool,
    /// What has happened, the oldest first; of many only the last.
    pub events: Vec<Event>,
}

/// A node that the release is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The stage that chose it first.
    pub stage: usize,
    /// Its kind then; what is no edge switches whole.
    pub kind: NodeKind,
    /// Stages that chose it as well, whose weights hold of it, too.
    pub also: BTreeSet<usize>,
}

/// How far a rollout is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Not begun: it begins with the next look, unless it is frozen.
    Pending,
    /// Nodes of a stage get the release, by steps.
    Running {
        /// Which stage of the plan, from 0.
        stage: usize,
        /// Which step of it, from 0.
        step: u32,
    },
    /// A stage is done, and somebody must say that it goes on. It is looked at all the while.
    Gated {
        /// The stage that is done.
        stage: usize,
        /// Whether somebody has said so: it goes on with what is decided next.
        promoted: bool,
    },
    /// Somebody holds it. It is looked at all the while.
    Paused {
        /// What it goes on with: pending, running or gated.
        before: Box<State>,
    },
    /// The new release is everywhere.
    Completed,
    /// Nodes go back to the old release.
    RollingBack {
        /// Why, in a sentence.
        reason: String,
        /// Whether somebody wanted it to end, rather than that it failed.
        aborted: bool,
    },
    /// The old release is everywhere again.
    RolledBack {
        /// Why, in a sentence.
        reason: String,
    },
    /// Somebody ended it; the old release is everywhere.
    Aborted {
        /// Why, in a sentence.
        reason: String,
    },
    /// It failed, and there is no way back by itself: it was the first release, or nodes did not go back.
    Failed {
        /// Why, in a sentence.
        reason: String,
    },
}

impl State {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Completed | Self::RolledBack { .. } | Self::Aborted { .. } | Self::Failed { .. })
    }

    /// The stage that holds and, unless that is done, its step: of what is under way, held or not.
    #[must_use]
    pub fn position(&self) -> Option<(usize, Option<u32>)> {
        match self {
            Self::Running { stage, step } => Some((*stage, Some(*step))),
            Self::Gated { stage, .. } => Some((*stage, None)),
            Self::Paused { before } => before.position(),
            Self::Pending
            | Self::Completed
            | Self::RollingBack { .. }
            | Self::RolledBack { .. }
            | Self::Aborted { .. }
            | Self::Failed { .. } => None,
        }
    }

    /// What it is called, in a word: as it is serialized.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running { .. } => "running",
            Self::Gated { .. } => "gated",
            Self::Paused { .. } => "paused",
            Self::Completed => "completed",
            Self::RollingBack { .. } => "rolling-back",
            Self::RolledBack { .. } => "rolled-back",
            Self::Aborted { .. } => "aborted",
            Self::Failed { .. } => "failed",
        }
    }

    /// Why it is so, where it did not end well.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::RollingBack { reason, .. }
            | Self::RolledBack { reason }
            | Self::Aborted { reason }
            | Self::Failed { reason } => Some(reason),
            Self::Pending | Self::Running { .. } | Self::Gated { .. } | Self::Paused { .. } | Self::Completed => None,
        }
    }
}

/// All nodes that are known, and what else is measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// By identity, as their certificates say it.
    pub nodes: BTreeMap<String, Node>,
    /// What the plan's queries were answered, by name; a sentence where there was no answer. They are needed where [`Rollout::is_due`].
    pub readings: BTreeMap<String, Result<f64, String>>,
}

/// A node, as the control plane knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it said last.
    pub report: Report,
    /// When it said it.
    pub seen_at_ms: u64,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to store; the same as before where nothing has changed.
    pub next: Rollout,
    /// What has happened, also at the end of `next.events`.
    pub events: Vec<Event>,
}

impl Rollout {
    /// A rollout that has not begun.
    #[must_use]
    pub fn new(plan: Plan, old: Option<Release>, new: Release, now_ms: u64) -> Self {
        Self {
            plan,
            old,
            new,
            state: State::Pending,
            created_ms: now_ms,
            since_ms: now_ms,
            stage_ms: now_ms,
            step_ms: now_ms,
            reached_ms: None,
            progress_ms: now_ms,
            looked_ms: now_ms,
            watched_ms: now_ms,
            next_look_ms: now_ms,
            failed_looks: 0,
            hindered: BTreeSet::new(),
            chosen: BTreeMap::new(),
            skipped: BTreeSet::new(),
            window_ms: now_ms,
            baselines: BTreeMap::new(),
            before: BTreeMap::new(),
            figures: Vec::new(),
            waiting: Vec::new(),
            old_kept: true,
            events: Vec::new(),
        }
    }

    /// Whether [`decide`] would look at what the release does, so that the plan's queries are to be asked before.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        !self.state.is_final() && now_ms >= self.next_look_ms
    }

    /// What all nodes are to have once the rollout is over, and what the next one starts from; none while it is under way, and where a fleet has no release yet.
    #[must_use]
    pub fn outcome(&self) -> Option<&Release> {
        match self.state {
            State::Completed => Some(&self.new),
            State::RolledBack { .. } | State::Aborted { .. } | State::Failed { .. } => self.old.as_ref(),
            State::Pending | State::Running { .. } | State::Gated { .. } | State::Paused { .. } | State::RollingBack { .. } => {
                None
            }
        }
    }
}

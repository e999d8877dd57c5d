//! A plan: in which stages a release reaches a fleet, and what it is measured by.
//!
//! Its words are those of Flagger and Argo Rollouts. It is written in TOML, and every key is in `docs/configuration.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::protocol::{NodeDescription, NodeKind};

mod checks;
pub(crate) mod duration;
mod error;
mod freeze;
mod raw;
mod read;
#[cfg(test)]
mod tests;

pub use checks::{Analysis, Errors, Latency, Memory, Query, Restarts, Traps};
pub use error::{Fault, PlanError};
pub use freeze::Freeze;

/// How a release reaches a fleet. It holds what [`Plan::parse`] has checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The application that it is for.
    pub application: String,
    /// Milliseconds between two looks at what the release does.
    pub interval_ms: u64,
    /// Milliseconds after which a step that has not got on is rolled back. What a stage is held for comes on top.
    pub progress_deadline_ms: u64,
    /// Looks in a row that may fail before the release is rolled back.
    pub failure_limit: u32,
    /// Milliseconds for which the release before is kept ready on all nodes, once the new one is everywhere.
    pub rollback_window_ms: u64,
    /// When no rollout begins or goes on. A bad release is rolled back at any time.
    pub freezes: Vec<Freeze>,
    /// One after the other; the last one takes every node.
    pub stages: Vec<Stage>,
    /// What is looked at.
    pub analysis: Analysis,
}

/// Some nodes, and how they get the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What it is called in events.
    pub name: String,
    /// Which nodes.
    pub nodes: Selector,
    /// Percent of an edge's requests that each step adds. Other nodes switch whole, with the first step.
    pub step_weight: u8,
    /// Percent of an edge's requests with which the stage ends; 100 in the last one.
    pub max_weight: u8,
    /// Milliseconds for which the last step is looked at before the stage is done.
    pub hold_ms: u64,
    /// Whether somebody has to say that it goes on.
    pub gate: Gate,
}

impl Stage {
    /// How many steps it has: at least one.
    #[must_use]
    pub fn steps(&self) -> u32 {
        u32::from(self.max_weight.div_ceil(self.step_weight.max(1)).max(1))
    }

    /// An edge's weight at this step, counted from 0, in percent.
    #[must_use]
    pub fn weight(&self, step: u32) -> u8 {
        let weight = step.saturating_add(1).saturating_mul(u32::from(self.step_weight));
        u8::try_from(weight).unwrap_or(u8::MAX).min(self.max_weight)
    }
}

/// What follows a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// The next one.
    #[default]
    None,
    /// A wait for somebody who says that it goes on.
    Manual,
}

/// Which nodes a stage is for. Everything that is said must hold; nothing said is every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Only nodes of this kind.
    pub kind: Option<NodeKind>,
    /// Only nodes of this region.
    pub region: Option<String>,
    /// Only nodes with all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Of those that match: how many, in percent, and at least one.
    pub percent: u8,
}

impl Selector {
    /// Whether a node is among those that it chooses from.
    #[must_use]
    pub fn matches(&self, node: &NodeDescription) -> bool {
        self.kind.is_none_or(|kind| kind == node.kind)
            && self.region.as_ref().is_none_or(|region| *region == node.region)
            && self.labels.iter().all(|(name, value)| node.labels.get(name) == Some(value))
    }
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// Where it is not TOML, has a key that is not known, or cannot be meant so: every fault there is, each with what to write instead.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        read::plan(text)
    }

    /// The freeze that holds now, if one does.
    #[must_use]
    pub fn frozen(&self, now_ms: u64) -> Option<&Freeze> {
        self.freezes.iter().find(|freeze| freeze.holds(now_ms))
    }

    /// Whether this is the last stage.
    #[must_use]
    pub fn is_last(&self, stage: usize) -> bool {
        stage.saturating_add(1) >= self.stages.len()
    }
}

//! What each node is to do: a function of the rollout's state.

use super::Rollout;
use crate::protocol::{Assignment, Report, Stamp};

/// What a node is to do; none where it is to keep what its own configuration names.
#[must_use]
pub fn assignment_for(rollout: &Rollout, node: &str, stamp: Stamp) -> Option<Assignment>;

/// How a node differs from what it is to do, in sentences; nothing where it does not.
#[must_use]
pub fn drift(rollout: &Rollout, node: &str, report: &Report) -> Vec<String>;

//! What people may say to a rollout.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Decision, Rollout};

/// What people may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Get no further, until [`Verb::Resume`].
    Pause,
    /// Go on.
    Resume,
    /// Go on past a gate.
    Promote,
    /// End it: what is under way goes back to the release before.
    Abort,
    /// Go back to the release before, also where the new one is everywhere, as long as that one is kept.
    Rollback,
}

/// Why something does not fit a rollout's state, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Rollout {
    /// Does what somebody says. What is so already changes nothing, and is no error.
    ///
    /// # Errors
    /// A sentence, where it does not fit the state.
    pub fn say(&self, verb: Verb, who: &str, now_ms: u64) -> Result<Decision, Refusal>;
}

//! What the ledger is asked and what it answers, and what is kept of an answer.

use serde::{Deserialize, Serialize};
pub use vocabulary::booking::*;

/// What is kept of an accepted decision, for its key to be answered alike again. Its JSON is stored: renaming a field changes what rows already
/// written mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The inventory version that holds the decision.
    pub version: u64,
    /// What came of it.
    pub outcome: Outcome,
}

//! The ledger's commands and answers, and the stored form of an answer.

use serde::{Deserialize, Serialize};
pub use vocabulary::booking::*;

/// The stored form of an accepted decision, replayed for its key. Its JSON is stored: renaming a field changes what rows already
/// written mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The inventory version that holds the decision.
    pub version: u64,
    /// What came of it.
    pub outcome: Outcome,
}

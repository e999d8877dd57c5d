//! What happens to a rollout, for people to read and for others to count.

use serde::{Deserialize, Serialize};

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at_ms: u64,
    /// What.
    pub kind: EventKind,
    /// The same in a sentence, with what it is about and the figures that it was decided by.
    pub text: String,
}

/// Kinds of events: a closed set, fit to label a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A stage has begun.
    StageBegan,
    /// A stage has no nodes, and is passed over.
    StageSkipped,
    /// A step has begun: edges give the release more of their requests.
    StepBegan,
    /// A look has failed.
    LookFailed,
    /// A node is not waited for.
    NodeSkipped,
    /// Something cannot be compared.
    NothingToCompare,
    /// Nobody looked for a while.
    LookedAgain,
    /// A freeze holds it up.
    Frozen,
    /// A stage is done, and somebody must say that it goes on.
    Gated,
    /// Somebody said so.
    Promoted,
    /// Somebody holds it.
    Paused,
    /// Somebody lets it go on.
    Resumed,
    /// The release is everywhere.
    Completed,
    /// Nodes go back to the release before.
    RollingBack,
    /// They have, since it failed.
    RolledBack,
    /// They have, since somebody ended it.
    Aborted,
    /// It failed, and there is no way back by itself.
    Failed,
    /// The release before is not kept ready any more.
    WindowEnded,
}

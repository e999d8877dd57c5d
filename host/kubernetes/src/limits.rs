//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

// Kubernetes' API ----------------------------------------------------------------------------------------------------

/// How long an answer is waited for.
pub const CALL: Duration = Duration::from_secs(10);
/// How long a watch lasts, in seconds; then everything is read anew.
pub const WATCH_SECONDS: u32 = 60;
/// How long a watch may say nothing: it ends by itself before that, unless the server is gone without a word.
pub const SILENT: Duration = Duration::from_secs(90);
/// The pause after a failure: the first one, and the longest. Each is twice the one before.
pub const AWAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Objects of a namespace that are looked at.
pub const OBJECTS: u32 = 64;

// Reconciling --------------------------------------------------------------------------------------------------------

/// The least time between two passes: what changes meanwhile is written once.
pub const PASS: Duration = Duration::from_millis(500);
/// How often everything is looked at although nothing has changed: nodes come and go without a word.
pub const LOOK: Duration = Duration::from_secs(10);
/// The pause after a deployment that was refused for a reason that passes: the first one, and the longest. Each is twice the one before.
pub const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// The same where somebody has to do something first, who may do it elsewhere: sign the version, or upgrade a node.
pub const RETRY_REFUSED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));

// Objects ------------------------------------------------------------------------------------------------------------

/// Characters of a message in a condition.
pub const MESSAGE_CHARS: usize = 4_000;
/// Characters of an event's note: what Kubernetes takes.
pub const NOTE_CHARS: usize = 1_000;
/// How old an event of a rollout may be that is told when an instance begins to act: the one before has told it, or has died before it could.
pub const TOLD_LATE: Duration = Duration::from_secs(600);
/// Bytes of a plan in a ConfigMap.
pub const PLAN_BYTES: usize = rollout::limits::PLAN_BYTES;
/// Characters of a reference.
pub const REFERENCE_CHARS: usize = 1_024;
/// Variables of a release.
pub const VARIABLES: usize = control::limits::VARIABLES;
/// Characters of a variable's value.
pub const VALUE_CHARS: usize = 32 * 1_024;

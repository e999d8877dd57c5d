//! Every limit of this crate, and of what agents and the control plane say to each other.

use std::time::Duration;

/// How long an agent's request waits for an assignment.
pub const LONG_POLL: Duration = Duration::from_secs(25);
/// What a report may weigh, in bytes.
pub const REPORT_BYTES: usize = 256 << 10;
/// What an assignment may weigh, in bytes.
pub const ASSIGNMENT_BYTES: usize = 1 << 20;
/// Releases of one assignment.
pub const RELEASES: usize = 4;

//! Every bound of this program.

use std::time::Duration;

/// Connections that may be asked for.
pub const CONNECTIONS: usize = 4_096;
/// Holds a second that may be asked for.
pub const RATE: u32 = 1_000_000;
/// Requests that may wait for a connection; beyond that the run is worth nothing and ends.
pub const WAITING: usize = 200_000;
/// How long answers are waited for after the last request was due.
pub const GRACE: Duration = Duration::from_secs(10);
/// The largest answer that is read.
pub const ANSWER_BYTES: usize = 64 * 1024;

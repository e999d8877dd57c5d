//! Every limit of this crate, with its unit and its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Instances of the control plane that an agent knows.
pub const INSTANCES: RangeInclusive<usize> = 1..=16;
/// Least and most pause before the next instance is asked where one gives no answer. The most is what a node may learn later of a new version
/// when the control plane is there again.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How much longer than it may wait an instance has for its answer.
pub const ANSWER: Duration = Duration::from_secs(10);
/// How soon the next request that waits may follow one that was answered with nothing: an instance that does not wait is not asked without end.
pub const WAIT_LEAST: Duration = Duration::from_secs(1);
/// How often a report may be asked for, in milliseconds; what an assignment says is brought within this.
pub const REPORT_MS: RangeInclusive<u32> = 250..=60_000;
/// How often a report is sent before there is an assignment, in milliseconds.
pub const REPORT_DEFAULT_MS: u32 = 10_000;
/// How soon a report may follow another one, whatever has changed.
pub const REPORT_LEAST: Duration = Duration::from_millis(100);
/// Least and most pause before a release that could not be prepared is tried again.
pub const PREPARE_RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long a preparation may take: fetching tens of megabytes over a slow line, and compiling on a busy machine.
pub const PREPARE: Duration = Duration::from_secs(900);
/// Bytes of a reason that is reported.
pub const REASON_BYTES: usize = 2_000;
/// Bytes of a release's reference, of a variable's name, and of its value.
pub const TEXT_BYTES: usize = 64 << 10;
/// Variables of a release.
pub const VARIABLES: usize = 256;

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

// Plans. Three values are: least, default, most.

/// What a plan may weigh, in bytes.
pub const PLAN_BYTES: usize = 64 << 10;
/// Between two looks. Less than a second sees hardly a report, and more than an hour lets a bad release run.
pub const INTERVAL: (Duration, Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30), Duration::from_secs(3600));
/// In which a step must get on.
pub const PROGRESS_DEADLINE: (Duration, Duration, Duration) =
    (Duration::from_secs(2), Duration::from_secs(600), Duration::from_secs(7 * 86_400));
/// For how long the release before is kept ready.
pub const ROLLBACK_WINDOW: (Duration, Duration, Duration) =
    (Duration::ZERO, Duration::from_secs(86_400), Duration::from_secs(30 * 86_400));
/// For how long a stage's last step is looked at.
pub const HOLD: (Duration, Duration, Duration) = (Duration::ZERO, Duration::ZERO, Duration::from_secs(7 * 86_400));
/// Looks in a row that may fail.
pub const FAILURE_LIMIT: (u32, u32, u32) = (0, 1, 10);
/// Freezes of a plan.
pub const FREEZES: usize = 64;
/// Stages of a plan.
pub const STAGES: usize = 16;
/// Labels that a stage may name.
pub const LABELS: usize = 16;
/// Characters of a name, a label and a region.
pub const NAME_CHARS: usize = 63;
/// Percent, of a stage's nodes and of an edge's requests. By default all of them.
pub const PERCENT: (u8, u8, u8) = (1, 100, 100);
/// Requests that each side must have had.
pub const MIN_REQUESTS: (u64, u64, u64) = (0, 200, 1_000_000);
/// How much larger the share of errors may be.
pub const MAX_INCREASE: (f64, f64, f64) = (0.0, 0.005, 1.0);
/// How sure one must be that something is worse. Less than 0.8 halts good releases, and with more than 0.9999 a bad one is hardly ever found.
pub const CONFIDENCE: (f64, f64, f64) = (0.8, 0.99, 0.9999);
/// Which quantile of latencies.
pub const QUANTILE: (f64, f64, f64) = (0.5, 0.99, 0.999);
/// How many times as slow.
pub const LATENCY_RATIO: (f64, f64, f64) = (1.0, 1.3, 10.0);
/// Milliseconds that count as slower at all.
pub const LATENCY_INCREASE_MS: (f64, f64, f64) = (0.0, 2.0, 60_000.0);
/// Traps beyond those that the release before has as well.
pub const TRAPS: (u64, u64, u64) = (0, 0, 1_000_000);
/// How sure one must be that there are more traps than the release before has.
pub const TRAPS_CONFIDENCE: f64 = 0.99;
/// How many times as much memory.
pub const MEMORY_RATIO: (f64, f64, f64) = (1.0, 1.5, 10.0);
/// MiB that count as more at all.
pub const MEMORY_INCREASE_MIB: (u64, u64, u64) = (0, 8, 4_096);
/// How many times as many instances for each request.
pub const RESTARTS_RATIO: (f64, f64, f64) = (1.0, 3.0, 100.0);
/// Instances for each request that count as more at all.
pub const RESTARTS_INCREASE: (f64, f64, f64) = (0.0, 0.05, 1.0);
/// Queries of a plan: each is asked at each look.
pub const QUERIES: usize = 16;
/// Characters of a query.
pub const QUERY_CHARS: usize = 4_000;

// The state machine.

/// How often agents report while a rollout is under way, at most and at least: three times in an interval, if that is in between.
pub const REPORT_UNDER_WAY: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));
/// How often agents report else.
pub const REPORT_IDLE: Duration = Duration::from_secs(15);
/// A node that has not been heard of for so long is away: it has missed three reports, and the wait for an assignment.
pub const AWAY: Duration = Duration::from_secs(60);
/// Intervals without a look after which nobody is believed to have looked, and deadlines begin anew, and the pause that is always forgiven.
pub const UNWATCHED: (u64, Duration) = (3, Duration::from_secs(30));
/// Intervals after which the window of what is compared begins anew: what is old does not hide what is new.
pub const WINDOW_INTERVALS: u64 = 20;
/// Times that a node may begin anew in a window before that counts as a failure: once is an operator, and once more an accident.
pub const BOOTS: u32 = 2;
/// Events that are kept with a rollout.
pub const EVENTS: usize = 200;
/// Nodes that a sentence names before it says how many others there are.
pub const NAMED: usize = 5;
/// Characters that are taken over of a reason that a node gives.
pub const REASON_CHARS: usize = 300;
/// Nodes of one fleet: all are in a rollout's state.
pub const NODES: usize = 12_000;

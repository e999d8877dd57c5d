//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

/// How long everything may take to be ready after it was started.
pub const READY: Duration = Duration::from_secs(60);
/// Pause between two tries to reach what a node needs before it can start.
pub const WAITING: Duration = Duration::from_millis(500);
/// How often it is said what is waited for.
pub const WAITING_SAID: Duration = Duration::from_secs(10);
/// How often readiness is looked at.
pub const READY_POLL: Duration = Duration::from_millis(5);
/// How long tasks that are left at the end may take.
pub const LAST_TASKS: Duration = Duration::from_secs(2);
/// How often it is looked whether any are left.
pub const IDLE_POLL: Duration = Duration::from_millis(2);
/// How long the rest may take to stop once the edges have: batches, ticks.
pub const STOP: Duration = Duration::from_secs(12);
/// Connections that wait to be accepted.
pub const BACKLOG: u32 = 4_096;
/// Tries to find free ports all of which can be had.
pub const PORT_TRIES: usize = 16;
/// How often watched files are looked at.
pub const WATCH_POLL: Duration = Duration::from_millis(200);
/// Requests of the demo loader at once.
pub const DEMO_AT_ONCE: usize = 12;
/// Bytes of an answer that it reads.
pub const DEMO_ANSWER_BYTES: usize = 1024 * 1024;
/// How often a node writes down how it is: often enough for somebody who looks at a page, and one small statement.
pub const REPORT: Duration = Duration::from_secs(5);
/// How long it may take to take that back when the node stops.
pub const LAST_REPORT: Duration = Duration::from_secs(1);
/// How long the report of a node that is silent is shown.
pub const REPORT_KEPT: Duration = Duration::from_secs(3_600);

// Control plane ------------------------------------------------------------------------------------------------------

/// Labels of a node.
pub const LABELS: usize = 32;
/// Bytes of a label's name, and of its value.
pub const LABEL_BYTES: usize = 63;

/// How long a version may take to come from its registry: tens of megabytes over a slow line.
pub const PULL: Duration = Duration::from_secs(600);

// Rollouts -----------------------------------------------------------------------------------------------------------

/// How often `marquee fleet deploy --wait` looks.
pub const ROLLOUT_POLL: Duration = Duration::from_secs(1);
/// How long the control plane may be silent meanwhile: another instance takes over within seconds.
pub const ROLLOUT_SILENCE: Duration = Duration::from_secs(120);
/// Events of a rollout that are shown where all are not asked for.
pub const EVENTS_SHOWN: usize = 8;

// What follows a booking ----------------------------------------------------------------------------------------------

/// Instances of the component that takes records which are kept while they have nothing to do.
pub const FOLLOWING_IDLE: usize = 8;
/// For how long after a switch a version is doubted before a record that it fails with: a rollout takes a bad one back within two looks, somebody perhaps later.
pub const FOLLOWING_TRIAL: Duration = Duration::from_secs(1_800);
/// Batches of the journal that `up` hands over together, and records of one call.
pub const BUS_BATCHES: i64 = 64;
/// See [`BUS_BATCHES`].
pub const BUS_RECORDS: usize = 256;
/// Least time between two of its looks: what gathers meanwhile is done in one transaction, which costs little more than that of a single record.
pub const BUS_PACE: Duration = Duration::from_millis(50);
/// Pauses after the journal could not be read, and before a record is tried again: the first, and the longest.
pub const BUS_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// The longest pause after the journal could not be read: it ends soon after the outage.
pub const BUS_OUTAGE: Duration = Duration::from_millis(900);
/// Tries of a record, after which it is left out: about a minute.
pub const BUS_TRIES: u32 = 10;
/// How often the component is ticked.
pub const BUS_TICK: Duration = Duration::from_secs(1);
/// Ticks at once: one that waits for somebody's server holds up nobody else.
pub const BUS_TICKS: usize = 4;
/// How often it is signed how far the audit log has come, while it grows.
pub const AUDIT_SEAL: Duration = Duration::from_secs(10);
/// How long that may take once more when the node stops.
pub const AUDIT_LAST_SEAL: Duration = Duration::from_secs(2);
/// Rows of the audit log that are read together.
pub const AUDIT_ROWS: i64 = 5_000;

// Configuration files ------------------------------------------------------------------------------------------------

/// Bytes of a region's name.
pub const REGION_NAME_BYTES: usize = 16;
/// Regions in an edge's configuration.
pub const REGIONS: usize = 16;
/// Nodes of one region in an edge's configuration.
pub const REGION_NODES: usize = fleet::limits::NODES;
/// Addresses of other nodes that a region's node keeps clients of.
pub const PEERS: usize = 256;
/// A certificate that ends sooner is said to, so that it is renewed.
pub const CERTIFICATE_HOURS: i64 = 24;
/// How often a node looks for other nodes of its region that it is not connected to yet.
pub const PEERS_LOOK: Duration = Duration::from_secs(1);
/// Hours for which accepted keys may be kept: a day is promised.
pub const IDEMPOTENCY_HOURS: std::ops::RangeInclusive<u32> = 24..=24 * 30;
/// Days for which the journal is kept, by default.
pub const JOURNAL_DAYS: u32 = 7;
/// Failures in a row after which a circuit breaker may be set to open.
pub const BREAKER_FAILURES: std::ops::RangeInclusive<u32> = 1..=1_000;
/// How long it may be set to stay open.
pub const BREAKER_PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(600);
/// Bytes of an archive of everything about somebody: its component's bound for papers, and as much again for what it lists.
pub const ARCHIVE_BYTES: usize = 24 * 1024 * 1024;
/// How long `marquee people erase` waits for a node to do it, and how often it looks.
pub const ERASURE_WAIT: Duration = Duration::from_secs(30);
/// See [`ERASURE_WAIT`].
pub const ERASURE_POLL: Duration = Duration::from_millis(200);

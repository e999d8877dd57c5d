//! What telemetry bounds.

use std::time::Duration;

/// Different label sets per metric family; a request beyond them is counted under the route `other`.
pub const LABEL_SETS: usize = 1024;

/// Health checks one node may have.
pub const CHECKS: usize = 64;

/// How long the admin listener lets requests in flight finish when the node stops.
pub const ADMIN_DRAIN: Duration = Duration::from_secs(1);

/// Upper bounds of request durations, seconds: 0.1 ms to 10 s.
pub const DURATION_BUCKETS: &[f64] =
    &[0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of commands in a ledger batch; the interface permits 256.
pub const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Consecutive failures after which a circuit breaker opens by default.
pub const BREAKER_FAILURES: u32 = 5;
/// How long it is open the first time: what was only restarted is back by then.
pub const BREAKER_OPEN: Duration = Duration::from_millis(500);
/// How long it is open at most, so that what is well again is found within a second. One caller a second is no load for what is ill.
pub const BREAKER_LONGEST: Duration = Duration::from_millis(900);
/// By how much less a breaker may be open, in per mille: many nodes that lost the same thing do not all try it at once.
pub const JITTER: u32 = 250;
/// When to ask again while somebody else is trying.
pub const BREAKER_TRYING: Duration = Duration::from_millis(100);

/// Upper bounds of records in one call of a consumer's handler.
pub const STREAM_BATCH_BUCKETS: &[f64] = &[0.0, 1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

// Admin listener ------------------------------------------------------------------------------------------------------

/// Connections of the admin listener at once: operators, probes, and who collects metrics.
pub const ADMIN_CONNECTIONS: usize = 64;
/// How long a request's head may take to come, and a connection be idle.
pub const ADMIN_HEAD: Duration = Duration::from_secs(10);
/// How long a connection lives at most; a client may open another.
pub const ADMIN_CONNECTION: Duration = Duration::from_secs(300);
/// Bytes of a head.
pub const ADMIN_HEAD_BYTES: usize = 16 * 1024;
/// Headers of a head.
pub const ADMIN_HEADERS: usize = 64;
/// Pause after the system refused a connection, so as not to spin.
pub const ADMIN_ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Least bytes of a token.
pub const ADMIN_TOKEN_BYTES: usize = 16;

// Connections that last ----------------------------------------------------------------------------------------------

/// How long a connection is quiet until the system asks whether the other end is there; how often it asks again, and how often in all.
pub const KEEPALIVE: Duration = Duration::from_secs(5);
/// See [`KEEPALIVE`].
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
/// See [`KEEPALIVE`].
pub const KEEPALIVE_PROBES: u32 = 3;
/// How long what was sent may go without being acknowledged until the connection is given up (`TCP_USER_TIMEOUT`).
pub const UNACKNOWLEDGED: Duration = Duration::from_secs(6);

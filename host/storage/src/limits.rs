//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

// Answers ------------------------------------------------------------------------------------------------------------

/// Bytes of one answer that is held in memory as a whole, and of one row that is streamed.
pub const RESULT_BYTES: usize = 32 << 20;
/// Rows and bytes that are handed over in one piece; what is longer is streamed in pieces of this size.
pub const BATCH_ROWS: usize = 256;
/// See [`BATCH_ROWS`].
pub const BATCH_BYTES: usize = 64 * 1024;
/// Pieces read ahead of a guest that reads slowly.
pub const BATCHES_AHEAD: usize = 2;

// SQLite -------------------------------------------------------------------------------------------------------------

/// Connections of one database in use at once.
pub const SQLITE_CONNECTIONS: usize = 256;
/// Idle connections of one database that stay open.
pub const SQLITE_IDLE_CONNECTIONS: usize = 32;
/// How long a caller waits for a connection when all are in use.
pub const SQLITE_ACQUIRE: Duration = Duration::from_secs(10);
/// How long a statement waits for a lock, unless the guest sets `PRAGMA busy_timeout`.
pub const SQLITE_BUSY: Duration = Duration::from_secs(5);
/// The longest wait for a lock a guest can ask for.
pub const SQLITE_BUSY_MAX: Duration = Duration::from_secs(60);
/// Prepared statements kept on each connection.
pub const SQLITE_STATEMENTS: usize = 64;

// Redis --------------------------------------------------------------------------------------------------------------

/// Addresses with a connection of their own; a further one takes the place of another.
pub const REDIS_ADDRESSES: usize = 32;
/// Hosts in one address.
pub const REDIS_HOSTS: usize = 32;
/// How long to wait for a connection.
pub const REDIS_CONNECT: Duration = Duration::from_secs(2);
/// How long it may take to hear from Sentinels who the primary is, and from it that this is so.
pub const REDIS_FIND: Duration = Duration::from_secs(3);
/// How often Sentinels are asked whether the primary is still the same, while it is used.
pub const REDIS_LOOK: Duration = Duration::from_secs(1);
/// How often a lost connection is retried before its users get an error.
pub const REDIS_RETRIES: usize = 1;
/// How long to wait for an answer: no command that others wait behind takes as long.
pub const REDIS_RESPONSE: Duration = Duration::from_secs(2);
/// The same on a connection that a handle has for itself, where commands may wait on purpose.
pub const REDIS_OWN_RESPONSE: Duration = Duration::from_secs(10);
/// How often a cluster's nodes are asked again, after they have moved a key or one of them was lost.
pub const REDIS_CLUSTER_RETRIES: u32 = 4;
/// Commands on their way to a connection before further ones wait.
pub const REDIS_QUEUE: usize = 1_024;

//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

// Coordinator --------------------------------------------------------------------------------------------------------

/// Queues, each with a ledger of its own. One suffices for SQLite, which has one writer anyway.
pub const PARTITIONS: usize = 1;
/// Most partitions a region may be given.
pub const PARTITIONS_MAX: usize = 256;
/// Commands that may wait in one queue. At 10,000 a second it is emptied in less than half of one.
pub const QUEUE: usize = 4_096;
/// Commands in one batch: as many as the interface takes.
pub const BATCH: usize = 256;
/// What a caller is told to wait when a queue is full or the ledger cannot be had, in milliseconds.
pub const RETRY_MS: u32 = 200;
/// Pause after the ledger could not be made, so as not to try without a break.
pub const LEDGER_PAUSE: Duration = Duration::from_millis(100);

// Sequencer and feed -------------------------------------------------------------------------------------------------

/// Rows that one transaction numbers; whatever is left has the next one.
pub const SEQUENCE_ROWS: i64 = 1_000;
/// How often to look for rows that nobody spoke of: other processes commit, too.
pub const SEQUENCE_POLL: Duration = Duration::from_millis(20);
/// Least time between the ends of two numberings under load: rows gather meanwhile, and the one writer of SQLite has better things to do.
pub const SEQUENCE_PACE: Duration = Duration::from_millis(2);
/// Pauses after a failure: the first, and the longest.
pub const SEQUENCE_RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Batches that the feed keeps in memory for slow readers; who is slower reads the journal from where it was.
pub const FEED_BATCHES: usize = 1_024;
/// Numbering has failed for so long: health says so.
pub const SEQUENCE_STUCK: Duration = Duration::from_secs(5);
/// How long the access tokens of an ended session may still be good: the `auth` component's, in microseconds.
pub const ACCESS_MICROSECONDS: i64 = 900_000_000;

// Requests -----------------------------------------------------------------------------------------------------------

/// How long a reader that has seen more than the replica holds is kept waiting. Then it is answered from what there is: its
/// token may be forged.
pub const CATCH_UP: Duration = Duration::from_secs(1);

// Ticker -------------------------------------------------------------------------------------------------------------

/// How often components are told that time has passed.
pub const TICK: Duration = Duration::from_millis(250);
/// Ticks in a row to a component that still finds something to do.
pub const TICKS_IN_A_ROW: usize = 16;
/// Bytes of a tick's answer that are read.
pub const TICK_BYTES: usize = 4_096;

// Database -----------------------------------------------------------------------------------------------------------

/// How long a statement of ours on SQLite waits for a lock.
pub const SQLITE_BUSY_MS: u32 = 30_000;
/// Connections to Postgres that the region itself keeps: the sequencer's, and snapshots'.
pub const POSTGRES_CONNECTIONS: u32 = 4;
/// How long to wait for one.
pub const POSTGRES_ACQUIRE: Duration = Duration::from_secs(5);

// Resuming the feed --------------------------------------------------------------------------------------------------

/// Journal rows that a reader may be behind and still go on from its cursor: beyond, a snapshot is less to read, for both.
pub const RESUME_ROWS: i64 = 50_000;

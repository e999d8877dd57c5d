//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

// Snapshots ----------------------------------------------------------------------------------------------------------

/// Events in a snapshot, those that end first: twice what a replica holds, which knows best what to leave out.
pub const SNAPSHOT_EVENTS: usize = 2 * edge::limits::EVENTS;

// Coordinator --------------------------------------------------------------------------------------------------------

/// Partitions of a region on Postgres when it is first started: as many as nodes it may ever be spread over, and events decided at once.
pub const PARTITIONS: usize = 16;
/// On SQLite, which has one writer anyway.
pub const PARTITIONS_SQLITE: usize = 1;
/// Most partitions a region may be given.
pub const PARTITIONS_MAX: usize = 256;
/// Commands that may wait in one queue. At 10,000 a second it is emptied in less than half of one.
pub const QUEUE: usize = 4_096;
/// Commands that callers may wait for at once: queued here, handed on, or about to move.
pub const WAITING: usize = 4 * QUEUE;
/// Commands in one batch: as many as the interface takes.
pub const BATCH: usize = 256;
/// `retry_after` of an answer when a queue is full or the ledger is unreachable, in milliseconds.
pub const RETRY_MS: u32 = 200;
/// How often the number of undecided batches is logged.
pub const SUMMARY: Duration = Duration::from_secs(10);
/// Pause after the ledger could not be made, so as not to try without a break.
pub const LEDGER_PAUSE: Duration = Duration::from_millis(100);
/// How long a command waits for its partition's new leader before its caller is asked to try again.
pub const MOVING: Duration = Duration::from_millis(500);
/// Times that one call is sorted out to queues and other nodes: at first, and once more for what has moved meanwhile.
pub const DISPATCHES: usize = 2;
/// How long a node that leaves may take to finish its queues and hand over; the rest runs out by itself.
pub const DRAIN: Duration = Duration::from_secs(10);

// Leases -------------------------------------------------------------------------------------------------------------

/// How long a lease lasts: its partition stands still for that long after its holder was killed.
pub const LEASE: Duration = Duration::from_secs(2);
/// How often all are renewed: three attempts may fail.
pub const LEASE_ROUND: Duration = Duration::from_millis(500);
/// How long before its lease could end a node stops to count on it: what it has begun may still end in time.
pub const LEASE_MARGIN: Duration = Duration::from_millis(250);
/// How much longer than a lease's usual length it lasts, and how much longer the answers to its statements are waited for, in times that an answer takes
/// (`database::Distance`): a round is three statements, and there must be time for one that fails.
pub const LEASE_DISTANCES: u32 = 6;
/// How long a lease lasts at most, however long answers take.
pub const LEASE_LONGEST: Duration = Duration::from_secs(8);
/// A database whose answers take longer than this is too far away for leases to be held reliably: a warning is logged.
pub const DISTANCE: Duration = Duration::from_secs(1);
/// How often that warning is logged.
pub const DISTANCE_SAID: Duration = Duration::from_secs(60);
/// How long an answer to a statement about leases is waited for before its connection is given up: the first time, and at most, where one after the
/// other fails.
pub const LEASE_TIMEOUT: (Duration, Duration) = (Duration::from_secs(1), LEASE_LONGEST);
/// How long a batch may take until its partition's lease is given up for another node to decide: whatever else this node gets from the database,
/// the connection that decides is what counts.
pub const DECIDING: Duration = Duration::from_millis(2_500);
/// How often a node checks, without a notification, whether it still holds the lease for the work that only one node does.
pub const RUNNER_LOOK: Duration = Duration::from_millis(250);
/// Pause after a round that failed.
pub const LEASE_RETRY: Duration = Duration::from_millis(100);
/// How long a lease stays free until a node that has its share takes it: as long as every other node takes to look twice.
pub const LEASE_UNCLAIMED: Duration = Duration::from_secs(1);
/// Least time between two rounds, however often other nodes tell of changes.
pub const LEASE_PACE: Duration = Duration::from_millis(5);
/// How long rounds may fail before the health check is down.
pub const LEASE_STUCK: Duration = LEASE;
/// Bytes of a node's name, of which its logs and the leases tell.
pub const NODE_NAME_BYTES: usize = 64;

// Retention ----------------------------------------------------------------------------------------------------------

/// Least age at which an idempotency key may be forgotten: what clients are promised.
pub const IDEMPOTENCY_LEAST: Duration = Duration::from_secs(24 * 3600);
/// Least age at which rows of the journal may be deleted: its readers must have had time to read them.
pub const JOURNAL_LEAST: Duration = Duration::from_secs(3600);
/// Age at which rows of the journal go unless a setting says otherwise.
pub const JOURNAL_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How much longer than the journal the ids of handled records are kept: longer than Kafka keeps a record that was published from its last row.
pub const RECORDS_BEYOND: Duration = Duration::from_secs(8 * 24 * 3600);
/// The same, of all, unless a setting says otherwise.
pub const RECORDS_KEPT: Duration = Duration::from_secs(15 * 24 * 3600);
/// How often retention runs.
pub const RETENTION_INTERVAL: Duration = Duration::from_secs(60);
/// Rows of one deletion: few, so that their locks, and the one writer of SQLite, are held briefly.
pub const RETENTION_ROWS: i64 = 500;
/// Deletions in a row; the rest has the next time.
pub const RETENTION_BATCHES: usize = 2_000;
/// How long a node may be silent until its row goes, in microseconds.
pub const NODE_FORGOTTEN: i64 = 60_000_000;

// Sequencer and feed -------------------------------------------------------------------------------------------------

/// Batches of the journal that one transaction numbers; whatever is left has the next one.
pub const SEQUENCE_BATCHES: i64 = 1_000;
/// How often to poll for rows without a notification: other processes commit, too.
pub const SEQUENCE_POLL: Duration = Duration::from_millis(20);
/// Least time between the ends of two numberings under load: rows gather meanwhile, and the one writer of SQLite has better things to do.
pub const SEQUENCE_PACE: Duration = Duration::from_millis(2);
/// Pauses after a failure: the first, and the longest.
pub const SEQUENCE_RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(800));
/// How long an answer of the database is waited for before its connection is given up: the first time, and at most, where one after the other fails.
pub const SEQUENCE_PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(32));
/// How often the database is checked to have the history that this node has seen; after every failure, too.
pub const HISTORY_LOOK: Duration = Duration::from_secs(1);
/// Batches that the feed keeps in memory for slow readers; who is slower reads the journal from where it was.
pub const FEED_BATCHES: usize = 1_024;
/// How long numbering may fail before the health check is down.
pub const SEQUENCE_STUCK: Duration = Duration::from_secs(5);
/// Revocations that are written down in one transaction.
pub const REVOCATIONS: usize = 200;
/// How long the access tokens of an ended session may still be good: the `auth` component's, in microseconds.
pub const ACCESS_MICROSECONDS: i64 = access_token::limits::LIFETIME_SECONDS * 1_000_000;
/// How long a retired key is trusted, in microseconds.
pub const KEY_MICROSECONDS: i64 = access_token::limits::KEY_MICROSECONDS;
/// How long an expired session is kept: longer than a snapshot contains it.
pub const SESSIONS_KEPT: Duration = Duration::from_secs(86_400);
/// How long an offer of a ticket is kept that can no longer be accepted.
pub const TICKET_OFFERS_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long the outcome of a scan is kept that was merged: far longer than one can be merged again.
pub const OFFLINE_SCANS_KEPT: Duration = Duration::from_secs(60 * 86_400);
/// How long answers to an organiser's questions are kept whose booking came to nothing: a payment may come late.
pub const ANSWERS_UNSOLD: Duration = Duration::from_secs(30 * 86_400);
/// How long messages of webhooks are kept, with what became of them.
pub const WEBHOOK_DELIVERIES_KEPT: Duration = Duration::from_secs(15 * 86_400);
/// How long the links in organisers' news are good: mail lies around.
pub const UNSUBSCRIBE_LINKS_KEPT: Duration = Duration::from_secs(400 * 86_400);
/// How long wrong passwords are remembered: longer than they delay a login.
pub const ATTEMPTS_KEPT: Duration = Duration::from_secs(86_400);

// Redis --------------------------------------------------------------------------------------------------------------

/// How long Redis may take to count a request; then it is counted here.
pub const REDIS: Duration = Duration::from_millis(50);
/// How long Redis may take to read or write a snapshot; then it is read from SQL, or not cached.
pub const SNAPSHOT_REDIS: Duration = Duration::from_secs(2);
/// How long Redis keeps a snapshot, in seconds. Where the journal grows fast it is of no use sooner: see [`RESUME_ROWS`].
pub const SNAPSHOT_KEPT: i64 = 600;

// Requests -----------------------------------------------------------------------------------------------------------

/// How long a reader that has seen more than the replica holds has to wait. Then it is answered from what there is: its
/// token may be forged.
pub const CATCH_UP: Duration = Duration::from_secs(1);

// Accounts of another region -----------------------------------------------------------------------------------------

/// How long the region of the accounts may take to say who somebody is, or how people are written to.
pub const ACCOUNTS_ANSWER: Duration = Duration::from_secs(5);
/// Bytes of what it says of somebody.
pub const VISITOR_BYTES: usize = 128 * 1024;
/// How often it is looked whether anybody's address is missing, or there is news of guests.
pub const ADDRESSES_LOOK: Duration = Duration::from_secs(1);
/// How often it is looked whether anybody's account was erased there.
pub const ERASURES_LOOK: Duration = Duration::from_secs(1);

// What an operator does for people -----------------------------------------------------------------------------------

/// Rows of one kind that an export reads at once.
pub const EXPORTED: usize = 1_000;

// Ticker -------------------------------------------------------------------------------------------------------------

/// How often components are ticked.
pub const TICK: Duration = Duration::from_millis(250);
/// Ticks in a row to a component that still finds something to do.
pub const TICKS_IN_A_ROW: usize = 16;
/// Bytes of a tick's answer that are read.
pub const TICK_BYTES: usize = 4_096;

// Database -----------------------------------------------------------------------------------------------------------

/// How long a statement of ours on SQLite waits for a lock.
pub const SQLITE_BUSY_MS: u32 = 30_000;
/// Connections to Postgres that the region itself keeps, for the sequencer, snapshots and retention_task. Leases have one more, and what listens
/// for other nodes another.
pub const POSTGRES_CONNECTIONS: u32 = 4;
/// How long to wait for one.
pub const POSTGRES_ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that has rested for so long is tried before it is used, and has as long to answer.
pub const POSTGRES_TRUSTED: Duration = Duration::from_secs(1);
/// How long a statement may run before the server ends it.
pub const POSTGRES_STATEMENT: Duration = Duration::from_secs(30);
/// How long a statement may wait for a lock before the server ends it: longer than a stalled transaction can hold one.
pub const POSTGRES_LOCK: Duration = Duration::from_secs(5);
/// How long a transaction may be idle before the server ends it.
pub const POSTGRES_IDLE_IN_TRANSACTION: Duration = Duration::from_secs(1);
/// How long migrations may take, those of a node that is before us included.
pub const MIGRATION: Duration = Duration::from_secs(600);

// Resuming the feed --------------------------------------------------------------------------------------------------

/// Journal rows that a reader may be behind and still resume from its cursor: beyond, a snapshot is less to read, for both.
pub const RESUME_ROWS: i64 = 50_000;

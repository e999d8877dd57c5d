//! What streams bound.

use std::time::Duration;

use telemetry::BreakerOptions;

// Topics -------------------------------------------------------------------------------------------------------------

/// Partitions of a topic, where nothing is set: as many consumers can share it.
pub const PARTITIONS: i32 = 12;
/// Copies of a partition, where nothing is set and there are brokers enough.
pub const REPLICATION: i32 = 3;
/// From so many copies on, a write is acknowledged once it is in two of them.
pub const REPLICATED: i32 = 3;
/// Days that Kafka keeps records, where nothing is set.
pub const RETENTION_DAYS: u32 = 7;
/// Days that it keeps dead letters.
pub const DEAD_LETTER_DAYS: u32 = 30;
/// How long creating topics may take.
pub const ADMIN: Duration = Duration::from_secs(15);

// Clients ------------------------------------------------------------------------------------------------------------

/// Pauses between tries to connect to a broker: the first, and the longest, in milliseconds.
pub const RECONNECT_MS: (u32, u32) = (50, 1_000);
/// How long a question to Kafka for its metadata may take.
pub const METADATA: Duration = Duration::from_secs(2);
/// How long to wait for the reason why no broker answered.
pub const REASON: Duration = Duration::from_millis(100);
/// Bytes of a record's key, headers and value. Kafka's own limit for a batch is a little more.
pub const RECORD_BYTES: usize = 900_000;
/// Bytes of a file that holds a password.
pub const PASSWORD_BYTES: u64 = 4_096;

// Producer -----------------------------------------------------------------------------------------------------------

/// How long the producer waits for more records before it sends what it has, in milliseconds.
pub const LINGER_MS: u32 = 1;
/// Bytes of a batch for one partition.
pub const BATCH_BYTES: usize = 512 * 1024;
/// How long a record may take to be acknowledged before it counts as failed.
pub const DELIVERY: Duration = Duration::from_secs(10);
/// Records of one call to the producer; the interface permits as many.
pub const SEND_RECORDS: usize = 1_000;
/// Records that wait in a producer.
pub const PRODUCER_RECORDS: usize = 10_000;
/// Milliseconds after which a caller may try again when Kafka is out of reach.
pub const TRY_AGAIN_MS: u32 = 1_000;

// Relay --------------------------------------------------------------------------------------------------------------

/// Rows of one read of the journal.
pub const READ_ROWS: usize = 16_384;
/// Rows that Kafka has not acknowledged yet.
pub const WINDOW_ROWS: usize = 65_536;
/// Their bytes.
pub const WINDOW_BYTES: usize = 64 * 1024 * 1024;
/// How often to poll for rows without a notification.
pub const RELAY_POLL: Duration = Duration::from_millis(20);
/// Least time between two writes of the relay's place: after a crash, rows of so long come twice.
pub const CURSOR_EVERY: Duration = Duration::from_millis(100);
/// How often the relay looks how far behind it is.
pub const STANDING_EVERY: Duration = Duration::from_secs(1);
/// Pauses after the journal could not be read or written: the first, and the longest.
pub const JOURNAL_RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(900));
/// The default breaker of Kafka. A failure is that of the stream, not of one record.
pub const KAFKA_BREAKER: BreakerOptions =
    BreakerOptions { failures: 1, open: Duration::from_millis(100), longest: Duration::from_millis(900) };
/// How long the relay waits for acknowledgements when it stops.
pub const RELAY_STOP: Duration = Duration::from_secs(2);
/// Age of the oldest unpublished row beyond which the health check is degraded.
pub const RELAY_LATE: Duration = Duration::from_secs(10);
/// How often to look for a range that is to be published again.
pub const REPLAY_LOOK: Duration = Duration::from_secs(1);
/// Rows of a range that are under way at once: less than a read, so that what is new goes first.
pub const REPLAY_ROWS: usize = 2_048;
/// Positions of one range.
pub const REPLAY_POSITIONS: i64 = 100_000_000;
/// Connections to the journal's database.
pub const JOURNAL_CONNECTIONS: u32 = 3;
/// How long to wait for one.
pub const JOURNAL_ACQUIRE: Duration = Duration::from_secs(5);
/// How long a statement may run before the server ends it.
pub const JOURNAL_STATEMENT: Duration = Duration::from_secs(10);
/// How long a word of an answer is waited for that the server itself would have broken off.
pub const JOURNAL_PATIENCE: Duration = Duration::from_secs(12);
/// Rows that are there already and are taken at a time.
pub const JOURNAL_ROWS: usize = 64;

// Consumer -----------------------------------------------------------------------------------------------------------

/// Records of a batch.
pub const BATCH_RECORDS: usize = 256;
/// Bytes of a batch; a larger record comes alone.
pub const BATCH_SIZE: usize = 4 * 1024 * 1024;
/// How long a batch is collected.
pub const COLLECT: Duration = Duration::from_millis(2);
/// Batches in flight, each of other partitions.
pub const BATCHES: usize = 2;
/// Records of a partition that are not done yet; with so many it is paused.
pub const PARTITION_RECORDS: usize = 2_048;
/// Their bytes.
pub const PARTITION_BYTES: usize = 4 * 1024 * 1024;
/// Kilobytes that the client fetches ahead.
pub const FETCH_AHEAD_KB: u32 = 16 * 1024;
/// Records that are taken from the client at a time.
pub const POLL_RECORDS: usize = 512;
/// How long to wait for records before the consumer looks to its own affairs.
pub const POLL: Duration = Duration::from_millis(20);
/// Least time between two commits of offsets: after a crash, records of so long come twice.
pub const COMMIT_EVERY: Duration = Duration::from_millis(200);
/// How long one call of the handler may take.
pub const HANDLE: Duration = Duration::from_secs(60);
/// How often the handler is ticked.
pub const TICK: Duration = Duration::from_secs(1);
/// Ticks at once: one that waits for somebody's server holds up nobody else.
pub const TICKS: usize = 4;
/// How long what is in flight may take when partitions are given up or the consumer stops; what is not done then comes again elsewhere.
pub const GIVE_UP: Duration = Duration::from_secs(10);
/// How long a consumer may be silent until the group gives its partitions to others.
pub const SESSION: Duration = Duration::from_secs(10);
/// How long a consumer may handle before Kafka counts it as stuck.
pub const MAX_POLL: Duration = Duration::from_secs(300);
/// Pauses before a record is tried again: the first doubles up to the longest, each by up to a quarter longer or shorter.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(600));
/// Tries of a record that others overtake, before it goes to the dead letters: with the pauses above, about an hour.
pub const ATTEMPTS: u32 = 17;
/// The longest pause while nothing at all succeeds: it ends soon after the outage.
pub const OUTAGE_RETRY: Duration = Duration::from_secs(1);
/// Calls that fail with a record alone, while others succeed, before it goes to the dead letters.
pub const ALONE: u32 = 3;
/// Bytes of a reason, as dead letters carry it.
pub const REASON_BYTES: usize = 1_024;
/// How often lag is measured.
pub const LAG_EVERY: Duration = Duration::from_secs(5);

// RabbitMQ -----------------------------------------------------------------------------------------------------------

/// How long connecting may take.
pub const AMQP_CONNECT: Duration = Duration::from_secs(5);
/// How long the broker may take to confirm a batch.
pub const AMQP_CONFIRM: Duration = Duration::from_secs(10);
/// As [`KAFKA_BREAKER`].
pub const AMQP_BREAKER: BreakerOptions = KAFKA_BREAKER;

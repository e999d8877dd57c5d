//! Every bound of this crate, in one place.

use std::time::Duration;

// Instances ----------------------------------------------------------------------------------------------------------

/// Handles (connections, stores, bodies, streams …) that one instance may have at once.
pub const INSTANCE_HANDLES: usize = 10_000;
/// Connections of one kind (SQLite, Postgres, Redis) and key-value stores that one instance may have open at once, as
/// in Spin.
pub const INSTANCE_CONNECTIONS: u32 = 256;
/// WebAssembly instances, tables and memories in one store: a composed component has several of each.
pub const STORE_ENTITIES: usize = 1_000;
/// Elements of one WebAssembly table.
pub const TABLE_ELEMENTS: usize = 1_000_000;
/// Bytes of one line of a guest's output; longer lines are cut.
pub const LOG_LINE_BYTES: usize = 8 * 1024;
/// Lines of a component that are alike but for numbers and ids and are written in [`LOG_REPEATS_OVER`]; further ones are counted.
pub const LOG_REPEATS: u32 = 5;
/// See [`LOG_REPEATS`].
pub const LOG_REPEATS_OVER: Duration = Duration::from_secs(10);
/// Kinds of repeated lines tracked at once; others are written as they are.
pub const LOG_SHAPES: usize = 128;

// Postgres -----------------------------------------------------------------------------------------------------------

/// Addresses with a pool of their own; a further one replaces an unused one.
pub const POSTGRES_POOLS: usize = 32;
/// Connections of one pool.
pub const POSTGRES_CONNECTIONS: u32 = 32;
/// How long a caller waits for a connection.
pub const POSTGRES_ACQUIRE: Duration = Duration::from_secs(10);
/// How long an idle connection stays open.
pub const POSTGRES_IDLE: Duration = Duration::from_secs(300);
/// How long to wait for a new connection to be made, at least and at most: several times as long as the last one took.
pub const POSTGRES_CONNECT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// Answers of a server that is nearer than this take no time that matters.
pub const POSTGRES_NEAR: Duration = Duration::from_millis(50);
/// How long a statement goes without an answer until the server is asked, on another connection, whether it is at it.
pub const POSTGRES_QUIET: Duration = Duration::from_secs(1);
/// How long that question may take, its connection included, beside what the way there takes.
pub const POSTGRES_PROBE: Duration = Duration::from_secs(1);
/// How long the connection for such questions is used again: one that is older may have fallen silent, too.
pub const POSTGRES_PROBE_KEPT: Duration = Duration::from_secs(1);
/// Times in a row that a server may not be reached, or that it and we wait for each other, until a statement is given up.
pub const POSTGRES_LOOKS: u32 = 2;
/// A connection idle for so long is tested before it is used again.
pub const POSTGRES_TRUSTED: Duration = Duration::from_secs(1);
/// How long a transaction may stand still before the server ends it: a client that stopped in the middle of one holds locks
/// for that long.
pub const POSTGRES_IDLE_IN_TRANSACTION: Duration = Duration::from_secs(1);
/// How long a statement may run before the server ends it.
pub const POSTGRES_STATEMENT: Duration = Duration::from_secs(30);
/// How long the next row of a long answer is waited for: longer than the server itself lets it take.
pub const POSTGRES_SILENCE: Duration = Duration::from_secs(40);
/// How long a statement may wait for a lock before the server ends it: longer than a stalled transaction can hold one.
pub const POSTGRES_LOCK: Duration = Duration::from_secs(5);
/// Prepared statements kept on each connection.
pub const POSTGRES_STATEMENTS: usize = 256;

// Key-value ----------------------------------------------------------------------------------------------------------

/// Bytes of a key.
pub const KEY_BYTES: usize = 4 * 1024;
/// Bytes of a value.
pub const VALUE_BYTES: usize = 16 << 20;

// Outbound HTTP ------------------------------------------------------------------------------------------------------

/// Servers whose circuit breakers a role keeps.
pub const HTTP_SERVERS: usize = 64;
/// How long to wait for a connection; a guest may ask for less.
pub const HTTP_CONNECT: Duration = Duration::from_secs(10);
/// How long to wait for the head of a response; a guest may ask for less.
pub const HTTP_FIRST_BYTE: Duration = Duration::from_secs(60);
/// How long to wait for each further piece of a response; a guest may ask for less.
pub const HTTP_BETWEEN_BYTES: Duration = Duration::from_secs(60);

/// Addresses of a name that are looked at, and connected to one after the other.
pub const INTERNET_ADDRESSES: usize = 8;
/// How long to wait for a connection to one of them.
pub const INTERNET_ADDRESS: Duration = Duration::from_secs(3);
/// Bytes of the head of an answer from a server that anybody may name.
pub const INTERNET_HEAD: usize = 64 << 10;

// Mail ---------------------------------------------------------------------------------------------------------------

/// Bytes of a message with its attachments, as its WIT says.
pub const MAIL_BYTES: usize = 10 << 20;
/// Bytes of an address, as RFC 5321 has it.
pub const MAIL_ADDRESS_BYTES: usize = 254;
/// Bytes of a message's subject; a longer one is shortened. With its name it fits a line, if it is one word.
pub const MAIL_SUBJECT_BYTES: usize = 900;
/// Bytes of a line of text that is sent as it is; RFC 5322 allows 998.
pub const MAIL_LINE_BYTES: usize = 900;
/// Bytes of the name that a message gives its sender.
pub const MAIL_NAME_BYTES: usize = 500;
/// Bytes of a link in a header, which stands on one line.
pub const MAIL_LINK_BYTES: usize = 900;
/// Bytes of the file name of an attachment.
pub const MAIL_FILENAME_BYTES: usize = 200;
/// Bytes of a message's id.
pub const MAIL_ID_BYTES: usize = 200;
/// Connections to a mail server.
pub const SMTP_CONNECTIONS: usize = 8;
/// How long a message waits for one of them.
pub const SMTP_ACQUIRE: Duration = Duration::from_secs(30);
/// How long a connection is kept while there is nothing to send: servers close those of minutes.
pub const SMTP_IDLE: Duration = Duration::from_secs(20);
/// How long to wait for a connection, and for a sign of life on one.
pub const SMTP_CONNECT: Duration = Duration::from_secs(5);
/// How long it may take until the server has let us in: some greet late on purpose.
pub const SMTP_OPEN: Duration = Duration::from_secs(20);
/// How long it may take until sender and receiver are accepted.
pub const SMTP_COMMANDS: Duration = Duration::from_secs(30);
/// How long a server may take over a message. RFC 5321 has 10 minutes; a worker that waits so long does nothing else.
pub const SMTP_MESSAGE: Duration = Duration::from_secs(60);
/// Bytes of a server's reason that are passed on.
pub const SMTP_REASON_BYTES: usize = 300;
/// When to try a mail again that the server does not want yet, in milliseconds: greylisting takes minutes.
pub const MAIL_LATER_MS: u32 = 60_000;

// Our own interfaces -------------------------------------------------------------------------------------------------

/// Records of one `send` to Kafka, as its WIT says.
pub const KAFKA_RECORDS: usize = 1_000;
/// Bytes of one of them, key and headers included: a broker's default maximum.
pub const KAFKA_RECORD_BYTES: usize = 1_000_000;
/// When to try again where a role lacks what was asked for, in milliseconds.
pub const RETRY_AFTER_MS: u32 = 1_000;

/// Threads that hash passwords. One is some 50 logins a second; more would take more from those that serve.
pub const HASHING_THREADS: usize = 1;
/// Passwords that wait for them: a second or two. Who comes then had better ask again later.
pub const HASHING_QUEUE: usize = 64;
/// By how much everybody else goes first: 0 as all, 19 last.
pub const HASHING_NICENESS: i32 = 10;

//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

// Who acts -----------------------------------------------------------------------------------------------------------

/// How often an instance looks: renews its lease or claims a free one, writes down what it has heard, and decides where it acts.
pub const ROUND: Duration = Duration::from_secs(1);
/// How long a lease lasts by the database's clock: several rounds, so that one slow answer does not change who acts.
pub const LEASE: Duration = Duration::from_secs(5);
/// How often an instance looks whether nodes are to do something else, beside its rounds.
pub const DESIRED_POLL: Duration = Duration::from_millis(250);
/// How long after its last good round an instance calls itself unfit for requests, and sends agents to another one.
pub const SILENT: Duration = Duration::from_secs(10);
/// Times that something a person wants is tried again because somebody else has changed the rollout meanwhile.
pub const SWAPS: usize = 8;

// Postgres -----------------------------------------------------------------------------------------------------------

/// Connections of an instance: a round, the look for changes, and people.
pub const POSTGRES_CONNECTIONS: u32 = 8;
/// How long a connection is waited for.
pub const POSTGRES_ACQUIRE: Duration = Duration::from_secs(3);
/// How long the server works on a statement.
pub const POSTGRES_STATEMENT: Duration = Duration::from_secs(5);
/// How long a lock is waited for.
pub const POSTGRES_LOCK: Duration = Duration::from_secs(3);
/// How long a transaction may stand still until the server ends it: its instance is gone.
pub const POSTGRES_IDLE_IN_TRANSACTION: Duration = Duration::from_secs(5);
/// How long migrations take at most, those of another instance included.
pub const MIGRATION: Duration = Duration::from_secs(120);
/// How long an answer is waited for that the server itself would have broken off.
pub const PATIENCE: Duration = POSTGRES_STATEMENT.saturating_add(POSTGRES_ACQUIRE);

// Nodes --------------------------------------------------------------------------------------------------------------

/// Nodes of a fleet: all of them are in a rollout's state.
pub const NODES: usize = rollout::limits::NODES;
/// Reports that one statement writes or reads: some megabytes, which a database has in a part of [`POSTGRES_STATEMENT`].
pub const REPORTS: usize = 1_000;
/// How long a node may be silent until it is shown as away.
pub const AWAY: Duration = rollout::limits::AWAY;
/// How often nodes are counted where no rollout is under way.
pub const COUNTED: Duration = Duration::from_secs(10);
/// Nodes that are named because they cannot run a version.
pub const NAMED: usize = 20;

// People -------------------------------------------------------------------------------------------------------------

/// Connections of people and programs at once.
pub const CONNECTIONS: usize = 256;
/// How long a TLS handshake or a request's head may take, and a connection be idle.
pub const HEAD: Duration = Duration::from_secs(10);
/// How long a connection lives at most; a client may open another.
pub const CONNECTION: Duration = Duration::from_secs(600);
/// How long requests in flight may take when the instance stops.
pub const DRAIN: Duration = Duration::from_secs(5);
/// Bytes of a head.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Headers of a head.
pub const HEADERS: usize = 64;
/// Requests of one connection at once.
pub const STREAMS: u32 = 32;
/// Bytes of a head over HTTP/2.
pub const HEADER_LIST: u32 = 16 * 1024;
/// Bytes of a request's body: a plan and variables.
pub const BODY_BYTES: usize = 512 * 1024;
/// Deployments that are being looked at by one instance at once: each fetches a version.
pub const DEPLOYMENTS: usize = 1;
/// Variables of a release, and bytes of all their names and values.
pub const VARIABLES: usize = 256;
/// See [`VARIABLES`].
pub const VARIABLES_BYTES: usize = 128 * 1024;
/// Rollouts, or rows of the audit log, of one answer.
pub const ROWS: i64 = 200;
/// The same where nobody says how many.
pub const ROWS_USUAL: i64 = 20;
/// Bytes of what the audit log says of one thing.
pub const AUDIT_BYTES: usize = 4_096;

// Tokens -------------------------------------------------------------------------------------------------------------

/// Tokens of a file.
pub const TOKENS: usize = 256;
/// Bytes of the file of tokens.
pub const TOKENS_BYTES: u64 = 256 * 1024;
/// Bytes of a token: fewer can be guessed, more are none.
pub const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=512;
/// How often it is looked whether the file of tokens has changed.
pub const TOKENS_LOOK: Duration = Duration::from_secs(2);

// Prometheus ---------------------------------------------------------------------------------------------------------

/// How long the answer to a query may take, all being asked at once: it is waited for within a round, and a lease must outlast that.
pub const QUERY: Duration = Duration::from_secs(2);
/// Bytes of an answer: one number.
pub const QUERY_BYTES: usize = 64 * 1024;

// Versions -----------------------------------------------------------------------------------------------------------

/// How long fetching a version may take, from the first question to the last byte.
pub const FETCH: Duration = Duration::from_secs(600);

// Clients ------------------------------------------------------------------------------------------------------------

/// How long a client waits for an answer: that to a deployment comes once the version is fetched.
pub const CALL: Duration = FETCH.saturating_add(Duration::from_secs(30));
/// Bytes of an answer that a client reads.
pub const CALL_BYTES: usize = 32 * 1024 * 1024;

//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

use telemetry::BreakerOptions;

// Names --------------------------------------------------------------------------------------------------------------

/// Bytes of a region's or node's name: one label of a DNS name.
pub const NAME_BYTES: usize = 63;

// Connections --------------------------------------------------------------------------------------------------------

/// Connections that a server has open at once. A node has three to each node of a region.
pub const CONNECTIONS: usize = 4_096;
/// How long a connection and its handshakes may take, on either side.
pub const CONNECT: Duration = Duration::from_secs(3);
/// How often a connection is tried with a ping, in use or not.
pub const PING: Duration = Duration::from_secs(1);
/// A connection whose ping is not answered for so long is dead: a node that vanished is noticed by this.
pub const PING_ANSWER: Duration = Duration::from_secs(2);
/// Requests of one connection at once.
pub const STREAMS: u32 = 512;
/// Requests that a server works on at once, over all connections; feeds do not count.
pub const REQUESTS: usize = 8_192;
/// Feeds that a server has open at once.
pub const FEEDS: usize = 1_024;
/// Bytes of one request's headers: what an edge lets through, and ours.
pub const HEADER_BYTES: u32 = 64 * 1024;
/// Bytes of one answer that may be on their way before it is read.
pub const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes of all answers of a connection: enough for a hundred unread streams, so that those block no other.
pub const CONNECTION_WINDOW: u32 = 32 * 1024 * 1024;
/// How long requests in flight may take when a server stops; then they are cut off.
pub const DRAIN: Duration = Duration::from_secs(10);

// Certificates -------------------------------------------------------------------------------------------------------

/// Days that a node's certificate lasts by default: it is renewed in place, so few are best.
pub const NODE_DAYS: u32 = 7;
/// Days that a certificate may be made for.
pub const DAYS: std::ops::RangeInclusive<u32> = 1..=398;
/// How long an authority lasts. Another one is believed beside it for a while before it ends.
pub const AUTHORITY_DAYS: u32 = 5 * 365;
/// How long before it was made a certificate is good: nodes' clocks differ.
pub const BACKDATED: Duration = Duration::from_secs(600);
/// How often a node looks whether its files have changed.
pub const FILES_LOOK: Duration = Duration::from_secs(1);
/// How often an open connection is looked at, whether its other end is still to be believed: beside every change, because certificates end.
pub const BELIEVED_LOOK: Duration = Duration::from_secs(30);
/// A connection to a node whose certificate ends sooner is made anew beside it, so that nothing breaks off when it does.
pub const RENEW_BEFORE: Duration = Duration::from_secs(600);
/// How long after a connection could not be made anew it is tried again.
pub const RENEW_PAUSE: Duration = Duration::from_secs(2);
/// Lists of revoked certificates, of one authority each.
pub const REVOCATION_LISTS: usize = 4;
/// Bytes of one: some three thousand certificates that have not ended yet.
pub const REVOCATIONS_BYTES: usize = 128 * 1024;
/// Lists that a server reads at once.
pub const REVOCATIONS_READ: usize = 256;
/// How long a node without a newer list waits before it says so (long polling). A newer one is sent at once.
pub const REVOCATIONS_WAIT: Duration = Duration::from_secs(10);
/// How long after an answer, or none, a node is asked again.
pub const REVOCATIONS_PAUSE: Duration = Duration::from_millis(500);

// Breaker ------------------------------------------------------------------------------------------------------------

/// The default breaker of a node.
pub const BREAKER: BreakerOptions =
    BreakerOptions { failures: 3, open: Duration::from_millis(50), longest: Duration::from_millis(900) };
/// How long a node has to say how it is.
pub const STATUS: Duration = Duration::from_secs(2);
/// Bytes of what it says.
pub const STATUS_BYTES: usize = 4_096;
/// How long to wait for a node when none can be had. It is waited for only once after the last one was lost: then all are refused at once.
pub const NODE_WAIT: Duration = Duration::from_secs(1);
/// Nodes of one region.
pub const NODES: usize = 64;

// Ledger -------------------------------------------------------------------------------------------------------------

/// Commands that wait to be sent to one region.
pub const QUEUE: usize = 8_192;
/// Commands of one request: as many as the interface takes.
pub const COMMANDS: usize = contracts::limits::LEDGER_COMMANDS;
/// Bytes of one command. Fifty offers of an `open`, and what they share, are a fifth of it.
pub const COMMAND_BYTES: usize = 64 * 1024;
/// Bytes of one request.
pub const COMMANDS_BYTES: usize = 1024 * 1024;
/// Bytes of one piece of an answer.
pub const ANSWERS_BYTES: usize = 4 * 1024 * 1024;
/// Requests at once to a region that answers: few, so that what comes meanwhile is merged.
pub const IN_FLIGHT: usize = 8;
/// Requests at once where those before do not get answered: one slow event is not to hold up all others.
pub const IN_FLIGHT_MOST: usize = 64;
/// How long a command waits for one of [`IN_FLIGHT`] to end before one more is sent.
pub const PACE: Duration = Duration::from_millis(20);
/// How long a request may go without a word of an answer until it is asked again elsewhere.
pub const ANSWER: Duration = Duration::from_secs(5);
/// How long after the deadlines of its commands a request is still listened to: by then they have been dropped.
pub const GRACE: Duration = Duration::from_secs(1);
/// Times that a command is sent.
pub const TRIES: usize = 4;
/// Least and most pause before a command that was refused is sent again, whatever the refusal says.
pub const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// `retry_after` of an answer when the region is unreachable, in milliseconds.
pub const RETRY_MS: u32 = 500;
/// How long commands may take to come, all of them.
pub const BODY: Duration = Duration::from_secs(5);

// Forwarded requests -------------------------------------------------------------------------------------------------

/// Requests forwarded to one region at once, until their answers are here.
pub const FORWARDS: usize = 1_024;
/// Nodes that are asked one after the other.
pub const FORWARD_TRIES: usize = 3;
/// How long until an answer begins. The edge's own limit is as long, and comes first.
pub const FORWARD_ANSWER: Duration = Duration::from_secs(30);

// Addresses ----------------------------------------------------------------------------------------------------------

/// Bytes of a question about accounts and of an answer: each address has less than a kilobyte, each link and each claim of a guest less than a quarter.
pub const ACCOUNTS_BYTES: usize = 128 * 1024;
/// How long until an answer begins, and how long it may take. Who asks asks again soon.
pub const ACCOUNTS_ANSWER: Duration = Duration::from_secs(5);

// Feed ---------------------------------------------------------------------------------------------------------------

/// Bytes after which a piece of a snapshot ends.
pub const PIECE_BYTES: usize = 128 * 1024;
/// Bytes of one frame. A batch has at most a thousand facts.
pub const FRAME_BYTES: usize = 64 * 1024 * 1024;
/// Facts of a snapshot, of all kinds.
pub const SNAPSHOT_FACTS: usize = 2 * edge::limits::EVENTS + edge::limits::REVOKED_SESSIONS + edge::limits::KEYS;
/// How long a snapshot is reused after it was read: nodes that connect together share it.
pub const SNAPSHOT_SHARED: Duration = Duration::from_secs(1);
/// Batches whose encoded form is cached for other readers.
pub const ENCODED: usize = 256;
/// Bytes of all of them.
pub const ENCODED_BYTES: usize = 32 * 1024 * 1024;
/// How long a feed may take to begin.
pub const FEED_ANSWER: Duration = Duration::from_secs(30);

// Control plane ------------------------------------------------------------------------------------------------------

/// Connections of agents at once: each node has one.
pub const CONTROL_CONNECTIONS: usize = 16_384;
/// How often a connection between an agent and an instance is tried with a ping: an instance that is gone is also noticed by what it does not answer.
pub const CONTROL_PING: Duration = Duration::from_secs(10);
/// How long its answer is waited for. An instance that thousands of nodes come to is busy, and not dead: who gave it up then would only come again.
pub const CONTROL_PING_ANSWER: Duration = Duration::from_secs(10);
/// Requests of agents at once: each node has one that waits for what is new, and now and then one that reports.
pub const CONTROL_REQUESTS: usize = 32_768;
/// Bodies of theirs that are received at once: that is all the memory that they take before anybody looks at them.
pub const CONTROL_BODIES: usize = 256;

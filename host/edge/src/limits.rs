//! Every limit of this crate, with its unit and its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::rates::Quota;

// Listener -----------------------------------------------------------------------------------------------------------

/// Connections open at once; more wait in the kernel's queue until one closes.
pub const CONNECTIONS: u32 = 8_192;
/// Connections of one network ([`crate::rates::Network`]): an office on one address, with several for each browser.
pub const CONNECTIONS_EACH: u32 = 256;
/// Requests that are not finished, over all connections: from the end of their head to the end of their answer.
pub const REQUESTS: u32 = 16_384;
/// Those of one network.
pub const REQUESTS_EACH: u32 = 256;
/// How many times as much as a client a site (a /48 of IPv6) may have, of everything that is counted by network.
pub const SITE_SHARE: u32 = 8;
/// How long a connection may take to its next request's end of head, from being accepted or from its last answer. A client that sends a
/// head byte by byte is cut off by this, and so is one that has gone away.
pub const IDLE: Duration = Duration::from_secs(30);
/// The same while more than three quarters of [`CONNECTIONS`] are taken.
pub const IDLE_CROWDED: Duration = Duration::from_secs(5);
/// How long one request may keep a connection busy, its answer's body included.
pub const BUSY: Duration = Duration::from_secs(120);
/// How often a connection is looked at for these, and for answers that are not taken.
pub const LOOK: Duration = Duration::from_secs(5);
/// How long a TLS handshake or the PROXY protocol's header may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often the files of a certificate are looked at.
pub const CERTIFICATE_LOOK: Duration = Duration::from_secs(2);
/// Bytes of the PROXY protocol's second version that follow its head: addresses, and what else a proxy says.
pub const PROXY_BYTES: usize = 2_048;
/// How long a browser that was here over TLS asks for nothing else, in seconds: a year.
pub const HSTS_SECONDS: u32 = 31_536_000;
/// HTTP/2: requests of one connection at once.
pub const STREAMS: u32 = 100;
/// HTTP/2: bytes of one answer that are buffered for a client that takes none.
pub const STREAM_SEND_BYTES: usize = 64 * 1024;
/// HTTP/1: bytes of a connection's read buffer. Larger than [`HEADER_BYTES`], so that a larger head still gets an answer.
pub const READ_BUFFER_BYTES: usize = 64 * 1024;
/// HTTP/1: headers that are parsed at all. Larger than [`HEADERS`], for the same reason.
pub const PARSED_HEADERS: usize = 256;
/// Pause after the system refused a connection (no file descriptors left, most likely), so as not to spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long requests in flight may take when the node stops; then they are cut off.
pub const DRAIN: Duration = Duration::from_secs(10);

// Requests -----------------------------------------------------------------------------------------------------------

/// Bytes of a request's headers, names and values, and its path: 431 beyond.
pub const HEADER_BYTES: usize = 16 * 1024;
/// Headers of a request: 431 beyond.
pub const HEADERS: usize = 100;
/// Bytes of a request's body: 413 beyond. Components set smaller limits themselves.
pub const BODY_BYTES: u64 = 1024 * 1024;
/// Bytes of the body of a route that takes a file: what a row of the table of routes may permit at most (`manifest::limits::BODY_MIB`).
pub const FILE_BYTES: u64 = 16 * BODY_BYTES;
/// How long a request's body may take to come, all of it.
pub const BODY: Duration = Duration::from_secs(30);
/// The same of a file: a photograph of 8 MiB from a telephone that sends 100 KiB a second. With [`REQUEST`] after it it is within [`BUSY`].
pub const FILE: Duration = Duration::from_secs(85);
/// How long it may take whatever comes; from then on it must have come at [`BODY_RATE`].
pub const BODY_GRACE: Duration = Duration::from_secs(5);
/// Bytes a second.
pub const BODY_RATE: u64 = 16 * 1024;
/// Bytes of all bodies that are still coming, up to [`BODY_BYTES`] of each.
pub const BODIES_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of what files that are still coming have beyond that. Apart, so that whoever sends files takes nobody else's room.
pub const FILES_BYTES: usize = 128 * 1024 * 1024;
/// Bytes of an unused body that are drained, and for how long, after the refusal is sent: a client that is still
/// writing when the connection closes never sees it.
pub const UNREAD_BYTES: u64 = FILE_BYTES;
/// See [`UNREAD_BYTES`].
pub const UNREAD: Duration = Duration::from_secs(2);
/// How long a request may take from when all of it is there until its answer begins: 504 beyond. Components have their own, shorter limits; this one
/// bounds the rest, a region that does not answer.
pub const REQUEST: Duration = Duration::from_secs(30);
/// Bytes of a request id taken from a client.
pub const REQUEST_ID_BYTES: usize = 64;
/// The default `Retry-After`, in seconds.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// Bytes of a component's answer up to which it is waited for, and for how long, before its head is sent: what is whole by then has a length.
pub const SETTLED_BYTES: usize = 32 * 1024;
/// See [`SETTLED_BYTES`].
pub const SETTLED: Duration = Duration::from_millis(2);
/// Bytes of an answer that are taken from whoever makes it before its client takes them: one within this holds no instance and no permit at its
/// client's pace.
pub const ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes of all answers that wait so; while there are more, each has one piece in memory at a time.
pub const ANSWERS_BYTES: usize = 512 * 1024 * 1024;
/// Bytes of answers that never change that a node has in memory, in two generations: the scripts and styles of some versions, and the pictures that are
/// asked for.
pub const IMMUTABLE_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of one of them.
pub const IMMUTABLE_ONE_BYTES: usize = 1024 * 1024;
/// Versions of the application whose answers are told apart; what an older one has given counts only as long as it still runs here.
pub const IMMUTABLE_VERSIONS: usize = 4;
/// How long an answer that never changes is given from memory at most before whoever has it is asked again. A picture that its event has no more is
/// forgotten when the feed says so; this bounds it where no feed does: a draft's, or an event's that the replica has no room for.
pub const IMMUTABLE: Duration = Duration::from_secs(600);
/// Bytes of a path and of what its client accepts, up to which an answer is looked for there.
pub const IMMUTABLE_KEY_BYTES: usize = 512;
/// How long a client may take none of an answer that is there; from then on it must have taken it at [`SEND_RATE`], or is cut off.
pub const SEND_GRACE: Duration = Duration::from_secs(10);
/// Bytes a second.
pub const SEND_RATE: u64 = 8 * 1024;

// Live ---------------------------------------------------------------------------------------------------------------

/// Sockets of the live channel that are open at once: each is a file descriptor, and some KiB of memory.
pub const LIVE_SOCKETS: u32 = 16_384;
/// Those of one network: as many as it may have connections.
pub const LIVE_SOCKETS_EACH: u32 = 256;
/// Events whose availability one socket watches: a page of a list.
pub const LIVE_EVENTS: usize = 50;
/// Bookings, payments and events' figures that one socket watches, together. Each is asked for by itself, so they are few.
pub const LIVE_OWN: usize = 14;
/// Events whose availability a node watches for its sockets.
pub const LIVE_TOPICS: usize = 65_536;
/// Bytes of an id.
pub const LIVE_ID_BYTES: usize = 64;
/// Least time between two updates of an event: what happens in between is one update.
pub const LIVE_EVERY: Duration = Duration::from_millis(100);
/// How often a node looks whether a watched event has changed by the clock alone: holds run out, sales begin.
pub const LIVE_LOOK: Duration = Duration::from_secs(1);
/// How often the region is asked about a watched event that the replica leaves out.
pub const LIVE_LOOK_LEFT_OUT: Duration = Duration::from_secs(5);
/// Least time between two questions for the same thing of a caller's own, whatever the feed says.
pub const LIVE_OWN_EVERY: Duration = Duration::from_millis(500);
/// How often it is asked for where the feed says nothing: at first, and after it has not changed for a while.
pub const LIVE_OWN_LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Questions of the live channel that are under way at once; more wait.
pub const LIVE_ASKS: usize = 256;
/// Bytes of what is said of one thing.
pub const LIVE_VALUE_BYTES: usize = 256 * 1024;
/// Facts that a node's live channel may be behind; then it takes everything for changed.
pub const LIVE_CHANGES: usize = 1_024;
/// How often sockets are looked at, for their tokens and for silence: a session that has ended is refused everywhere within a second.
pub const LIVE_SWEEP: Duration = Duration::from_millis(500);
/// How long a WebSocket may take until its first message says what it watches.
pub const LIVE_FIRST: Duration = Duration::from_secs(10);
/// How long nothing is sent before a sign of life is: proxies cut off what is silent for a minute, or half of one.
pub const LIVE_PING: Duration = Duration::from_secs(25);
/// How long a WebSocket may say nothing, not even that it lives.
pub const LIVE_SILENCE: Duration = Duration::from_secs(75);
/// How long a WebSocket may take none of what it is sent.
pub const LIVE_STALL: Duration = Duration::from_secs(30);
/// Bytes of a client's message: all ids that it can name, and as much again.
pub const LIVE_MESSAGE_BYTES: usize = 8 * 1024;
/// Bytes of a WebSocket's read buffer, which it always has: clients say little.
pub const LIVE_READ_BYTES: usize = 1_024;
/// How often a client may say what it watches.
pub const LIVE_MESSAGES: Quota = Quota { per_minute: 60, burst: 20 };
/// When a node stops, how long it takes over sending its sockets away; or half of [`DRAIN`], where that is less.
pub const LIVE_DRAIN: Duration = Duration::from_secs(5);
/// How long a WebSocket may take to answer a close frame.
pub const LIVE_BYE: Duration = Duration::from_secs(1);
/// When clients of server-sent events connect again, up to a quarter sooner.
pub const LIVE_RETRY: Duration = Duration::from_secs(3);

// Rates --------------------------------------------------------------------------------------------------------------

/// What an address may ask by default: a house or an office full of people on one sale.
pub const ADDRESS_RATE: Quota = Quota { per_minute: 6_000, burst: 600 };
/// A user's rate: enough for a person who reloads constantly, and a page that sends several requests at once.
pub const USER_RATE: Quota = Quota { per_minute: 600, burst: 100 };
/// How often an address may try what can be guessed.
pub const ATTEMPTS_RATE: Quota = Quota { per_minute: 30, burst: 30 };
/// The rate of all clients behind one edge together, counted in the region: more logins than hashing lets through, and no unlimited guessing from an edge
/// that was stolen.
pub const EDGE_ATTEMPTS_RATE: Quota = Quota { per_minute: 1_200, burst: 1_200 };
/// Requests a minute that a setting may permit.
pub const PER_MINUTE: RangeInclusive<u32> = 1..=6_000_000;
/// Requests at once that a setting may permit.
pub const BURST: RangeInclusive<u32> = 1..=100_000;
/// Addresses, users, and addresses at what can be guessed that are counted, each by itself; about 100 bytes each.
pub const COUNTED: usize = 131_072;
/// Instants that newcomers share where those are taken.
pub const COUNTED_TOGETHER: usize = 4_096;
/// How often expired arrival times are evicted, when the table is full.
pub const COUNTED_SWEEP: Duration = Duration::from_millis(100);

// Regions ------------------------------------------------------------------------------------------------------------

/// Requests at once whose body is parsed, because it names their region.
pub const BODIES_LOOKED_AT: usize = 256;
/// How long a region may take for its part of a list that all of them have parts of; then the list goes without it.
pub const LIST: Duration = Duration::from_secs(3);
/// Bytes of a region's part.
pub const LIST_BYTES: usize = 1024 * 1024;
/// Items of such a list where the client does not say: as many as the components give then.
pub const LIST_ITEMS: usize = 20;
/// How long a region may take for its part of an archive: papers are drawn for it. Less than [`REQUEST`].
pub const ARCHIVE: Duration = Duration::from_secs(25);
/// Bytes of a region's part: the component's bound for papers, and as much again for what it lists.
pub const ARCHIVE_BYTES: usize = 24 * 1024 * 1024;
/// Archives at once that are made, or that their clients have not taken yet.
pub const ARCHIVES: usize = 8;
/// Bytes of such an archive that are handed on together.
pub const ARCHIVE_PIECE_BYTES: usize = 256 * 1024;
/// How long a list that only this node can give waits until it has what its reader has seen.
pub const CATCH_UP: Duration = Duration::from_secs(1);
/// How long a read waits for what its reader has seen elsewhere before a region is asked: what an edge is behind another is on its way.
pub const CATCH_UP_HERE: Duration = Duration::from_millis(100);

// Replica and feed ---------------------------------------------------------------------------------------------------

/// Events that a replica holds, of all regions.
pub const EVENTS: usize = 500_000;
/// Bytes of memory that they take, roughly, by default; the text index takes about as much again.
pub const REPLICA_BYTES: usize = 512 * 1024 * 1024;
/// What that may be set to, in MiB.
pub const REPLICA_MIB: RangeInclusive<usize> = 1..=1_048_576;
/// How often long-finished events are evicted, in microseconds.
pub const ARCHIVE_EVERY: i64 = 600_000_000;
/// Revoked sessions that are remembered; each for as long as its access tokens might still be good.
pub const REVOKED_SESSIONS: usize = 1_000_000;
/// Public keys that are remembered of a region.
pub const KEYS: usize = 64;
/// Revocations after which expired ones are looked for.
pub const TIDY_EVERY: usize = 1_024;
/// Pauses between two tries to reach the feed: the first, and the longest.
pub const FEED_RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(900));
/// A feed that says nothing for so long is taken for dead, and opened again. It sends a sign of life more often.
pub const FEED_SILENCE: Duration = Duration::from_secs(5);
/// How long a node that starts waits for a region's first snapshot before it goes without it, where it has another's.
pub const FEED_FIRST: Duration = Duration::from_secs(5);
/// How long a snapshot of the same epoch that is behind what a node has shown is refused: a region that remembers more has begun another epoch by then.
pub const FEED_BEHIND: Duration = Duration::from_secs(10);
/// How long opening a feed may take, its snapshot included: a large one takes its time over a long way.
pub const FEED_OPEN: Duration = Duration::from_secs(60);
/// How often a feed says that there is nothing new.
pub const FEED_HEARTBEAT: Duration = Duration::from_millis(250);
/// A replica older than this is stale, and its health check degraded.
pub const STALE: Duration = Duration::from_secs(2);
/// Words of a query that are looked up in the text index.
pub const INDEX_WORDS: usize = 16;
/// Changed events with which the text index is committed anew; a search reads the texts of fewer by itself.
pub const INDEX_BEHIND: usize = 64;
/// Bytes that the text index gathers before it makes a segment of them; the least that tantivy takes.
pub const INDEX_BYTES: usize = 15_000_000;
/// The text index merges segments of which more than this share is out of date, so that what was replaced takes no memory.
pub const INDEX_STALE_SHARE: f32 = 0.2;
/// Segments of the text index with fewer events than this count as equals, and are merged when there are [`INDEX_SEGMENTS`] of them.
pub const INDEX_SMALL_SEGMENT: u32 = 1_000;
/// See [`INDEX_SMALL_SEGMENT`].
pub const INDEX_SEGMENTS: usize = 8;
/// After the text index has failed, how long every text is read instead before it is built anew.
pub const INDEX_RETRY: Duration = Duration::from_secs(60);
/// `retry_after` for a component while the replica has no snapshot, in milliseconds.
pub const RETRY_MS: u32 = 500;
/// Tokens that were verified and are remembered, in each of two generations; about 300 bytes each.
pub const TOKENS: usize = 32_768;
/// Bytes of an access token.
pub const TOKEN_BYTES: usize = read_model::MAX_TOKEN_BYTES;

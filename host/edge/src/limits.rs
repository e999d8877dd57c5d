//! Every limit of this crate, with its unit and its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::rates::Quota;

// Listener -----------------------------------------------------------------------------------------------------------

/// Connections open at once; more wait in the kernel's queue until one closes.
pub const CONNECTIONS: usize = 8_192;
/// How long a connection may take to its next request's end of head, from being accepted or from its last answer. A client that sends a
/// head byte by byte is cut off by this, and so is one that has gone away.
pub const IDLE: Duration = Duration::from_secs(30);
/// How long one request may keep a connection busy, its answer's body included. A client that reads too slowly is cut off.
pub const BUSY: Duration = Duration::from_secs(120);
/// HTTP/2: requests of one connection at once.
pub const STREAMS: u32 = 256;
/// HTTP/1: bytes of a connection's read buffer. Larger than [`HEADER_BYTES`], so that what is over that is told so.
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
/// Bytes of a body that is too long which are read all the same, and for how long, before the refusal is sent: a client that is still
/// writing when the connection closes never sees it.
pub const UNREAD_BYTES: u64 = 8 * BODY_BYTES;
/// See [`UNREAD_BYTES`].
pub const UNREAD: Duration = Duration::from_secs(2);
/// How long a request may take until its answer begins: 504 beyond. Components have their own, shorter limits; this one bounds the rest,
/// a region that does not answer or a body that does not come.
pub const REQUEST: Duration = Duration::from_secs(30);
/// Bytes of a request id taken from a client.
pub const REQUEST_ID_BYTES: usize = 64;
/// What `Retry-After` says where nobody knows better, in seconds.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// Bytes of a component's answer up to which it is waited for, and for how long, before its head is sent: what is whole by then has a length.
pub const SETTLED_BYTES: usize = 32 * 1024;
/// See [`SETTLED_BYTES`].
pub const SETTLED: Duration = Duration::from_millis(2);

// Rates --------------------------------------------------------------------------------------------------------------

/// What an address may ask where nobody says otherwise: a house or an office full of people on one sale.
pub const ADDRESS_RATE: Quota = Quota { per_minute: 6_000, burst: 600 };
/// What a user may ask: somebody who reloads as fast as they can, and a page that asks for several things at once.
pub const USER_RATE: Quota = Quota { per_minute: 600, burst: 100 };
/// How often an address may try what can be guessed.
pub const ATTEMPTS_RATE: Quota = Quota { per_minute: 30, burst: 30 };
/// Requests a minute that a setting may permit.
pub const PER_MINUTE: RangeInclusive<u32> = 1..=6_000_000;
/// Requests at once that a setting may permit.
pub const BURST: RangeInclusive<u32> = 1..=100_000;
/// Addresses and users that are counted, in each of two generations; about 100 bytes each.
pub const COUNTED: usize = 131_072;

// Regions ------------------------------------------------------------------------------------------------------------

/// Requests at once whose body is looked into, because it says which region they are for.
pub const BODIES_LOOKED_AT: usize = 256;
/// How long a region may take for its part of a list that all of them have parts of; then the list goes without it.
pub const LIST: Duration = Duration::from_secs(3);
/// Bytes of a region's part.
pub const LIST_BYTES: usize = 1024 * 1024;
/// Items of such a list where the client does not say: as many as the components give then.
pub const LIST_ITEMS: usize = 20;
/// How long a list that only this node can give waits until it has what its reader has seen.
pub const CATCH_UP: Duration = Duration::from_secs(1);
/// How long a read waits for what its reader has seen elsewhere before a region is asked: what an edge is behind another is on its way.
pub const CATCH_UP_HERE: Duration = Duration::from_millis(100);

// CORS ---------------------------------------------------------------------------------------------------------------

/// Origins that may be configured.
pub const ORIGINS: usize = 32;
/// How long a browser may keep the answer to a preflight, in seconds.
pub const PREFLIGHT_SECONDS: u32 = 600;

// Replica and feed ---------------------------------------------------------------------------------------------------

/// Events that a replica holds, of all regions.
pub const EVENTS: usize = 500_000;
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
/// How long opening a feed may take, its snapshot included: a large one takes its time over a long way.
pub const FEED_OPEN: Duration = Duration::from_secs(60);
/// How often a feed says that there is nothing new.
pub const FEED_HEARTBEAT: Duration = Duration::from_millis(250);
/// A replica older than this is stale, and health says so.
pub const STALE: Duration = Duration::from_secs(2);
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
/// What a component is told to wait while the replica has nothing to answer from, in milliseconds.
pub const RETRY_MS: u32 = 500;
/// Tokens that were verified and are remembered, in each of two generations; about 300 bytes each.
pub const TOKENS: usize = 32_768;
/// Bytes of an access token.
pub const TOKEN_BYTES: usize = 4_096;

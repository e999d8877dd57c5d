//! The public read model: what an edge knows, and how it answers reads from it.
//!
//! [`Fact`] is what the journal's batches carry for the public, as JSON; [`journal`] is what else it has of an entry. [`ReadModel`] holds the newest fact of each event and its
//! inventory, applied by version and never backwards, and answers get, search and availability. [`Seen`] is what a client has seen
//! already, so that a reader which is behind it can tell.
//!
//! [`rows`] says which columns of the tables are public, and what becomes of them.
//!
//! [`credential()`] reads the access token of a request for everybody, so that host and components see the same one.
//!
//! Pure: no I/O, no clock; callers pass `now`. Instants are microseconds since the Unix epoch, UTC; money is in minor units.
//! Both hosts answer from this crate, so that they answer alike.

mod credential;
mod cursor;
mod fact;
mod id;
pub mod journal;
mod limits;
mod model;
pub mod rows;
mod search;
mod seen;
mod text;

pub use credential::{
    ACCESS_COOKIE, Carrier, Credential, NoCredential, NoToken, REFRESH_COOKIE, REFRESH_PATH, cookie, credential, has_cookie,
    our_cookies,
};
pub use fact::{
    Availability, EventDoc, EventStatus, Fact, Image, ImageSize, Line, Question, QuestionKind, QuestionScope, SharedCapacity,
    TicketType, Venue,
};
pub use id::{made_at, region_of_code};
pub use limits::{
    ARCHIVED_AFTER, MAX_CURSOR_BYTES, MAX_FACETS, MAX_PAGE, MAX_QUERY_WORDS, MAX_SEEN_BYTES, MAX_SEEN_ENTRIES, MAX_TOKEN_BYTES,
};
pub use model::{Entry, ReadModel};
pub use search::{Facet, Query, SearchError, SearchPage, SortKey, search};
pub use seen::{EpochPosition, Seen, SeenKind, epoch_number};
pub use text::{fold, key, keys, words};

//! The journal, as the relay reads it.

mod postgres;

use std::ops::ControlFlow;

use futures::future::BoxFuture;

use crate::Error;

pub use postgres::PostgresJournal;

/// A row of the journal, borrowed while it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Gapless.
    pub position: i64,
    /// Microseconds since the Unix epoch: when it was written.
    pub at: i64,
    /// What was written together has one batch.
    pub batch: &'a str,
    /// Its place in there.
    pub ordinal: i64,
    /// Kafka's topic. None: not published.
    pub topic: Option<&'a str>,
    /// For example `booking.created`.
    pub kind: &'a str,
    /// The id of what it happened to.
    pub aggregate: &'a str,
    /// The aggregate's version after it.
    pub version: i64,
    /// JSON.
    pub payload: &'a str,
    /// The `traceparent` of the request that caused it, where known.
    pub trace: Option<&'a str>,
}

/// The end of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalHead {
    /// The last assigned position.
    pub last: i64,
    /// How old the first row is that is not published yet, in microseconds by the database's clock.
    pub oldest: Option<i64>,
}

/// A range of positions that is to be published again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Which.
    pub id: String,
    /// Its last position.
    pub last: i64,
    /// The next one to be published.
    pub next: i64,
}

/// What is done with each row; it may want no more.
pub type Sink<'a> = dyn FnMut(Row<'_>) -> ControlFlow<()> + Send + 'a;

/// The journal and the relay's place in it. Rows are handed over one at a time, borrowed, so that nothing is copied on their way.
pub trait Journal: Send + Sync + 'static {
    /// Hands `sink` the rows after `after` up to `until`, in order of position: `limit` rows at most, or a few more where the last of them were written
    /// together. Returns how many there were.
    fn read<'a>(&'a self, after: i64, until: i64, limit: usize, sink: &'a mut Sink<'_>) -> BoxFuture<'a, Result<usize, Error>>;

    /// The last position that Kafka has acknowledged; 0 before the first.
    fn cursor(&self) -> BoxFuture<'_, Result<i64, Error>>;

    /// Moves it on, never back.
    fn advance(&self, position: i64) -> BoxFuture<'_, Result<(), Error>>;

    /// How far ahead of `position` the journal is.
    fn standing(&self, position: i64) -> BoxFuture<'_, Result<JournalHead, Error>>;

    /// The oldest range that is not published again yet.
    fn open_replay(&self) -> BoxFuture<'_, Result<Option<Replay>, Error>>;

    /// Everything before `next` of a range has been published again; beyond its last position the range is done.
    fn move_replay<'a>(&'a self, replay: &'a Replay, next: i64) -> BoxFuture<'a, Result<(), Error>>;
}

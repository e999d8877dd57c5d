//! The feed, as an edge sees it: a snapshot of what is public, then what changes.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use read_model::Fact;

/// Everything that is public, as of one position of the journal.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Changes when the database is restored: positions of two epochs have nothing to do with each other.
    pub epoch: Arc<str>,
    /// The journal's last position that is in it.
    pub position: i64,
    /// In no order; of two about the same thing the one with the higher version counts.
    pub facts: Vec<Fact>,
}

/// What follows, in order of position. A batch without facts is a sign of life: nothing has changed.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The position it follows.
    pub after: i64,
    /// Its last position, or `after` where it has none.
    pub position: i64,
    /// In order of position.
    pub facts: Vec<Fact>,
}

/// How far a reader has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The epoch that the position is of.
    pub epoch: Arc<str>,
    /// The journal's last position that the reader has applied.
    pub position: i64,
}

/// Why a feed is not to be had, or ended. Open it again, after a pause where it failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This reader was too slow: what it has missed is no longer at hand. It may resume from its cursor.
    #[error("too slow: what was missed is no longer at hand")]
    Lagged,
    /// The cursor is of another epoch, or older than the journal: only a snapshot helps.
    #[error("the entries after the cursor were deleted")]
    Gone,
    /// The other end stopped.
    #[error("the feed has ended")]
    Ended,
    /// It cannot be had now, for this reason.
    #[error("{0}")]
    Unavailable(String),
}

/// A feed that was opened.
pub struct Subscription {
    /// To begin with; replaces whatever is known. None where the feed resumes after the cursor that it was opened with.
    pub snapshot: Option<Snapshot>,
    /// Then. The first may repeat what is in the snapshot, or known up to the cursor. After an error nothing follows.
    pub batches: BoxStream<'static, Result<Arc<Batch>, Error>>,
}

/// Where a feed comes from.
pub trait Source: Send + Sync + 'static {
    /// Opens it: after a cursor where there is one, else with a snapshot. [`Error::Gone`] where it cannot resume after that cursor.
    fn open(&self, cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, Error>>;
}

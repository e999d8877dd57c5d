//! What an agent asks of its node.

use futures::future::BoxFuture;
use rollout::protocol::{Counters, FailureKind, NodeDescription, Release, ReleaseId, Share};

/// Why a release will not run on a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// Where it failed.
    pub kind: FailureKind,
    /// Why, in a sentence for operators, without secrets.
    pub reason: String,
}

/// A node, as its agent needs it. One release is prepared at a time; meanwhile the node may be asked to [`serve`](Self::serve) what is ready, and not to
/// [`forget`](Self::forget) anything.
pub trait Host: Send + Sync + 'static {
    /// The node as it is now.
    fn describe(&self) -> NodeDescription;

    /// Has a release here so that it could serve at once: fetched, verified, compiled, and shown to answer. One that is ready already is left as it is. The
    /// future may be dropped, and the release be asked for again.
    ///
    /// # Errors
    /// It will not run here.
    fn prepare<'a>(&'a self, release: &'a Release) -> BoxFuture<'a, Result<(), Refused>>;

    /// Gives each of these, which are ready, its share of the requests that begin from now on, all at once; those that have begun stay where they are.
    ///
    /// # Errors
    /// Nothing has changed.
    fn serve<'a>(&'a self, shares: &'a [Share]) -> BoxFuture<'a, Result<(), Refused>>;

    /// What a release has done since the process began.
    fn counters(&self, release: ReleaseId) -> Counters;

    /// Forgets every release but these, ready or not, and what serves, and gives back the room that they took.
    fn forget<'a>(&'a self, kept: &'a [Release]) -> BoxFuture<'a, ()>;
}

//! The coordinator: commands queue by event, and whatever has queued while a batch was being decided is the next one.
//!
//! A partition has one queue, one ledger and one batch in flight, so the commands of one event are decided in the order in which they
//! came. A full queue refuses at once: waiting would only delay every command.
//!
//! In a region with several nodes each leads some partitions, by lease (the module `leases`), and hands commands for the others on to
//! those who lead them. No lease is part of any proof that nothing is oversold: the ledger's version swap is. Two nodes that both believe
//! they lead waste each other's time until one of them learns better, and that is all.

mod apply;
mod deciders;
mod partition;
mod phase;
mod route;
mod service;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::Failure;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vocabulary::booking::{Command, Receipt, Rejection};

pub(crate) use phase::{Phase, Term};
pub(crate) use route::stable_hash;
pub use service::{Membership, Options, Service, Shared};

use partition::QueuedCommand;

use crate::limits;

/// The ledger's answer to one command.
pub type Answer = Result<Receipt, Rejection>;

/// Decides batches of commands, one after the other: the component `ledger`, as one partition has it.
pub trait Decide: Send + 'static {
    /// One answer for each command, in order.
    ///
    /// # Errors
    /// If [`Failure::certainly_not_begun`], nothing was done; after any other failure it may have been.
    fn decide(&mut self, commands: Vec<Command>) -> impl Future<Output = Result<Vec<Answer>, Failure>>;

    /// Drops cached state: another node may have decided meanwhile.
    fn forget(&mut self);
}

/// The other nodes of the region.
pub trait Peers: Send + Sync + 'static {
    /// Has the node at this address [decide](Coordinator::decide_here). One answer for each command, in order: `unavailable` where it
    /// certainly was not asked, `unknown` where it may have been and no answer came. Bounded in time.
    fn apply<'a>(&'a self, address: &'a str, commands: Vec<Command>) -> BoxFuture<'a, Vec<Answer>>;
}

/// The coordinator as callers see it. Cheap to clone.
///
/// Its [`apply`](contracts::Ledger::apply) is for components and edges of this node.
#[derive(Clone)]
pub struct Coordinator(Arc<Inner>);

struct Inner {
    partitions: Box<[Slot]>,
    /// Callers' places: one a command.
    places: Arc<Semaphore>,
    /// The other nodes; none where there are none.
    peers: Option<Arc<dyn Peers>>,
    /// Whether this node holds the lease of the ticker.
    runner: watch::Sender<Phase>,
    /// This node is to lead nothing any more.
    leaving: CancellationToken,
    /// It leads nothing any more.
    left: CancellationToken,
}

/// A partition as callers see it.
struct Slot {
    queue: mpsc::Sender<QueuedCommand>,
    phase: watch::Sender<Phase>,
    deciding: DecidingSince,
}

/// Since when a batch has been in flight; none: there is none.
type DecidingSince = Arc<Mutex<Option<Instant>>>;

/// Whether this node is the one whose ticker runs. Cheap to clone.
#[derive(Clone)]
pub struct Runner(watch::Receiver<Phase>);

impl Runner {
    /// One that always is, for tests of what it runs.
    #[cfg(test)]
    pub(crate) fn always() -> Self {
        let (_, phase) = watch::channel(Phase::Here { epoch: 0, term: Term::UNLIMITED });
        Self(phase)
    }

    /// Whether it is now.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.0.borrow().leads().is_some()
    }

    /// Whether it is now, as a watch; it changes a little late when a lease expires. Ends with `self`'s coordinator.
    pub async fn tell(mut self, told: watch::Sender<bool>, stop: CancellationToken) {
        loop {
            let leads = self.leads();
            told.send_if_modified(|last| leads != std::mem::replace(last, leads));
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed() => {}
                () = tokio::time::sleep(limits::RUNNER_LOOK) => {}
            }
        }
    }

    /// Returns when it may have become the one; at the latest when it has.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nothing will ever change any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Coordinator {
    /// Decides what another node hands on; it is never handed on once more. What is not led here is `unavailable`.
    pub fn decide_here(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        self.dispatch(commands, apply::ForwardScope::Here)
    }

    /// Leads nothing any more: takes no new commands, decides what has queued, and hands every lease over at once. Returns when that is done,
    /// or after [`crate::limits::DRAIN`]. Until the [service](Service) ends, commands that come here are handed on to those who lead now.
    pub async fn drain(&self) {
        self.0.leaving.cancel();
        self.0.left.cancelled().await;
    }

    /// Whether this node is the one whose ticker runs.
    #[must_use]
    pub fn runner(&self) -> Runner {
        Runner(self.0.runner.subscribe())
    }

    /// How many partitions are led here, of how many.
    #[must_use]
    pub fn led(&self) -> (usize, usize) {
        let led = self.0.partitions.iter().filter(|slot| slot.phase.borrow().leads().is_some()).count();
        (led, self.0.partitions.len())
    }

    /// Where the other nodes are that lead something.
    #[must_use]
    pub fn others(&self) -> BTreeSet<Arc<str>> {
        let elsewhere = |phase: &watch::Sender<Phase>| match &*phase.borrow() {
            Phase::Elsewhere(address) => address.clone(),
            _ => None,
        };
        self.phases().filter_map(elsewhere).collect()
    }

    /// The phase of each partition, in their order.
    pub(crate) fn phases(&self) -> impl Iterator<Item = &watch::Sender<Phase>> {
        self.0.partitions.iter().map(|slot| &slot.phase)
    }

    /// For how long a partition has been deciding one batch.
    pub(crate) fn decides_for(&self, partition: usize) -> Duration {
        let since =
            self.0.partitions.get(partition).and_then(|slot| *slot.deciding.lock().unwrap_or_else(PoisonError::into_inner));
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The phase of the ticker's lease.
    pub(crate) fn runner_phase(&self) -> &watch::Sender<Phase> {
        &self.0.runner
    }

    /// Cancelled when this node is to leave, and once it has left.
    pub(crate) fn exits(&self) -> (&CancellationToken, &CancellationToken) {
        (&self.0.leaving, &self.0.left)
    }
}

//! The coordinator's making and running.

use std::sync::Arc;
use std::time::Duration;

use telemetry::{Finding, Health, Metrics, Needed};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::partition::Partition;
use super::phase::{Phase, Term};
use super::summary::Summary;
use super::{Coordinator, Decide, DecidingSince, Inner, Peers, Slot, deciders};
use crate::database::{Database, Error};
use crate::leases::{self, Leases};
use crate::limits;
use crate::sequencer::SequencerWaker;

/// What a coordinator is made from.
pub struct Options {
    /// How many partitions, 1 to [`limits::PARTITIONS_MAX`]. Where the region has its partitions already, that number counts instead.
    pub partitions: usize,
    /// Whether there are other nodes.
    pub membership: Membership,
    /// Where batches are counted.
    pub metrics: Arc<Metrics>,
    /// Woken after each batch that may have changed something.
    pub wake: Option<SequencerWaker>,
    /// The database's epoch ([`crate::Sequencer::epoch`]): what is remembered of it is of this one. None where nothing is.
    pub epoch: Option<watch::Receiver<Arc<str>>>,
}

/// Whether there are other nodes.
pub enum Membership {
    /// None: this one leads everything, always.
    Alone,
    /// There may be.
    Shared(Shared),
}

/// How a node takes part in its region.
pub struct Shared {
    /// The region's, migrated.
    pub database: Database,
    /// This node's name, for people; a suffix of this process's own is added. At most [`limits::NODE_NAME_BYTES`] bytes are used.
    pub name: String,
    /// Where other nodes reach this one: what their [`Peers::apply`] is given.
    pub address: String,
    /// How this one reaches them.
    pub peers: Arc<dyn Peers>,
}

/// A coordinator that is to be [run](Self::run).
pub struct Service {
    coordinator: Coordinator,
    partitions: Vec<Partition>,
    leases: Option<Leases>,
    drained: Arc<Notify>,
}

impl Options {
    /// Makes the coordinator. It decides nothing before its service runs.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn build(self) -> Result<Service, Error> {
        let wanted = self.partitions.clamp(1, limits::PARTITIONS_MAX);
        let (count, leases, peers) = match self.membership {
            Membership::Alone => (wanted, None, None),
            Membership::Shared(Shared { database, name, address, peers }) => {
                let leases = Leases::new(database, &name, address);
                (leases.create(wanted).await?, Some(leases), Some(peers))
            }
        };
        let drained = Arc::new(Notify::new());
        let refused = Arc::new(Summary::default());
        let first = match peers {
            None => Phase::Here { epoch: 0, term: Term::UNLIMITED },
            Some(_) => Phase::Elsewhere(None),
        };
        let (slots, partitions) = (0..count)
            .map(|_| {
                let (sender, queue) = mpsc::channel(limits::QUEUE);
                let phase = watch::Sender::new(first.clone());
                let deciding = DecidingSince::default();
                let slot = Slot { queue: sender, phase: phase.clone(), deciding: Arc::clone(&deciding) };
                let (drained, metrics, wake) = (Arc::clone(&drained), Arc::clone(&self.metrics), self.wake.clone());
                let (epoch, refused) = (self.epoch.clone(), Arc::clone(&refused));
                (slot, Partition { queue, phase, deciding, epoch, drained, metrics, wake, refused })
            })
            .unzip::<_, _, Vec<_>, Vec<_>>();
        let coordinator = Coordinator(Arc::new(Inner {
            partitions: slots.into(),
            places: Arc::new(Semaphore::new(limits::WAITING)),
            peers,
            runner: watch::Sender::new(first),
            leaving: CancellationToken::new(),
            left: CancellationToken::new(),
        }));
        Ok(Service { coordinator, partitions, leases, drained })
    }
}

impl Service {
    /// The coordinator as callers see it.
    #[must_use]
    pub fn handle(&self) -> Coordinator {
        self.coordinator.clone()
    }

    /// Registers its state.
    pub fn register(&self, health: &Health) {
        let coordinator = self.coordinator.clone();
        let state = self.leases.as_ref().map(Leases::state);
        health.register("coordinator", Needed::Ready, move || {
            let (led, count) = coordinator.led();
            let failing_for = state.as_ref().map_or(Some(Duration::ZERO), leases::State::failing_for);
            match failing_for {
                None => Finding::down("the leases have not been read yet"),
                Some(Duration::ZERO) => Finding::up(format!("leads {led} of {count} partitions")),
                Some(failing) if failing < limits::LEASE_STUCK => Finding::degraded("leases could not be renewed"),
                Some(failing) => Finding::down(format!("leases have not been renewed for {} s", failing.as_secs())),
            }
        });
    }

    /// Decides until `stop`, then [drains](Coordinator::drain) and ends. Every partition has a ledger of its own. Where one panics, the
    /// others finish their batches and all ends: no lease may be held by a node that no longer decides.
    pub async fn run<D: Decide>(self, ledger: impl Fn() -> D, stop: CancellationToken) {
        let Self { coordinator, partitions, leases, drained } = self;
        let end = CancellationToken::new();
        // Dropping this future midway ends the threads, too.
        let _ended = end.clone().drop_guard();
        let deciding = deciders::start(partitions, ledger, &end);
        let leading = async {
            match leases {
                None => alone(&coordinator, &drained, &stop).await,
                Some(leases) => leases.run(&coordinator, &drained, &stop).await,
            }
        };
        tokio::select! {
            () = leading => {}
            () = end.cancelled() => {}
        }
        end.cancel();
        deciding.wait().await;
    }
}

/// Leads everything until asked to leave, and answers until `stop`.
async fn alone(coordinator: &Coordinator, drained: &Notify, stop: &CancellationToken) {
    let Inner { partitions, runner, leaving, left, .. } = &*coordinator.0;
    tokio::select! {
        () = stop.cancelled() => leaving.cancel(),
        () = leaving.cancelled() => {}
    }
    runner.send_replace(Phase::Elsewhere(None));
    for slot in partitions {
        slot.phase.send_replace(Phase::Draining { epoch: 0, term: Term::UNLIMITED });
    }
    let all_drained = async {
        while partitions.iter().any(|slot| !matches!(*slot.phase.borrow(), Phase::Drained)) {
            drained.notified().await;
        }
    };
    if timeout(limits::DRAIN, all_drained).await.is_err() {
        tracing::warn!("a partition did not finish its queue in time");
    }
    for slot in partitions {
        slot.phase.send_replace(Phase::Elsewhere(None));
    }
    left.cancel();
    stop.cancelled().await;
}

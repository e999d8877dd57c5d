//! A region's node: the real coordinator, leases, sequencer and feed, on the simulated database and network.

use std::sync::{Arc, OnceLock};

use contracts::Ledger;
use edge::feed::{Cursor, Error, Source};
use futures::StreamExt;
use telemetry::Metrics;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::ledger::SimulatedLedger;
use super::network::{FeedOpening, FromNode, Message, Network};
use super::postgres::{Client, Server};
use super::process::Process;
use super::world::World;
use crate::coordinator::{Coordinator, Membership, Options, Shared};
use crate::database::Database;
use crate::feed::Feed;
use crate::sequencer::Sequencer;

/// Partitions of the region: fewer than events, so that some share one.
const PARTITIONS: usize = 3;
/// Batches of a feed that are on their way.
const FEED_WINDOW: usize = 16;

/// One life of a node.
pub(super) struct NodeRun {
    pub(super) process: Arc<Process>,
    address: String,
    stop: CancellationToken,
    leaving: CancellationToken,
    network: Arc<Network>,
}

fn metrics() -> Arc<Metrics> {
    static METRICS: OnceLock<Arc<Metrics>> = OnceLock::new();
    Arc::clone(METRICS.get_or_init(|| Arc::new(Metrics::new().unwrap())))
}

impl NodeRun {
    pub(super) fn begin(world: &Arc<World>, server: &Arc<Server>, network: &Arc<Network>, address: &str) -> Self {
        let skew = i64::try_from(world.below(600_000)).unwrap() - 300_000;
        let process = Process::new(world, address.to_owned(), skew);
        let (stop, leaving) = (CancellationToken::new(), CancellationToken::new());
        let life = Self {
            process: Arc::clone(&process),
            address: address.to_owned(),
            stop: stop.clone(),
            leaving: leaving.clone(),
            network: Arc::clone(network),
        };
        world.trace(|| format!("{address} starts"));
        process.spawn(run(Arc::clone(&process), Arc::clone(server), Arc::clone(network), address.to_owned(), stop, leaving));
        life
    }

    /// All of it is gone at once.
    pub(super) fn crash(&self) {
        self.process.world.trace(|| format!("{} crashes", self.address));
        self.network.leaves(&self.address);
        self.process.kill();
    }

    /// Hands over what it leads, and ends.
    pub(super) fn leave(&self) {
        self.process.world.trace(|| format!("{} leaves", self.address));
        self.leaving.cancel();
    }

    pub(super) fn has_left(&self) -> bool {
        self.stop.is_cancelled() || self.process.is_killed()
    }
}

async fn run(
    process: Arc<Process>,
    server: Arc<Server>,
    network: Arc<Network>,
    address: String,
    stop: CancellationToken,
    leaving: CancellationToken,
) {
    let database = Database::Simulated(Client(Arc::clone(&server)));
    let service = loop {
        let peers = Arc::new(FromNode { network: Arc::clone(&network), skew: process.skew });
        let shared = Shared { database: database.clone(), name: address.clone(), address: address.clone(), peers };
        let sequencer = Sequencer::new(database.clone(), vec![]);
        let (wake, epoch) = (Some(sequencer.wake()), Some(sequencer.epoch()));
        let options = Options { partitions: PARTITIONS, membership: Membership::Shared(shared), metrics: metrics(), wake, epoch };
        match options.build().await {
            Ok(service) => break (service, sequencer),
            Err(_) => sleep(process.world.milliseconds(20, 200)).await,
        }
    };
    let (service, sequencer) = service;
    let (coordinator, feed) = (service.handle(), Feed::new(database, &sequencer));
    process.spawn(sequencer.run(stop.clone()));
    let ledger = move || SimulatedLedger::new(Arc::clone(&server));
    process.spawn(service.run(ledger, stop.clone()));
    let (inbox, mut messages) = mpsc::unbounded_channel();
    network.joins(&address, &process, inbox);
    {
        let (coordinator, network, stop) = (coordinator.clone(), Arc::clone(&network), stop.clone());
        process.spawn(async move {
            leaving.cancelled().await;
            coordinator.drain().await;
            network.leaves(&address);
            stop.cancel();
        });
    }
    while let Some(message) = messages.recv().await {
        match message {
            Message::Apply { commands, here, reply } => {
                let coordinator: Coordinator = coordinator.clone();
                process.spawn(async move {
                    let answers = if here { coordinator.decide_here(commands).await } else { coordinator.apply(commands).await };
                    _ = reply.send(answers);
                });
            }
            Message::Feed { cursor, reply } => {
                let (feed, world, stop) = (feed.clone(), Arc::clone(&process.world), stop.clone());
                process.spawn(async move {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = serve_feed(feed, world, cursor, reply) => {}
                    }
                });
            }
        }
    }
}

/// Passes a feed on, until it or its connection ends.
async fn serve_feed(feed: Feed, world: Arc<World>, cursor: Option<Cursor>, reply: oneshot::Sender<Result<FeedOpening, Error>>) {
    let mut opened = match feed.open(cursor).await {
        Ok(opened) => opened,
        Err(error) => {
            _ = reply.send(Err(error));
            return;
        }
    };
    let (sender, batches) = mpsc::channel(FEED_WINDOW);
    if reply.send(Ok((opened.snapshot.take(), batches))).is_err() {
        return;
    }
    while let Some(batch) = opened.batches.next().await {
        world.takes_a_while().await;
        if world.fault(20) || sender.send(batch).await.is_err() {
            return;
        }
    }
}

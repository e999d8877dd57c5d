//! A region, as another node reaches it over the network.

mod accounts;
pub(crate) mod call;
pub(crate) mod connect;
mod deliver;
mod feed;
mod forward;
mod ledger;
mod node;
mod nodes;
pub(crate) mod revocations;

use std::sync::Arc;

use contracts::Ledger;
use edge::feed::{Cursor, Error as FeedError, Source, Subscription};
use edge::{Accounts, Body, Problem, Region, RequestBody};
use futures::future::BoxFuture;
use http::{Request, Response};
use telemetry::{BreakerLine, BreakerOptions, BreakerSource, BreakerState, Health, Metrics, Needed, State};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocabulary::accounts::{Address, Erasure, Error as AccountsError, GuestClaim, GuestExchange};
use vocabulary::booking::Command;

use crate::identity::region_dns_name;
use crate::tls::{self, Tls};
use crate::wire::commands::Answer;
use crate::{limits, wire};
use ledger::{Group, Merger};
use node::Connector;
use nodes::Nodes;

/// A node of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// What metrics and health call it.
    pub name: String,
    /// `host:port`; a host name is looked up for every connection.
    pub address: String,
}

/// What commands are sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To be decided wherever their event is: as edges ask.
    Ledger,
    /// To be decided by that node or not at all: as a region's nodes ask each other, who know who leads. A refusal is passed on, not tried again.
    Decide,
}

/// What a client is made of.
pub struct Options {
    /// Who this node is, and whom it believes.
    pub tls: Tls,
    /// The region's name.
    pub region: String,
    /// Its nodes; where commands are sent as [`Route::Decide`], the one that is meant.
    pub nodes: Vec<NodeAddress>,
    /// What commands are sent as.
    pub route: Route,
    /// The options of a node's circuit breaker: usually [`limits::BREAKER`].
    pub breaker: BreakerOptions,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No addresses, or too many.
    #[error("a region has 1 to {} nodes, {region} is given {nodes}", limits::NODES)]
    Nodes {
        /// The region.
        region: String,
        /// How many.
        nodes: usize,
    },
    /// The certificates do not serve.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The region's name is not valid in an address.
    #[error("{0:?} cannot be the name of a region")]
    Region(String),
}

/// What keeps a [`RemoteRegion`] going: its connections, and its queue.
pub struct Client {
    inner: Arc<Inner>,
    connector: Connector,
    queue: mpsc::Receiver<Group>,
}

/// A region's nodes, as one that answers: its ledger, its feed, requests that are forwarded, and addresses. Cheap to clone.
#[derive(Clone)]
pub struct RemoteRegion(Arc<Inner>);

/// What all requests to a region share.
struct Inner {
    /// What health calls it.
    name: String,
    region: String,
    /// The host of every request's URI.
    host: String,
    commands: http::Uri,
    tries: usize,
    nodes: Nodes,
    queue: mpsc::Sender<Group>,
    room: Arc<Semaphore>,
    forwards: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Client {
    /// A client of a region. Nothing is connected before it [runs](Self::run).
    ///
    /// # Errors
    /// Where the options make no sense.
    pub fn new(options: Options) -> Result<Self, Error> {
        let Options { tls, region, nodes, route, breaker, metrics } = options;
        if !(1..=limits::NODES).contains(&nodes.len()) {
            return Err(Error::Nodes { region, nodes: nodes.len() });
        }
        let host = region_dns_name(&region);
        let (path, tries, name) = match (route, nodes.first()) {
            (Route::Decide, Some(peer)) => (wire::DECIDE, 1, format!("peer-{}", peer.name)),
            (Route::Decide | Route::Ledger, _) => (wire::LEDGER, limits::TRIES, format!("region-{region}")),
        };
        let commands = format!("https://{host}{path}").parse().map_err(|_| Error::Region(region.clone()))?;
        let nodes_of = Nodes::new(nodes, tls.identity().name(), breaker);
        let connector = Connector::new(tls, &region, &host)?;
        let (sender, queue) = mpsc::channel(limits::QUEUE);
        let inner = Inner {
            name,
            nodes: nodes_of,
            region,
            host,
            commands,
            tries,
            queue: sender,
            room: Arc::new(Semaphore::new(limits::QUEUE)),
            forwards: Arc::new(Semaphore::new(limits::FORWARDS)),
            metrics,
        };
        Ok(Self { inner: Arc::new(inner), connector, queue })
    }

    /// What others ask.
    #[must_use]
    pub fn handle(&self) -> RemoteRegion {
        RemoteRegion(Arc::clone(&self.inner))
    }

    /// Registers how the region's nodes are: informational, because a node works without a region as well as it can.
    pub fn register(&self, health: &Health) {
        let inner = Arc::clone(&self.inner);
        health.register(self.inner.name.clone(), Needed::Information, move || inner.nodes.finding());
        self.inner.metrics.breakers().add(self.handle());
    }

    /// Keeps connections and sends what is queued, until `stop`; then what is in flight finishes. Later calls are refused.
    pub async fn run(self, stop: CancellationToken) {
        let Self { inner, connector, queue } = self;
        let tasks = TaskTracker::new();
        let connector = Arc::new(connector);
        for at in 0..inner.nodes.len() {
            let (inner, connector, stop) = (Arc::clone(&inner), Arc::clone(&connector), stop.clone());
            tasks.spawn(async move {
                // Both end with `stop`.
                tokio::join!(inner.nodes.keep(at, &connector, &stop), async {
                    if let Some(node) = inner.nodes.at(at) {
                        let link = || node.links().map(|links| links.feed.clone());
                        revocations::exchange(&inner.host, connector.tls(), link, &stop).await;
                    }
                });
            });
        }
        let merger = Merger::new(Arc::clone(&inner), queue, tasks.clone());
        merger.run(stop).await;
        tasks.close();
        if tokio::time::timeout(limits::DRAIN, tasks.wait()).await.is_err() {
            tracing::warn!(region = inner.region, "commands were not answered in time: their outcome is unknown");
        }
    }
}

impl RemoteRegion {
    /// Tries every node now, whatever its circuit breaker says.
    pub fn reset_breakers(&self) {
        self.0.nodes.reset();
    }

    /// The circuit breakers: a node's name, and how it is.
    #[must_use]
    pub fn breakers(&self) -> Vec<(String, BreakerState)> {
        self.0.nodes.breakers().map(|(name, state)| (name.to_owned(), state)).collect()
    }

    /// Whether any node can be asked.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.0.nodes.finding().state != State::Down
    }
}

impl std::fmt::Debug for RemoteRegion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteRegion").field("region", &self.0.region).finish_non_exhaustive()
    }
}

impl BreakerSource for RemoteRegion {
    fn lines(&self) -> Vec<BreakerLine> {
        let line = |(name, state)| BreakerLine { name: format!("{}/{name}", self.0.region), state, counts: None };
        self.0.nodes.breakers().map(line).collect()
    }

    fn reset(&self) {
        self.reset_breakers();
    }
}

impl Ledger for RemoteRegion {
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        ledger::apply(&self.0, commands)
    }
}

impl Region for RemoteRegion {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(forward::forward(&self.0, request))
    }
}

impl Accounts for RemoteRegion {
    fn addresses_of(&self, users: Vec<String>) -> BoxFuture<'_, Result<Vec<Address>, AccountsError>> {
        Box::pin(self::accounts::addresses(&self.0, users))
    }

    fn erasures_after(&self, _region: String, sequence: i64) -> BoxFuture<'_, Result<Vec<Erasure>, AccountsError>> {
        Box::pin(self::accounts::erasures(&self.0, sequence))
    }

    fn exchange_guests(&self, exchange: GuestExchange) -> BoxFuture<'_, Result<Vec<GuestClaim>, AccountsError>> {
        Box::pin(self::accounts::guests(&self.0, exchange))
    }
}

impl Source for RemoteRegion {
    fn open(&self, cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, FeedError>> {
        Box::pin(feed::open(&self.0, cursor))
    }
}

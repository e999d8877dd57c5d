//! A region's node, as others reach it.

mod accounts;
mod admission;
mod feeds;
mod forward;
mod ledger;
pub(crate) mod listener;
pub(crate) mod revocations;
pub(crate) mod routes;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use contracts::Identity as Verifier;
use contracts::Ledger;
use edge::feed::Source;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::identity::{Identity, Role};
use crate::limits;
use crate::tls::Tls;
use feeds::Feeds;
use routes::Node;

/// Whether a node can answer; once it can, that is not asked any more.
pub type ReadinessCheck = Arc<dyn Fn() -> bool + Send + Sync>;

/// What a server is made of.
pub struct Options {
    /// Who this node is, and whom it believes.
    pub tls: Tls,
    /// Decides what edges ask for, here or wherever their event is decided.
    pub ledger: Arc<dyn Ledger>,
    /// Decides here what peers ask for, or refuses it as `unavailable`; it never asks another node.
    pub decide: Arc<dyn Ledger>,
    /// Verifies the tokens without which nothing that an edge asks for a person is decided.
    pub verifier: Arc<dyn Verifier>,
    /// Answers requests that edges hand over. Whose each is, by its certificate, is an extension of the request: an [`Identity`];
    /// and where that is an edge, the [`edge::ViaEdge`] that it came through.
    pub region: Arc<dyn edge::Region>,
    /// Says how users are written to, for nodes of other regions.
    pub accounts: Arc<dyn edge::Accounts>,
    /// What is public.
    pub feed: Arc<dyn Source>,
    /// Whether it can answer: until it can, its status says so, and clients avoid it.
    pub ready: ReadinessCheck,
    /// How long requests in flight may take when the node stops; [`limits::DRAIN`] is a good choice.
    pub drain: Duration,
}

/// The node's certificate is not one of a region's node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no region's node: only those serve others")]
pub struct NotARegionNode(String);

/// Serves other nodes.
pub struct Server {
    node: Arc<Node>,
    tls: Tls,
    drain: Duration,
}

impl Server {
    /// A server of these parts.
    ///
    /// # Errors
    /// Where the certificate is not of a region's node.
    pub fn new(options: Options) -> Result<Self, NotARegionNode> {
        let Options { tls, ledger, decide, verifier, region, accounts, feed, ready, drain } = options;
        let identity = tls.identity();
        let (Role::Region, Some(name)) = (identity.role(), identity.region()) else {
            return Err(NotARegionNode(identity.to_string()));
        };
        let node = Node {
            tls: tls.clone(),
            name: identity.name().to_owned(),
            region_name: name.to_owned(),
            ledger,
            decide,
            verifier,
            region,
            accounts,
            feeds: Arc::new(Feeds::new(feed)),
            requests: Arc::new(tokio::sync::Semaphore::new(limits::REQUESTS)),
            lists: Arc::new(tokio::sync::Semaphore::new(limits::REVOCATIONS_READ)),
            stop: CancellationToken::new(),
            ready,
            was_ready: AtomicBool::new(false),
        };
        Ok(Self { node: Arc::new(node), tls, drain })
    }

    /// Serves `listener` until `stop`; then refuses what is new, so that it is asked elsewhere, tells its peers to go, lets what is in flight
    /// finish, and returns. What it was made of has to work until then.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let Self { node, tls, drain } = self;
        let stopping = {
            let (node, stop) = (Arc::clone(&node), stop.clone());
            // Whatever ends the listener, requests see it.
            async move {
                stop.cancelled().await;
                node.stop.cancel();
            }
        };
        let answer = move |peer: Arc<Identity>, request| {
            let node = Arc::clone(&node);
            async move { node.answer(&peer, request).await }
        };
        let serving = listener::serve(
            listener,
            answer,
            tls,
            listener::Bounds { connections: limits::CONNECTIONS, ping: (limits::PING, limits::PING_ANSWER) },
            (stop, drain),
        );
        tokio::join!(stopping, serving);
    }
}

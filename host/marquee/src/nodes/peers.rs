//! The other nodes of a region, reached by the addresses in their leases.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use contracts::Ledger;
use fleet::client::{self, Route};
use fleet::{Client, NodeAddress, RemoteRegion, Tls};
use futures::future::BoxFuture;
use region::coordinator::{Answer, Peers};
use telemetry::{BreakerOptions, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocabulary::booking::{Command, Rejection};

use crate::limits;

/// Clients of other nodes, made when first asked for and kept. A node that comes back under its address is found there again.
pub struct FleetPeers {
    tls: Tls,
    region: String,
    breaker: BreakerOptions,
    metrics: Arc<Metrics>,
    /// Each with what ends it.
    known: Mutex<HashMap<String, (RemoteRegion, CancellationToken)>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl FleetPeers {
    /// Peers of the region, whose connections live in `tasks` until `stop`.
    pub fn new(
        (tls, region): (Tls, &str),
        breaker: BreakerOptions,
        metrics: Arc<Metrics>,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        Self { tls, region: region.to_owned(), breaker, metrics, known: Mutex::default(), tasks, stop }
    }

    /// Makes sure that there are connections to the nodes at these addresses.
    pub fn meet<'a>(&self, addresses: impl Iterator<Item = &'a str>) {
        for address in addresses {
            _ = self.at(address);
        }
    }

    fn at(&self, address: &str) -> Option<RemoteRegion> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((peer, _)) = known.get(address) {
            return Some(peer.clone());
        }
        if known.len() >= limits::PEERS {
            // Nodes that are gone for good, as after many deployments on new addresses.
            let gone = known.iter().find(|(_, (peer, _))| !peer.reachable()).map(|(address, _)| address.clone());
            let Some((_, end)) = gone.and_then(|gone| known.remove(&gone)) else {
                tracing::error!(address, "a node of this region cannot be asked: there are too many");
                return None;
            };
            end.cancel();
        }
        let options = client::Options {
            tls: self.tls.clone(),
            region: self.region.clone(),
            nodes: vec![NodeAddress { name: address.to_owned(), address: address.to_owned() }],
            route: Route::Decide,
            breaker: self.breaker,
            metrics: Arc::clone(&self.metrics),
        };
        match Client::new(options) {
            Ok(client) => {
                let (peer, end) = (client.handle(), self.stop.child_token());
                self.tasks.spawn(client.run(end.clone()));
                known.insert(address.to_owned(), (peer.clone(), end));
                Some(peer)
            }
            Err(error) => {
                tracing::warn!(address, %error, "a node of this region cannot be asked");
                None
            }
        }
    }
}

impl Peers for FleetPeers {
    fn apply<'a>(&'a self, address: &'a str, commands: Vec<Command>) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            match self.at(address) {
                Some(peer) => peer.apply(commands).await,
                None => commands.iter().map(|_| Err(Rejection::Unavailable(region::limits::RETRY_MS))).collect(),
            }
        })
    }
}

//! The platform in one process: a region, and two edges beside it.

use std::sync::Arc;

use capabilities::outbound_http::OutboundHttp;
use edge::rates::Rates;
use edge::{Edge, Networks, Region};
use region::{Limiter, Membership};
use runtime::Switch;
use telemetry::Metrics;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::settings::Settings;
use crate::error::Error;
use crate::nodes::edge_side::{EdgeSide, RegionLink, RegionLinks};
use crate::nodes::region_side::{Options, RegionSide};
use crate::nodes::roles::Roles;

/// The names of the edges, for metrics and health.
const EDGES: [&str; 2] = ["edge-0", "edge-1"];

/// The platform, started.
pub struct Platform {
    edges: Vec<EdgeSide>,
    region: RegionSide,
    followers: TaskTracker,
    stop: CancellationToken,
}

impl Platform {
    /// Migrates the database and starts every part. It is ready when its health says so.
    pub async fn start(
        options: Options<'_>,
        outbound_http: Option<OutboundHttp>,
        roles: &mut Roles,
        uncounted: &Networks,
    ) -> Result<Self, Error> {
        let (name, version, health, metrics) = (options.region.to_owned(), options.version, options.health, options.metrics);
        // There is no other node: the data folder is locked, and a server of a developer's is theirs.
        let mut region = RegionSide::start(options, roles, |_| Membership::Alone).await?;
        region.limit(Limiter::new(Rates::default(), uncounted.clone(), None));
        let (followers, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut edges = Vec::with_capacity(EDGES.len());
        for edge in EDGES {
            let link = RegionLink {
                name: name.as_str().into(),
                region: Arc::clone(&region.node),
                ledger: Arc::clone(&region.coordinator) as _,
                feed: Arc::clone(&region.feed) as _,
            };
            let links = RegionLinks { regions: vec![link], accounts: &name };
            let (watched, background) = ((health, &**metrics), (&followers, &stop));
            let rates = Rates::default();
            edges.push(EdgeSide::start((edge, rates), links, version, outbound_http.clone(), roles, watched, background)?);
        }
        Ok(Self { edges, region, followers, stop })
    }

    /// What edges hand requests over to.
    pub fn region(&self) -> Arc<dyn Region> {
        Arc::clone(&self.region.node)
    }

    /// The edges, each for a listener; once.
    pub fn edges(&mut self, settings: &Settings, metrics: &Arc<Metrics>) -> Vec<Edge<Switch>> {
        self.edges.drain(..).map(|edge| edge.listener(settings, None, metrics)).collect()
    }

    /// Finishes what is queued, then stops everything. The edges have stopped already.
    pub async fn stop(self) {
        self.stop.cancel();
        self.followers.close();
        self.followers.wait().await;
        self.region.stop().await;
    }
}

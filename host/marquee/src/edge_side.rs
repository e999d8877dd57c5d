//! An edge's parts, wired: what every process with an edge runs, beside its region or far from it.

use std::sync::Arc;

use capabilities::Bindings;
use capabilities::ledger::Ledger;
use capabilities::outbound_http::OutboundHttp;
use edge::{Edge, Follower, Identity, Region, Replica};
use runtime::{Switch, Version};
use telemetry::{Health, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::region_side::bindings;
use crate::roles::Roles;
use crate::settings::Settings;

/// A region as an edge needs it.
pub struct Home {
    pub name: Arc<str>,
    pub region: Arc<dyn Region>,
    pub ledger: Arc<dyn Ledger>,
    pub feed: Arc<dyn edge::feed::Source>,
}

/// What an edge answers with.
pub struct EdgeSide {
    traffic: Arc<Switch>,
    replica: Replica,
    region: Arc<dyn Region>,
}

impl EdgeSide {
    /// Starts following the region's feed, in `tasks` and until `stop`. `name` is what metrics and health call it.
    pub fn start(
        name: &str,
        home: Home,
        version: &Arc<Version>,
        outbound_http: Option<OutboundHttp>,
        roles: &mut Roles,
        (health, metrics): (&Health, &Metrics),
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Self {
        let Home { name: home, region, ledger, feed } = home;
        let (replica, identity) = (Replica::new([&*home]), Identity::default());
        let follower = Follower::new(name, &home, feed, &replica, &identity);
        follower.register(health, metrics);
        identity.register(name, health);
        // An edge has no database: whatever it is granted, it finds none.
        let base = Bindings { outbound_http, ..Bindings::default() };
        let traffic = roles.add(version, bindings(&replica, &identity, ledger, base));
        tasks.spawn(follower.run(stop.clone()));
        Self { traffic, replica, region }
    }

    /// What answers, for a listener of its own.
    pub fn listener(self, settings: &Settings, metrics: &Arc<Metrics>) -> Edge<Switch> {
        listener(self.traffic, Some((self.region, self.replica)), settings, metrics)
    }
}

/// A listener for these components: of an edge with its region and replica, or of an application that has neither.
pub fn listener(
    traffic: Arc<Switch>,
    home: Option<(Arc<dyn Region>, Replica)>,
    settings: &Settings,
    metrics: &Arc<Metrics>,
) -> Edge<Switch> {
    let (region, replica) = home.unzip();
    Edge::new(edge::Options {
        traffic,
        region,
        replica,
        metrics: Arc::clone(metrics),
        cors: settings.cors.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
        drain: edge::limits::DRAIN,
    })
}

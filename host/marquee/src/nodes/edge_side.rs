//! An edge's parts, wired: what every process with an edge runs, beside its region or far from it.

use std::sync::Arc;

use capabilities::Bindings;
use capabilities::outbound_http::OutboundHttp;
use contracts::Ledger;
use edge::rates::Rates;
use edge::{Certificate, ClientTimeouts, Edge, Follower, Identity, Ledgers, Region, RegionRouter, Regions, Replica};
use runtime::{Switch, Version};
use telemetry::{Health, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::settings::Settings;
use crate::error::Error;
use crate::nodes::region_side::bindings;
use crate::nodes::roles::Roles;

/// A region as an edge needs it.
pub struct RegionLink {
    /// Its name.
    pub name: Arc<str>,
    pub region: Arc<dyn Region>,
    pub ledger: Arc<dyn Ledger>,
    pub feed: Arc<dyn edge::feed::Source>,
}

/// All that an edge sells for.
pub struct RegionLinks<'a> {
    /// The nearest first.
    pub regions: Vec<RegionLink>,
    /// The name of the one that keeps the accounts.
    pub accounts: &'a str,
}

/// What an edge answers with.
pub struct EdgeSide {
    traffic: Arc<Switch>,
    known: EdgeState,
}

/// What an edge has beside components.
pub struct EdgeState {
    region_router: RegionRouter,
    replica: Replica,
    identity: Identity,
    rates: Rates,
}

impl EdgeSide {
    /// Starts following the regions' feeds, in `tasks` and until `stop`. `name` is what metrics and health call it.
    pub fn start(
        (name, rates): (&str, Rates),
        RegionLinks { regions, accounts }: RegionLinks<'_>,
        version: &Arc<Version>,
        outbound_http: Option<OutboundHttp>,
        roles: &mut Roles,
        (health, metrics): (&Health, &Metrics),
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Result<Self, Error> {
        let (replica, identity) = (Replica::new(regions.iter().map(|link| &*link.name)), Identity::new(accounts));
        identity.register(name, health);
        for link in &regions {
            let follower = Follower::new(name, &link.name, Arc::clone(&link.feed), &replica, &identity);
            follower.register(health, metrics);
            tasks.spawn(follower.run(stop.clone()));
        }
        let ledgers = Regions::new(regions.iter().map(|link| (Arc::clone(&link.name), Arc::clone(&link.ledger))));
        let ledger = match (regions.len(), ledgers.nearest()) {
            (1, Some(only)) => Arc::clone(only),
            _ => Arc::new(Ledgers::new(ledgers)),
        };
        let region_router = Regions::new(regions.into_iter().map(|link| (link.name, link.region)));
        let region_router = RegionRouter::new(region_router, accounts).ok_or_else(|| Error::NoAccounts(accounts.to_owned()))?;
        // An edge has no database: whatever it is granted, it finds none.
        let base = Bindings { outbound_http, ..Bindings::default() };
        let traffic = roles.add(version, bindings(&replica, &identity, ledger, base));
        Ok(Self { traffic, known: EdgeState { region_router, replica, identity, rates } })
    }

    /// How many bytes events may take in its replica.
    pub fn bound_replica(&self, bytes: usize) {
        self.known.replica.bound(bytes);
    }

    /// What answers, for a listener of its own; with a certificate it speaks TLS.
    pub fn listener(self, settings: &Settings, certificate: Option<Certificate>, metrics: &Arc<Metrics>) -> Edge<Switch> {
        listener(self.traffic, Some(self.known), settings, certificate, metrics)
    }
}

/// A listener for these components: of an edge with what it knows, or of an application that has nothing of the kind.
pub fn listener(
    traffic: Arc<Switch>,
    known: Option<EdgeState>,
    settings: &Settings,
    certificate: Option<Certificate>,
    metrics: &Arc<Metrics>,
) -> Edge<Switch> {
    let rates = known.as_ref().map_or_else(Rates::default, |known| known.rates);
    let (region_router, replica, identity) = match known {
        Some(EdgeState { region_router, replica, identity, .. }) => (Some(region_router), Some(replica), Some(identity)),
        None => (None, None, None),
    };
    Edge::new(edge::Options {
        traffic,
        region_router,
        replica,
        identity,
        rates,
        metrics: Arc::clone(metrics),
        cors: settings.cors.clone(),
        clients: settings.clients.clone(),
        certificate,
        timeouts: ClientTimeouts::default(),
        drain: edge::limits::DRAIN,
    })
}

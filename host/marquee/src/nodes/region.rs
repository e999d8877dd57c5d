//! `marquee region`: a node of a region, by itself.

use std::sync::Arc;
use std::time::Duration;

use capabilities::Bindings;
use contracts::HostRoute;
use contracts::Ledger;
use fleet::{Identity, Server, Tls, server};
use futures::future::BoxFuture;
use manifest::VariableSources;
use region::coordinator::{Answer, Coordinator, Membership, Shared};
use region::{Limiter, Retention};
use rollout::protocol::NodeKind;
use runtime::Mode;
use storage::redis::Connection;
use telemetry::{BreakerState, Finding, Health, Metrics, Needed};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocabulary::booking::Command;

use crate::cli::{self, commands};
use crate::config::RegionNode;
use crate::config::settings::Settings;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::journal::destination::EventDestination;
use crate::limits;
use crate::nodes::application::Source;
use crate::nodes::deployment::{self, Deployment};
use crate::nodes::edge::client;
use crate::nodes::listeners::{admin_at, at};
use crate::nodes::needs;
use crate::nodes::peers::FleetPeers;
use crate::nodes::plain;
use crate::nodes::region_side::{self, RegionSide};
use crate::nodes::releases::{self, Fetcher, Releases};
use crate::nodes::roles::Roles;
use crate::nodes::serving::{
    self, Startup, StopSignal, admin_listener, certified, host_secret, loader, until_stopped, with_database,
};

/// Runs until asked to stop.
pub async fn run(node: &cli::Node) -> Result<(), Error> {
    let mut stop = StopSignal::listen()?;
    let hangup = serving::hangup()?;
    // What fails fast comes first.
    let settings = Settings::read()?;
    let config = RegionNode::read(&node.config, &settings)?;
    let database = config.database(settings.database.clone())?;
    let tls = tls(&config)?;
    let folder = DataFolder::open(&config.data)?;
    let tls = tls.keeping(folder.path().join("revoked"));
    let (nodes, admin) = (at(config.listen.nodes)?, admin_at(config.listen.admin, &settings)?);
    let ready = format!("ready  nodes {}  admin http://{}", nodes.local_addr()?, admin.local_addr()?);
    let address = config.listen.advertise.map_or_else(|| nodes.local_addr(), Ok)?.to_string();
    let accounts = config.accounts.as_ref().map_or(&config.region, |accounts| &accounts.name);
    let (own, url, followed) = (config.region.clone(), database.clone(), config.kafka.is_some());
    let (of_accounts, secret) = (accounts.clone(), host_secret()?);
    let sets = move |sources: VariableSources| {
        let sources = sources.set("region", &own).set("accounts", &of_accounts).set(HostRoute::VARIABLE, &secret);
        serving::with_analytics(with_database(sources, &url), followed)
    };
    let named = (config.application.as_deref(), config.artifact.clone(), Some(&*node.config));
    let source = Source::of(named, &node.registry, &folder, &settings)?.kept(config.control.is_some());
    let read =
        deployment::reader(source, config.variables.clone(), sets, (vec![nodes.local_addr()?], Some(needs::schema())), &settings);

    let loader = loader(&settings, &folder)?;
    let trusting = (config.artifact.as_ref(), &node.registry);
    let fetcher = Fetcher::new(
        config.control.as_ref().map(|control| (control, tls.identity())),
        trusting,
        (&folder, &settings),
        &read,
        &loader,
    )?;
    let version = releases::first(fetcher.as_ref(), &read, &loader).await?;
    let mut roles = Roles::default();
    let (health, metrics) = (Health::default(), Arc::new(Metrics::new()?));
    let (background, end) = (TaskTracker::new(), CancellationToken::new());
    // Before anything else, so that operators see what the node waits for.
    let beginning = Startup::register(&health);
    background.spawn(admin_listener(admin, &settings.admin, &health, &metrics, end.clone()));
    if beginning.wait_for("Postgres", &mut stop, async || database_is_there(&database).await).await?.is_none() {
        end.cancel();
        return Ok(());
    }
    background.spawn(tls.clone().run(end.clone()));
    serving::register_certificate(&tls, &health);
    let peers = Arc::new(FleetPeers::new(
        (tls.clone(), &config.region),
        config.breakers.regions,
        Arc::clone(&metrics),
        (background.clone(), end.clone()),
    ));
    let base = plain::bindings(version.manifest(), &folder, None, &config.breakers, &metrics)?;
    let redis = redis(&config, &base, &health)?;
    let published = config.kafka.as_ref().map_or(0, |kafka| kafka.retention_days);
    let options = region_side::Options {
        region: &config.region,
        node: (&config.name, "region"),
        version: &version,
        postgres: Some(&database),
        folder: &folder,
        base,
        retention: Retention {
            idempotency: hours(config.retention.idempotency_hours),
            journal: hours(config.retention.journal_days.saturating_mul(24)),
            // As long as the journal may publish a record, and Kafka then keeps it.
            records: hours(config.retention.journal_days.saturating_add(published).saturating_add(1).saturating_mul(24)),
        },
        publishing: config.kafka.as_ref().map_or(EventDestination::Nowhere, EventDestination::Kafka),
        redis: redis.clone(),
        health: &health,
        metrics: &metrics,
    };
    let membership = |database: &region::Database| {
        Membership::Shared(Shared {
            database: database.clone(),
            name: config.name.clone(),
            address,
            peers: Arc::clone(&peers) as _,
        })
    };
    let mut side = RegionSide::start(options, &mut roles, membership).await?;
    background.spawn(keep_together(Arc::clone(&side.coordinator), Arc::clone(&peers), end.clone()));
    if let Some(accounts) = &config.accounts {
        let client = client(tls.clone(), accounts, config.breakers.regions, &metrics)?;
        client.register(&health);
        side.with_accounts_of(&config.region, &client.handle(), &health);
        background.spawn(client.run(end.clone()));
    }
    side.limit(Limiter::new(config.rates, settings.clients.uncounted.clone(), redis));
    if let Some(mib) = config.replica_mib {
        side.bound_replica(mib << 20);
    }
    let kind = releases::Node { kind: NodeKind::Region, region: &config.region, schema: Some(needs::schema()) };
    let releases = fetcher.map(|fetcher| Releases::follow(fetcher, &roles, &kind, &tls, &health, &metrics)).transpose()?;
    let (releases, agent) = releases.unzip();
    background.spawn(releases::run(agent, end.clone()));
    let current = Arc::clone(&version);
    let deployment = Deployment { loader, read, mode: Mode::Native, roles, current, releases };
    deployment.register(&health);
    background.spawn(deployment.reload_on_hangup(hangup, end.clone()));
    beginning.begun();
    let server = serve(tls, nodes, &side, &end)?;
    let outcome = until_stopped(&health, &mut stop, &ready).await;
    health.drain();
    serving::leave(&mut stop, leave(side, server, background, &end)).await;
    outcome
}

/// Whether the database can be reached, and is at this program's version.
async fn database_is_there(url: &str) -> Result<(), Error> {
    let name = telemetry::redact_url(url);
    let database = region::Database::postgres(url).await.map_err(|error| Error::database(&name, &error))?;
    commands::migrated(&database, &name).await.map(|_| ())
}

/// The listener for other nodes, and what ends it.
struct FleetListener {
    task: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

fn serve(
    tls: Tls,
    listener: tokio::net::TcpListener,
    side: &RegionSide,
    end: &CancellationToken,
) -> Result<FleetListener, Error> {
    let server = Server::new(server::Options {
        tls,
        ledger: Arc::clone(&side.coordinator) as _,
        decide: Arc::new(LocalLedger(Arc::clone(&side.coordinator))),
        verifier: Arc::new(side.identity.clone()),
        region: Arc::clone(&side.node),
        accounts: side.accounts(),
        feed: Arc::clone(&side.feed) as _,
        ready: side.ready(),
        drain: fleet::limits::DRAIN,
    })
    .map_err(|error| Error::Identity(error.to_string()))?;
    let stop = end.child_token();
    Ok(FleetListener { task: tokio::spawn(server.serve(listener, stop.clone())), stop })
}

/// Stops in order: leases go to other nodes first, and who still asks here is handed on to them; then no new requests; then the rest.
async fn leave(side: RegionSide, server: FleetListener, background: TaskTracker, end: &CancellationToken) {
    side.coordinator.drain().await;
    server.stop.cancel();
    // It bounds itself; that it panicked, the log says.
    _ = server.task.await;
    if tokio::time::timeout(limits::STOP, side.stop()).await.is_err() {
        tracing::warn!("a part did not stop in time and was cut off");
    }
    end.cancel();
    background.close();
    background.wait().await;
}

/// Connects to the region's other nodes before there is anything to hand on to them: revocation lists are passed on to all.
async fn keep_together(coordinator: Arc<Coordinator>, peers: Arc<FleetPeers>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        peers.meet(coordinator.others().iter().map(|address| &**address));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(limits::PEERS_LOOK) => {}
        }
    }
}

/// What other nodes of the region hand on: decided here or not at all.
struct LocalLedger(Arc<Coordinator>);

impl Ledger for LocalLedger {
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        self.0.decide_here(commands)
    }
}

/// What the region's nodes have in common beside the database, where they have it. Without it everything still works.
fn redis(config: &RegionNode, base: &Bindings, health: &Health) -> Result<Option<Connection>, Error> {
    let Some((url, connections)) = config.redis.as_ref().and_then(|redis| redis.url.as_deref()).zip(base.redis.as_ref()) else {
        return Ok(None);
    };
    let invalid = |error| {
        let reason = match error {
            storage::redis::Error::Other(reason) => reason,
            _ => format!("{:?} is no address of a Redis", telemetry::redact_url(url)),
        };
        Error::Setting { name: "redis", reason }
    };
    let connection = connections.handle(url).map_err(invalid)?;
    let watched = connection.clone();
    health.register("redis", Needed::Information, move || match watched.breaker() {
        BreakerState::Closed => Finding::up("counting requests, caching snapshots"),
        _ => Finding::degraded("unavailable: each node counts by itself"),
    });
    Ok(Some(connection))
}

fn tls(config: &RegionNode) -> Result<Tls, Error> {
    let identity = Identity::region_node(&config.region, &config.name).map_err(|error| Error::Identity(error.to_string()))?;
    certified(&config.tls, &identity)
}

fn hours(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 3_600)
}

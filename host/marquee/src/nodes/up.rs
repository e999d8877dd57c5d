//! `marquee up`: everything in this process.

use std::sync::Arc;

use contracts::HostRoute;
use edge::{Edge, Region};
use manifest::{Manifest, VariableSources};
use region::Retention;
use runtime::{Mode, Switch};
use storage::sqlite::SqliteDatabases;
use telemetry::{Health, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit_log::SealerOptions;
use crate::cli;
use crate::config::Breakers;
use crate::config::settings::Settings;
use crate::data_folder::DataFolder;
use crate::demo;
use crate::error::Error;
use crate::journal::destination::EventDestination;
use crate::limits;
use crate::nodes::application::Source;
use crate::nodes::deployment::{self, Deployment};
use crate::nodes::edge_side;
use crate::nodes::listeners::{Addresses, Listeners};
use crate::nodes::needs;
use crate::nodes::plain;
use crate::nodes::platform::Platform;
use crate::nodes::ready;
use crate::nodes::region_side;
use crate::nodes::roles::Roles;
use crate::nodes::sandbox;
use crate::nodes::serving;
use crate::nodes::serving::{StopSignal, admin_listener, host_secret, leave, loader, until_ready, with_database};

/// Packages of ours. An application that depends on one of them is the platform, or made for it.
const OURS: [&str; 2] = ["marquee:booking", "marquee:edge"];

/// Runs until asked to stop.
pub async fn run(arguments: cli::Up) -> Result<(), Error> {
    let mut stop = StopSignal::listen()?;
    // What fails fast comes first.
    let settings = Settings::read()?;
    let folder = DataFolder::open(&arguments.storage.data)?;
    let listeners = Listeners::bind(arguments.port)?;
    let addresses = listeners.addresses()?;
    let named = (arguments.manifest.as_deref(), None, None);
    let source = Source::of(named, &arguments.registry, &folder, &settings)?.composed(arguments.composed);
    let mut sources = VariableSources::from_environment().set(HostRoute::VARIABLE, &host_secret()?);
    let postgres = arguments.storage.postgres.clone().or_else(|| settings.database.clone());
    if let Some(url) = &postgres {
        sources = with_database(sources, url);
    }
    // It is open to this machine alone.
    sources = sources.otherwise(sandbox::VARIABLE, "on");
    // Composed, it runs as under stock Spin: nothing follows events.
    sources = serving::with_analytics(sources, !arguments.composed);
    let edges = addresses.edges.to_vec();
    let read = deployment::reader(source, None, move |_| sources.clone(), (edges, Some(needs::schema())), &settings);
    let manifest = read.read(None).await?;

    let mode = if arguments.composed { Mode::Composed } else { Mode::Native };
    let whole = mode == Mode::Native && is_platform(&manifest);
    let loader = loader(&settings, &folder)?;
    let version = loader.load(manifest, mode).await?;
    let (health, metrics) = (Health::default(), Arc::new(Metrics::new()?));
    let [own, _] = addresses.edges;
    let base = plain::bindings(version.manifest(), &folder, Some(own), &Breakers::default(), &metrics)?;
    let databases = base.sqlite.clone();
    let mut roles = Roles::default();
    let (platform, edges) = if whole {
        let outbound_http = base.outbound_http.clone();
        let region = region_side::name(version.manifest());
        let sealing = SealerOptions::new(&folder, &settings);
        let options = region_side::Options {
            region: &region,
            node: ("up", "up"),
            version: &version,
            postgres: postgres.as_deref(),
            folder: &folder,
            base,
            retention: Retention::default(),
            publishing: EventDestination::Here(&sealing),
            redis: None,
            health: &health,
            metrics: &metrics,
        };
        let mut platform = Platform::start(options, outbound_http, &mut roles, &settings.clients.uncounted).await?;
        let edges = platform.edges(&settings, &metrics);
        (Some(platform), edges)
    } else {
        let traffic = roles.add(&version, base);
        let edges = addresses.edges.map(|_| edge_side::listener(Arc::clone(&traffic), None, &settings, None, &metrics));
        (None, edges.into())
    };
    let region = platform.as_ref().map(Platform::region);
    let deployment = Deployment { loader, read, mode, roles, current: version, releases: None };
    deployment.register(&health);

    let node = Node::start(listeners, edges, &settings, &health, &metrics);
    let outcome = tokio::select! {
        outcome = serve(&arguments, &folder, &addresses, &health, region, whole) => outcome,
        () = stop.received() => Ok(StartOutcome::Stopped),
    };
    let outcome = match outcome {
        Ok(StartOutcome::Ready) => {
            if arguments.watch {
                node.background.spawn(deployment.watch(node.stop.clone()));
            }
            stop.received().await;
            Ok(())
        }
        Ok(StartOutcome::Stopped) => Ok(()),
        Err(error) => Err(error),
    };
    health.drain();
    leave(&mut stop, end(node, platform, databases)).await;
    outcome
}

/// How serving began.
enum StartOutcome {
    /// Everything answers, and has been said to.
    Ready,
    /// It was asked to stop before that.
    Stopped,
}

/// Waits until everything answers, fills an empty catalog, and says so.
async fn serve(
    arguments: &cli::Up,
    folder: &DataFolder,
    addresses: &Addresses,
    health: &Health,
    region: Option<Arc<dyn Region>>,
    whole: bool,
) -> Result<StartOutcome, Error> {
    until_ready(health).await?;
    if let Some(region) = region.filter(|_| !arguments.no_demo) {
        demo::load(region, folder).await?;
    }
    ready::print(addresses, whole || arguments.composed)?;
    Ok(StartOutcome::Ready)
}

/// The listeners at work.
struct Node {
    edges: TaskTracker,
    background: TaskTracker,
    /// Ends the edges and what belongs to them.
    stop: CancellationToken,
    /// Ends the admin listener, last.
    end: CancellationToken,
}

impl Node {
    fn start(
        listeners: Listeners,
        parts: Vec<Edge<Switch>>,
        settings: &Settings,
        health: &Health,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let node = Self {
            edges: TaskTracker::new(),
            background: TaskTracker::new(),
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
        };
        let Listeners { edges, admin } = listeners;
        for (listener, edge) in edges.into_iter().zip(parts) {
            node.edges.spawn(edge.serve(listener, node.stop.clone()));
        }
        node.background.spawn(admin_listener(admin, &settings.admin, health, metrics, node.end.clone()));
        node
    }
}

/// Stops in order: no new requests, those in flight, what they have queued, and at last who watches.
async fn end(node: Node, platform: Option<Platform>, databases: Option<SqliteDatabases>) {
    let Node { edges, background, stop, end } = node;
    stop.cancel();
    edges.close();
    edges.wait().await;
    if let Some(platform) = platform
        && tokio::time::timeout(limits::STOP, platform.stop()).await.is_err()
    {
        tracing::warn!("a part did not stop in time and was cut off");
    }
    end.cancel();
    background.close();
    background.wait().await;
    // Nobody asks for anything any more, but instances that have nothing to do may still have connections.
    if let Some(databases) = databases
        && let Err(error) = databases.checkpoint().await
    {
        tracing::warn!(%error, "what was deleted may still be in the database's files: it is gone after the next start and stop");
    }
}

/// Whether an application needs more than Spin's interfaces.
fn is_platform(manifest: &Manifest) -> bool {
    let dependencies = || manifest.components.values().flat_map(|component| &component.dependencies);
    dependencies().any(|dependency| dependency.name.package().is_some_and(|package| OURS.contains(&package)))
}

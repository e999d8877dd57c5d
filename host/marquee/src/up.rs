//! `marquee up`: everything in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use edge::{Edge, Region};
use runtime::{Cache, Engine, Loader, Manifest, Mode, Switch, VariableSources};
use telemetry::admin::{self, Sources};
use telemetry::{Health, Metrics, State};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::limits;
use crate::listeners::{Addresses, Listeners};
use crate::platform::{self, Platform};
use crate::roles::Roles;
use crate::settings::Settings;
use crate::watch::Watch;
use crate::{demo, plain, ready};

/// Packages of ours. An application that depends on one of them is the platform, or made for it.
const OURS: [&str; 2] = ["marquee:booking", "marquee:edge"];

/// Runs until it is told to stop.
pub async fn run(arguments: cli::Up) -> Result<(), Error> {
    let mut stop = StopSignal::listen()?;
    // What fails fast comes first.
    let settings = Settings::read()?;
    let folder = DataFolder::open(&arguments.storage.data)?;
    let listeners = Listeners::bind(arguments.port)?;
    let addresses = listeners.addresses()?;
    let path = manifest_path(arguments.manifest.as_deref())?;
    let mut sources = VariableSources::from_environment();
    let postgres = arguments.storage.postgres.clone().or_else(|| settings.database.clone());
    if let Some(url) = &arguments.storage.postgres {
        sources = sources.set("database", url);
    }
    let manifest = Manifest::load(&path, &sources)?;

    let mode = if arguments.composed { Mode::Composed } else { Mode::Native };
    let whole = mode == Mode::Native && is_platform(&manifest);
    let loader = loader(&settings, &folder)?;
    let version = loader.load(manifest, mode).await?;
    let (health, metrics) = (Health::default(), Arc::new(Metrics::new()?));
    let base = plain::bindings(version.manifest(), &folder, &addresses)?;
    let mut roles = Roles::default();
    let (platform, parts) = if whole {
        let options = platform::Options {
            version: &version,
            postgres: postgres.as_deref(),
            folder: &folder,
            base,
            health: &health,
            metrics: &metrics,
        };
        let platform = Platform::start(options, &mut roles).await?;
        let parts = platform.edges.iter().map(|parts| (Arc::clone(&parts.traffic), Some(parts.replica.clone()))).collect();
        (Some(platform), parts)
    } else {
        let traffic = roles.add(&version, base);
        (None, vec![(Arc::clone(&traffic), None), (traffic, None)])
    };
    let region = platform.as_ref().map(|platform| Arc::clone(&platform.region));

    let node = Node::start(listeners, parts, region.clone(), &settings, &health, &metrics);
    let outcome = tokio::select! {
        outcome = serve(&arguments, &folder, &addresses, &health, region, whole) => outcome,
        () = stop.received() => Ok(Served::Stopped),
    };
    let outcome = match outcome {
        Ok(Served::Ready) => {
            if arguments.watch {
                let watch = Watch { loader, manifest: path, sources, mode, roles, current: version };
                node.background.spawn(watch.run(node.stop.clone()));
            }
            stop.received().await;
            Ok(())
        }
        Ok(Served::Stopped) => Ok(()),
        Err(error) => Err(error),
    };
    health.drain();
    tokio::select! {
        () = end(node, platform) => {}
        () = stop.received() => tracing::warn!("told to stop once more: what is in flight is cut off"),
    }
    outcome
}

/// How serving began.
enum Served {
    /// Everything answers, and has been said to.
    Ready,
    /// It was told to stop before that.
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
) -> Result<Served, Error> {
    until_ready(health).await?;
    if let Some(region) = region.filter(|_| !arguments.no_demo) {
        demo::load(region, folder).await?;
    }
    ready::print(addresses, whole || arguments.composed)?;
    Ok(Served::Ready)
}

async fn until_ready(health: &Health) -> Result<(), Error> {
    let began = Instant::now();
    while !health.ready() {
        if began.elapsed() > limits::READY {
            let down = health.lines().into_iter().find(|line| line.finding.state == State::Down);
            let reason = down.map_or_else(String::new, |line| format!("{}: {}", line.name, line.finding.detail));
            return Err(Error::NotReady { seconds: limits::READY.as_secs(), reason });
        }
        tokio::time::sleep(limits::READY_POLL).await;
    }
    Ok(())
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
        parts: Vec<(Arc<Switch>, Option<edge::Replica>)>,
        region: Option<Arc<dyn Region>>,
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
        for (listener, (traffic, replica)) in edges.into_iter().zip(parts) {
            let edge = Edge::new(edge::Options {
                traffic,
                region: region.clone(),
                replica,
                metrics: Arc::clone(metrics),
                cors: settings.cors.clone(),
                trusted_proxies: settings.trusted_proxies.clone(),
                drain: edge::limits::DRAIN,
            });
            node.edges.spawn(edge.serve(listener, node.stop.clone()));
        }
        node.background.spawn(admin_listener(admin, health.clone(), Arc::clone(metrics), node.end.clone()));
        node
    }
}

async fn admin_listener(listener: TcpListener, health: Health, metrics: Arc<Metrics>, end: CancellationToken) {
    let router = admin::router(Sources { health, metrics, version: env!("CARGO_PKG_VERSION") });
    if let Err(error) = admin::serve(listener, router, end.cancelled_owned()).await {
        tracing::error!(%error, "the admin listener has ended");
    }
}

/// Stops in order: no new requests, those in flight, what they have queued, and at last who watches.
async fn end(node: Node, platform: Option<Platform>) {
    let Node { edges, background, stop, end } = node;
    stop.cancel();
    edges.close();
    edges.wait().await;
    if let Some(platform) = platform
        && tokio::time::timeout(limits::STOP, platform.stop()).await.is_err()
    {
        tracing::warn!("something did not stop in time and is cut off");
    }
    end.cancel();
    background.close();
    background.wait().await;
}

fn loader(settings: &Settings, folder: &DataFolder) -> Result<Arc<Loader>, Error> {
    let cache = settings.cache.clone().unwrap_or_else(|| folder.path().join("compiled"));
    Ok(Arc::new(Loader::new(Engine::new()?, Cache::open(&cache))))
}

/// Whether an application needs more than Spin's interfaces.
fn is_platform(manifest: &Manifest) -> bool {
    let dependencies = || manifest.components.values().flat_map(|component| &component.dependencies);
    dependencies().any(|dependency| dependency.name.package().is_some_and(|package| OURS.contains(&package)))
}

/// The manifest asked for, or the one here, or the one beside this program.
fn manifest_path(asked: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = asked {
        return Ok(path.to_owned());
    }
    let here = std::env::current_dir()?;
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("spin.toml")));
    let found = std::iter::once(here.join("spin.toml")).chain(beside).find(|path| path.is_file());
    found.ok_or(Error::NoManifest(here))
}

/// Ctrl-C, or what a supervisor sends.
struct StopSignal {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl StopSignal {
    fn listen() -> Result<Self, Error> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

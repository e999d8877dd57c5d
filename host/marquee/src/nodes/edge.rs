//! `marquee edge`: an edge, by itself: no database, no secret but its own key.

use std::path::PathBuf;
use std::sync::Arc;

use capabilities::outbound_http::OutboundHttp;
use fleet::client::{self, Client, Route};
use fleet::{Identity, NodeAddress};
use manifest::VariableSources;
use rollout::protocol::NodeKind;
use runtime::{Loader, Mode};
use telemetry::{BreakerOptions, Health, Metrics};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{self, FromRegistry};
use crate::config::settings::Settings;
use crate::config::{self, EdgeNode};
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::nodes::application::Source;
use crate::nodes::deployment::{self, Deployment};
use crate::nodes::edge_side::{EdgeSide, RegionLink, RegionLinks};
use crate::nodes::listeners::{admin_at, at};
use crate::nodes::releases::{self, Fetcher, Releases};
use crate::nodes::roles::Roles;
use crate::nodes::serving::{self, StopSignal, admin_listener, certified, loader, until_stopped};

/// An edge whose configuration is read, and whose folder is this process's.
struct Start {
    config: EdgeNode,
    file: PathBuf,
    folder: DataFolder,
}

/// Runs until asked to stop: as many edges as there are configurations. Each is what it would be in a process of its own, but for compiled code.
pub async fn run(edges: &cli::Edges) -> Result<(), Error> {
    let settings = Settings::read()?;
    let start = |file: &PathBuf| {
        let config = EdgeNode::read(file)?;
        let folder = DataFolder::open(&config.data)?;
        Ok(Start { config, file: file.clone(), folder })
    };
    let starts = edges.config.iter().map(start).collect::<Result<Vec<_>, Error>>()?;
    let Some(first) = starts.first() else { return Ok(()) };
    let loader = loader(&settings, &first.folder)?;
    let mut running = JoinSet::new();
    for start in starts {
        let (settings, registry, loader) = (settings.clone(), edges.registry.clone(), Arc::clone(&loader));
        running.spawn(async move { one(start, settings, registry, loader).await });
    }
    while let Some(ended) = running.join_next().await {
        // One that fails takes the others with it, as it takes the process where it is alone.
        ended.map_err(std::io::Error::other)??;
    }
    Ok(())
}

async fn one(start: Start, settings: Settings, registry: FromRegistry, loader: Arc<Loader>) -> Result<(), Error> {
    let mut stop = StopSignal::listen()?;
    let hangup = serving::hangup()?;
    let Start { config, file, folder } = start;
    let identity = Identity::edge_node(&config.name).map_err(|error| Error::Identity(error.to_string()))?;
    let tls = certified(&config.tls, &identity)?;
    let tls = tls.keeping(folder.path().join("revoked"));
    let certificate = config.listen.tls.as_ref().map(|tls| edge::Certificate::load(&tls.certificate, &tls.key)).transpose()?;
    let (public, admin) = (at(config.listen.public)?, admin_at(config.listen.admin, &settings)?);
    let own_address = public.local_addr()?;
    let ready = format!("ready  {}://{own_address}  admin http://{}", scheme(certificate.is_some()), admin.local_addr()?);
    // What is made here names no region of ours: an edge makes no ids.
    let (nearest, accounts) = (config.nearest(), config.accounts());
    let (of_region, of_accounts) = (nearest.to_owned(), accounts.to_owned());
    let sets = move |sources: VariableSources| sources.set("region", &of_region).set("accounts", &of_accounts);
    let named = (config.application.as_deref(), config.artifact.clone(), Some(&*file));
    let source = Source::of(named, &registry, &folder, &settings)?.kept(config.control.is_some());
    let read = deployment::reader(source, config.variables.clone(), sets, (vec![own_address], None), &settings);

    let trusting = (config.artifact.as_ref(), &registry);
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
    background.spawn(tls.clone().run(end.clone()));
    serving::register_certificate(&tls, &health);
    let mut regions = Vec::with_capacity(config.regions.len());
    for region in &config.regions {
        let client = client(tls.clone(), region, config.breakers.regions, &metrics)?;
        client.register(&health);
        let link = client.handle();
        background.spawn(client.run(end.clone()));
        regions.push(RegionLink {
            name: region.name.as_str().into(),
            region: Arc::new(link.clone()),
            ledger: Arc::new(link.clone()),
            feed: Arc::new(link),
        });
    }
    let outbound_http = OutboundHttp::new(own_address.to_string().parse().ok()).guarded(config.breakers.web);
    metrics.breakers().add(outbound_http.clone());
    let side = EdgeSide::start(
        (&config.name, config.rates),
        RegionLinks { regions, accounts },
        &version,
        Some(outbound_http),
        &mut roles,
        (&health, &metrics),
        (&background, &end),
    )?;
    if let Some(mib) = config.replica_mib {
        side.bound_replica(mib << 20);
    }
    let kind = releases::Node { kind: NodeKind::Edge, region: nearest, schema: None };
    let releases = fetcher.map(|fetcher| Releases::follow(fetcher, &roles, &kind, &tls, &health, &metrics)).transpose()?;
    let (releases, agent) = releases.unzip();
    background.spawn(releases::run(agent, end.clone()));
    let deployment = Deployment { loader, read, mode: Mode::Native, roles, current: version, releases };
    deployment.register(&health);
    background.spawn(deployment.reload_on_hangup(hangup, end.clone()));
    // Not before there is something to say: without checks a node would pass for ready.
    background.spawn(admin_listener(admin, &settings.admin, &health, &metrics, end.clone()));
    let closing = CancellationToken::new();
    let edge = tokio::spawn(side.listener(&settings, certificate, &metrics).serve(public, closing.clone()));
    let outcome = until_stopped(&health, &mut stop, &ready).await;
    health.drain();
    let in_order = async {
        closing.cancel();
        // It bounds itself; that it panicked, the log says.
        _ = edge.await;
        end.cancel();
        background.close();
        background.wait().await;
    };
    serving::leave(&mut stop, in_order).await;
    outcome
}

/// What a listener speaks.
const fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// A client of a region.
pub fn client(
    tls: fleet::Tls,
    region: &config::Region,
    breaker: BreakerOptions,
    metrics: &Arc<Metrics>,
) -> Result<Client, Error> {
    let nodes = region.nodes.iter().map(ToString::to_string);
    let options = client::Options {
        tls,
        region: region.name.clone(),
        nodes: nodes.map(|address| NodeAddress { name: address.clone(), address }).collect(),
        route: Route::Ledger,
        breaker,
        metrics: Arc::clone(metrics),
    };
    Client::new(options).map_err(|error| Error::Identity(error.to_string()))
}

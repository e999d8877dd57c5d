//! `marquee control`: an instance of the control plane.

use std::sync::Arc;

use artifact::PublicKey;
use control::{Control, Options, Prometheus, Registry, Tokens};
use edge::Certificate;
use fleet::Identity;
use kubernetes::{Access, Reconciler};
use manifest::Manifest;
use telemetry::{Health, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli;
use crate::config::settings::Settings;
use crate::config::{ControlNode, registry_options};
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::nodes::listeners::{admin_at, at};
use crate::nodes::serving::{self, Startup, StopSignal, admin_listener, certified, until_stopped, vital};
use crate::say;

/// Runs until asked to stop.
pub async fn run(node: &cli::ControlPlane) -> Result<(), Error> {
    let Some(file) = &node.config else { return say(kubernetes::definition()?.trim_end()) };
    let mut stop = StopSignal::listen()?;
    // What fails fast comes first.
    let settings = Settings::read()?;
    let config = ControlNode::read(file)?;
    let database = config.database(settings.control_database.clone())?;
    let identity = Identity::control_node(&config.name).map_err(|error| Error::Identity(error.to_string()))?;
    let tls = certified(&config.tls, &identity)?;
    let certificate = config.listen.tls.as_ref().map(|tls| Certificate::load(&tls.certificate, &tls.key)).transpose()?;
    let access_to_kubernetes = if node.kubernetes { Some(Access::find().await?) } else { None };
    let tokens = Tokens::read(&config.tokens)?;
    let keys: Vec<Vec<PublicKey>> = config.trusted_keys.iter().map(|file| PublicKey::read(file)).collect::<Result<_, _>>()?;
    let prometheus = config.prometheus.as_ref().and_then(|prometheus| prometheus.url.as_deref());
    let prometheus = prometheus.map(Prometheus::new).transpose()?;
    let folder = DataFolder::open(&config.data)?;
    let tls = tls.keeping(folder.path().join("revoked"));
    let (agents, people) = (at(config.listen.agents)?, at(config.listen.people)?);
    let admin = admin_at(config.listen.admin, &settings)?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let (of_agents, of_people) = (agents.local_addr()?, people.local_addr()?);
    let ready = format!("ready  agents {of_agents}  people {scheme}://{of_people}  admin http://{}", admin.local_addr()?);
    let access = registry_options(config.registry.credentials.as_deref(), config.registry.plain_http, &settings);
    let imports = |manifest: &Manifest| runtime::imports(manifest).map_err(|error| error.to_string());
    let artifacts = Arc::new(Registry::new(keys.concat(), access, folder.path().join("artifact"), imports));

    let (health, metrics) = (Health::default(), Arc::new(Metrics::new()?));
    let (background, end) = (TaskTracker::new(), CancellationToken::new());
    let beginning = Startup::register(&health);
    background.spawn(admin_listener(admin, &settings.admin, &health, &metrics, end.clone()));
    let open = async || {
        let options = Options {
            name: config.name.clone(),
            database: database.clone(),
            artifacts: Arc::clone(&artifacts) as _,
            tokens: tokens.clone(),
            prometheus: prometheus.clone(),
        };
        Ok(Control::open(options).await?)
    };
    let Some(control) = beginning.wait_for("Postgres", &mut stop, open).await? else {
        end.cancel();
        return Ok(());
    };
    control.register(&health);
    control.measure(&metrics, &tls)?;
    background.spawn(tls.clone().run(end.clone()));
    serving::register_certificate(&tls, &health);
    if let Some(access) = access_to_kubernetes {
        let reconciler = Reconciler::new(control.clone(), access, metrics.kubernetes()?)?;
        reconciler.register(&health);
        background.spawn(vital("what follows objects of Kubernetes", end.clone(), reconciler.run(end.clone())));
    }
    let (answering, leave) = (TaskTracker::new(), CancellationToken::new());
    let rounds = control.clone();
    let rounds_end = end.clone();
    background.spawn(vital("the control plane's rounds", end.clone(), async move { rounds.run(rounds_end).await }));
    let (serves, stopping) = (control.clone(), leave.clone());
    answering.spawn(vital("the listener of agents", leave.clone(), async move {
        if let Err(error) = serves.serve_agents(agents, tls, stopping).await {
            tracing::error!(%error, "agents are not answered");
        }
    }));
    let stopping = leave.clone();
    answering.spawn(vital("the listener of people", leave.clone(), async move {
        control.serve_people(people, certificate, stopping).await;
    }));
    beginning.begun();
    let outcome = until_stopped(&health, &mut stop, &ready).await;
    health.drain();
    let in_order = async {
        leave.cancel();
        answering.close();
        answering.wait().await;
        end.cancel();
        background.close();
        background.wait().await;
    };
    serving::leave(&mut stop, in_order).await;
    outcome
}

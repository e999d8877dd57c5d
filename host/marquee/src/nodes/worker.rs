//! `marquee worker`: follows a region's events in Kafka, and has the component `worker` do what follows from them: mail, analytics, the audit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use capabilities::Bindings;
use capabilities::mail::{FileMailer, Mailer, SmtpMailer};
use fleet::{Identity, Tls};
use manifest::VariableSources;
use rollout::protocol::NodeKind;
use runtime::Mode;
use storage::sqlite::SqliteDatabases;
use streams::consumer::{self, Rules};
use streams::{Consumer, Handler, RabbitMqMirror, mirror, topics};
use telemetry::{Health, Metrics};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit_log::SealerOptions;
use crate::cli::{self, commands};
use crate::config::settings::Settings;
use crate::config::{self, WorkerNode};
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::journal::record_handler::{RecordHandler, Topics};
use crate::nodes::application::Source;
use crate::nodes::deployment::{self, Deployment};
use crate::nodes::listeners::admin_at;
use crate::nodes::needs;
use crate::nodes::plain;
use crate::nodes::releases::{self, Fetcher, Releases};
use crate::nodes::reporter::Reporter;
use crate::nodes::roles::Roles;
use crate::nodes::serving::{self, Startup, StopSignal, admin_listener, certified, loader, until_stopped, vital, with_database};

/// The consumer group of a region's workers.
const GROUP: &str = "marquee-worker";

/// Runs until asked to stop.
pub async fn run(node: &cli::Node) -> Result<(), Error> {
    let mut stop = StopSignal::listen()?;
    let hangup = serving::hangup()?;
    // What fails fast comes first.
    let settings = Settings::read()?;
    let config = WorkerNode::read(&node.config, &settings)?;
    let database = config.database(settings.database.clone())?;
    let tls = config.tls.as_ref().map(|files| tls(&config, files)).transpose()?;
    let folder = DataFolder::open(&config.data)?;
    let tls = tls.map(|tls| tls.keeping(folder.path().join("revoked")));
    let admin = admin_at(config.listen.admin, &settings)?;
    let ready = format!("ready  worker {}  admin http://{}", config.name, admin.local_addr()?);
    let (region, url) = (config.region.clone(), database.clone());
    let sets = move |sources: VariableSources| with_database(sources.set("region", &region), &url);
    let named = (config.application.as_deref(), config.artifact.clone(), Some(&*node.config));
    let source = Source::of(named, &node.registry, &folder, &settings)?.kept(config.control.is_some());
    let read = deployment::reader(source, config.variables.clone(), sets, (Vec::new(), Some(needs::schema())), &settings);
    let (health, metrics) = (Health::default(), Arc::new(Metrics::new()?));
    let loader = loader(&settings, &folder)?;
    let trusting = (config.artifact.as_ref(), &node.registry);
    let control = config.control.as_ref().zip(tls.as_ref().map(Tls::identity));
    let fetcher = Fetcher::new(control, trusting, (&folder, &settings), &read, &loader)?;
    let version = releases::first(fetcher.as_ref(), &read, &loader).await?;
    let base = plain::bindings(version.manifest(), &folder, None, &config.breakers, &metrics)?;
    let mut roles = Roles::default();
    let (background, end) = (TaskTracker::new(), CancellationToken::new());
    let beginning = Startup::register(&health);
    background.spawn(admin_listener(admin, &settings.admin, &health, &metrics, end.clone()));
    // As a region's node does, under the same lock: the first to start migrates.
    let database = async || {
        let (opened, name) = commands::open(Some(&database), SqliteDatabases::new(BTreeMap::new()), &folder).await?;
        commands::migrated(&opened, &name).await?;
        Ok(opened)
    };
    let Some(opened) = beginning.wait_for("Postgres", &mut stop, database).await? else {
        end.cancel();
        return Ok(());
    };
    let reporter = Reporter {
        database: opened.clone(),
        name: config.name.clone(),
        role: "worker",
        health: health.clone(),
        metrics: Arc::clone(&metrics),
    };
    background.spawn(reporter.run(end.clone()));
    let sealer = SealerOptions::new(&folder, &settings).sealer(opened, &config.region)?;
    sealer.register(&health);
    let topics = async || topics::create(&config.kafka).await.map_err(Error::from);
    if beginning.wait_for("Kafka", &mut stop, topics).await?.is_none() {
        end.cancel();
        return Ok(());
    }

    let producer = streams::Producer::new(&config.kafka)?;
    metrics.breakers().add(producer.breaker());
    let bindings =
        Bindings { mailer: Some(mailer(&config, &folder, &metrics)?), producer: Some(Arc::new(Topics(producer))), ..base };
    let following = RecordHandler::new(roles.add(&version, bindings));
    // A component that cannot even be made is no reason to take records and give them back for ever; unless there is somebody who takes a bad version back.
    match following.take(Vec::new()).await {
        Err(reason) if fetcher.is_some() => {
            tracing::error!(reason, "the version that ran here last fails: following the control plane")
        }
        outcome => _ = outcome.map_err(Error::Worker)?,
    }
    let consumer = |group: String, topics: &[&str], handler: Arc<dyn Handler>| {
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        let (settings, metrics) = (config.kafka.clone(), Arc::clone(&metrics));
        let consumer = Consumer::new(
            consumer::Options { settings, group, topics, metrics: Arc::clone(&metrics), rules: Rules::default() },
            handler,
        )?;
        consumer.register(&health);
        metrics.breakers().add(consumer.breaker());
        Ok::<_, Error>(consumer)
    };
    let mut consumers = vec![consumer(GROUP.to_owned(), &topics::EVENTS, Arc::new(following))?];
    if let Some(rabbitmq) = &config.rabbitmq {
        let url = streams::Secret::new(rabbitmq.url.clone().unwrap_or_default());
        let authority = rabbitmq.ca_file.as_ref().map(std::fs::read_to_string).transpose()?;
        let mirror = RabbitMqMirror::new(mirror::Options {
            url,
            authority,
            queue: rabbitmq.queue.clone(),
            breaker: config.breakers.rabbitmq,
            metrics: Arc::clone(&metrics),
        })?;
        mirror.register(&health);
        metrics.breakers().add(mirror.breaker());
        consumers.push(consumer(mirror::group(GROUP), &[topics::BOOKING_EVENTS], Arc::new(mirror))?);
    }

    // Until after the consumers have ended: what they have written last is signed, too.
    background.spawn(sealer.run(end.clone()));
    let kind = releases::Node { kind: NodeKind::Worker, region: &config.region, schema: Some(needs::schema()) };
    let following = fetcher.zip(tls).map(|(fetcher, tls)| {
        background.spawn(tls.clone().run(end.clone()));
        serving::register_certificate(&tls, &health);
        Releases::follow(fetcher, &roles, &kind, &tls, &health, &metrics)
    });
    let (releases, agent) = following.transpose()?.unzip();
    background.spawn(releases::run(agent, end.clone()));
    let deployment = Deployment { loader, read, mode: Mode::Native, roles, current: version, releases };
    deployment.register(&health);
    background.spawn(deployment.reload_on_hangup(hangup, end.clone()));
    beginning.begun();
    let (working, leave) = (TaskTracker::new(), CancellationToken::new());
    for consumer in consumers {
        let leave = leave.clone();
        working.spawn(vital("a consumer", leave.clone(), async move {
            if let Err(error) = consumer.run(leave).await {
                tracing::error!(%error, "the consumer stopped");
            }
        }));
    }
    let outcome = until_stopped(&health, &mut stop, &ready).await;
    health.drain();
    let in_order = async {
        leave.cancel();
        working.close();
        working.wait().await;
        end.cancel();
        background.close();
        background.wait().await;
    };
    serving::leave(&mut stop, in_order).await;
    outcome
}

/// Who the worker is, for the control plane.
fn tls(config: &WorkerNode, files: &config::Tls) -> Result<Tls, Error> {
    let identity = Identity::region_node(&config.region, &config.name).map_err(|error| Error::Identity(error.to_string()))?;
    certified(files, &identity)
}

/// A server, or files.
fn mailer(
    WorkerNode { mail, breakers, .. }: &WorkerNode,
    folder: &DataFolder,
    metrics: &Metrics,
) -> Result<Arc<dyn Mailer>, Error> {
    let Some(server) = &mail.server else {
        let mailer = FileMailer::new(folder.path().join("mail"), &mail.from).map_err(|error| Error::Worker(error.to_string()))?;
        return Ok(Arc::new(mailer));
    };
    let authority = mail.ca_file.as_ref().map(std::fs::read).transpose()?;
    let mailer = SmtpMailer::new(server, &mail.from, authority.as_deref(), breakers.mail)
        .map_err(|error| Error::Worker(error.to_string()))?;
    metrics.breakers().add(mailer.breaker().clone());
    Ok(Arc::new(mailer))
}

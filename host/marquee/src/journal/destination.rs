//! What becomes of what a region's journal tells: published to Kafka by a relay, or followed in this process.

use std::sync::Arc;

use region::Database;
use region::coordinator::Runner;
use runtime::Switch;
use streams::journal::PostgresJournal;
use streams::{Relay, Settings, relay, topics};
use telemetry::{Health, Metrics};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit_log::SealerOptions;
use crate::error::Error;
use crate::journal::bus::Bus;
use crate::journal::record_handler::RecordHandler;
use crate::limits;
use crate::nodes::serving::vital;

/// What becomes of what happens.
#[derive(Clone, Copy)]
pub enum EventDestination<'a> {
    /// It is followed in this process, which has the region to itself, and signs its audit log with what is in this folder.
    Here(&'a SealerOptions),
    /// A relay publishes it, on one node of the region.
    Kafka(&'a Settings),
    /// The journal keeps it, for as long as it does.
    Nowhere,
}

/// A region's journal, and who has to do with it.
pub struct Journal<'a> {
    /// Whose.
    pub region: &'a str,
    /// Where it is.
    pub database: &'a Database,
    /// The same, where it is a server.
    pub url: Option<&'a str>,
    /// The last assigned position.
    pub given: watch::Receiver<i64>,
    /// The history that positions are of.
    pub epoch: watch::Receiver<Arc<str>>,
    /// Whether this node is the one that does what only one does.
    pub runner: Runner,
    /// The application, as this role has it.
    pub traffic: &'a Arc<Switch>,
}

impl EventDestination<'_> {
    /// Starts what it takes.
    pub fn start(
        self,
        journal: Journal<'_>,
        (health, metrics): (&Health, &Arc<Metrics>),
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Result<(), Error> {
        let Journal { region, database, url, mut given, mut epoch, runner, traffic } = journal;
        let settings = match (self, url) {
            (Self::Nowhere, _) | (Self::Kafka(_), None) => return Ok(()),
            (Self::Here(sealing), _) => {
                let sealer = sealing.sealer(database.clone(), region)?;
                sealer.register(health);
                tasks.spawn(sealer.run(stop.clone()));
                let following = RecordHandler::new(Arc::clone(traffic));
                let bus = Bus::new(database.clone(), region.to_owned(), following, given);
                tasks.spawn(vital("the bus", stop.clone(), bus.run(stop.clone())));
                return Ok(());
            }
            (Self::Kafka(settings), Some(_)) => settings,
        };
        let (told, runs) = watch::channel(false);
        let options =
            relay::Options { settings: settings.clone(), region: region.to_owned(), runs, metrics: Arc::clone(metrics) };
        let relay = Relay::new(options, Arc::new(PostgresJournal::connect(url.unwrap_or_default())?))?;
        let handle = relay.handle();
        handle.register(health);
        metrics.breakers().add(handle.breaker());
        let (wake, settings, stop) = (handle.wake(), settings.clone(), stop.clone());
        tasks.spawn(runner.tell(told.clone(), stop.clone()));
        tasks.spawn({
            let stop = stop.clone();
            async move {
                loop {
                    let first = epoch.borrow_and_update().is_empty();
                    tokio::select! {
                        () = stop.cancelled() => return,
                        changed = epoch.changed() => if changed.is_err() { return },
                    }
                    if !first {
                        // It ends, and begins again at its place in the database as that is now.
                        told.send_replace(false);
                    }
                }
            }
        });
        tasks.spawn({
            let stop = stop.clone();
            async move {
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        changed = given.changed() => if changed.is_err() { return },
                    }
                    wake.now();
                }
            }
        });
        tasks.spawn(vital("the relay", stop.clone(), async move {
            tokio::select! {
                () = stop.cancelled() => return,
                () = create(&settings) => {}
            }
            relay.run(stop).await;
        }));
        Ok(())
    }
}

/// Creates the topics, as soon as Kafka can be reached. Without them nothing can be published.
async fn create(settings: &Settings) {
    let (mut pause, longest) = limits::BUS_PAUSE;
    while let Err(error) = topics::create(settings).await {
        tracing::warn!(%error, "Kafka's topics could not be created; the journal keeps what happens");
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

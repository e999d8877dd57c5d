//! The relay: publishes the journal's rows to Kafka, in order of position.
//!
//! One node of a region runs it; two at once would only write everything twice. It reads ahead while what it has read is being acknowledged; rows
//! that Kafka has not acknowledged are bounded in number and bytes ([`limits::WINDOW_ROWS`]). Its place moves past a row once Kafka has it and
//! all rows before it. On any delivery error it drops the producer with all that is under way, and begins again at its place: nothing is lost, some
//! records come twice, possibly out of order. While Kafka is unreachable it waits for pauses that grow to 5 s, and the journal keeps
//! the rows.
//!
//! A row that is larger than a record may be ([`limits::RECORD_BYTES`]) would stop everything behind it for ever: it is left out, logged and counted.

mod live;
mod outlet;
mod replays;
mod row;
mod status;
mod window;

use std::sync::Arc;

use telemetry::{Finding, Health, Metrics, Needed};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{Breaker, Error, Journal, Settings, limits, producer};
use outlet::Outlet;
use status::Progress;
pub use status::Status;

/// What a relay is made from.
#[derive(Debug)]
pub struct Options {
    /// Where Kafka is.
    pub settings: Settings,
    /// Whose journal it is: `ce_source` is `/regions/<region>`.
    pub region: String,
    /// Whether this node is the one that runs it.
    pub runs: watch::Receiver<bool>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// Wakes the relay. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RelayWaker(Arc<Notify>);

impl RelayWaker {
    /// Triggers a scan at once, or another one after the scan in progress.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// The relay of one region.
pub struct Relay {
    options: Options,
    journal: Arc<dyn Journal>,
    config: rdkafka::ClientConfig,
    wake: RelayWaker,
    breaker: Breaker,
    progress: Arc<Progress>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("region", &self.options.region).finish_non_exhaustive()
    }
}

/// How far the relay is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    progress: Arc<Progress>,
    breaker: Breaker,
    wake: RelayWaker,
}

impl Handle {
    /// How far it is. On a node that does not run it, what was known when it last did.
    #[must_use]
    pub fn status(&self) -> Status {
        self.progress.status()
    }

    /// Wakes it.
    #[must_use]
    pub fn wake(&self) -> RelayWaker {
        self.wake.clone()
    }

    /// Its circuit breaker, `kafka`, to be added to the node's.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    /// Registers the check `kafka`. Without Kafka everything else works, so it takes no node down.
    pub fn register(&self, health: &Health) {
        let (breaker, progress) = (self.breaker.clone(), Arc::clone(&self.progress));
        health.register("kafka", Needed::Information, move || {
            let late = progress.status().oldest.filter(|oldest| *oldest > limits::RELAY_LATE);
            match late {
                Some(age) if breaker.state() == telemetry::BreakerState::Closed => {
                    Finding::degraded(format!("the oldest row that is not published is {} s old", age.as_secs()))
                }
                _ => breaker.finding("publishes what is committed"),
            }
        });
    }
}

impl Relay {
    /// A relay from this journal. Fails where the settings do not make sense.
    pub fn new(options: Options, journal: Arc<dyn Journal>) -> Result<Self, Error> {
        let mut config = producer::config(&options.settings)?;
        config
            .set("queue.buffering.max.messages", (2 * limits::WINDOW_ROWS).to_string())
            .set("queue.buffering.max.kbytes", (4 * limits::WINDOW_BYTES / 1024).to_string());
        let (progress, breaker) = (Arc::new(Progress::default()), Breaker::new("kafka", options.settings.breaker));
        Ok(Self { options, journal, config, wake: RelayWaker::default(), breaker, progress })
    }

    /// What it is seen and woken by.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { progress: Arc::clone(&self.progress), breaker: self.breaker.clone(), wake: self.wake.clone() }
    }

    /// Runs until `stop`, and for two seconds more at most while Kafka acknowledges what is under way.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if !*self.options.runs.borrow_and_update() {
                self.progress.paused(&self.options.metrics);
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = self.options.runs.changed() => if changed.is_err() { return },
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.breaker.wait() => {}
            }
            if let Err(reason) = self.round(&stop).await {
                self.options.metrics.streams().relay_failed();
                self.progress.failed();
                if self.breaker.failed(&reason) {
                    tracing::warn!(reason, "Kafka does not accept records: they stay in the journal");
                } else {
                    tracing::debug!(reason, "Kafka does not accept records");
                }
            }
        }
    }

    /// Publishes with one producer until it fails, `stop`, or this node is not the one any more.
    async fn round(&mut self, stop: &CancellationToken) -> Result<(), String> {
        let outlet = Outlet::open(&self.config, &self.options.region, Arc::clone(&self.options.metrics)).await?;
        let outlet = Arc::new(outlet);
        let mut runs = self.options.runs.clone();
        let ended = {
            let round = live::Round {
                journal: &*self.journal,
                outlet: &outlet,
                wake: &self.wake.0,
                progress: &self.progress,
                metrics: &self.options.metrics,
                breaker: &self.breaker,
            };
            let (ending, stopping) = watch::channel(false);
            let publishing = async {
                tokio::try_join!(round.publish(stopping.clone()), round.keep_place(), round.replay(stopping)).map(|_| ())
            };
            let told_to_end = async {
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = runs.wait_for(|runs| !runs) => {}
                }
                _ = ending.send(true);
                tokio::time::sleep(limits::RELAY_STOP).await;
            };
            tokio::select! {
                ended = publishing => ended,
                () = told_to_end => Ok(()),
            }
        };
        // Ending a client takes a while, and blocks.
        let closing = tokio::task::spawn_blocking(move || drop(outlet));
        _ = timeout(limits::RELAY_STOP, closing).await;
        ended
    }
}

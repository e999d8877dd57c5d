//! A member of a consumer group: takes records from Kafka, hands them to a [`Handler`] in batches, and commits what is done.
//!
//! At most one batch of a partition is in flight, and no batch has two records of one key: so records of a key are handed over one after the
//! other, in order. A record that is to be tried again holds back its own key; those of other keys overtake it, and the committed offset stays
//! before it. What waits is bounded for each partition; with too much of it the partition is paused.
//!
//! The handling of a record that does not succeed at once:
//!
//! | the handler | then |
//! |---|---|
//! | [`Disposition::Reject`] | the dead-letter topic, at once |
//! | [`Disposition::Retry`], while others succeed | again after a pause that doubles from 250 ms to 10 min; the 17th time, after about an hour, the dead-letter topic |
//! | [`Disposition::Retry`], while nothing succeeds | again after 5 s at most, for as long as it takes: the database is down, say |
//! | fails as a whole (`Err`, a panic, more than 60 s) | the batch is halved until the bad record is alone |
//! | fails with that record alone, three times, while it succeeds with others or with none | the dead-letter topic |
//!
//! Dead letters have the record's key, headers and value, and the headers `marquee_reason`, `marquee_topic`, `marquee_partition` and
//! `marquee_offset` besides. A record is done with once Kafka has its dead letter.
//!
//! A handler is handed an empty list about every second, beside the records.

mod attempt;
mod dead;
mod judge;
mod poller;
mod work;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use telemetry::{Health, Metrics, Needed};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{Breaker, Disposition, Error, Producer, Record, Settings, limits};
use work::{Batch, PartitionQueues};

/// Handles records.
pub trait Handler: Send + Sync + 'static {
    /// One disposition a record, in order. An empty list means: nothing is new, do what has come due. Fails as a whole where no record can be
    /// said to be done. It may be handed records that it has handled before.
    fn handle(&self, records: Vec<Arc<Record>>) -> BoxFuture<'_, Result<Vec<Disposition>, String>>;
}

/// What a consumer is made from.
#[derive(Debug)]
pub struct Options {
    /// Where Kafka is.
    pub settings: Settings,
    /// The group whose members share the partitions; a label of metrics.
    pub group: String,
    /// What it reads.
    pub topics: Vec<String>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// How it batches and retries.
    pub rules: Rules,
}

/// How a consumer batches and retries.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Records of a batch.
    pub batch: usize,
    /// How long a batch is collected that is not full.
    pub collect: Duration,
    /// Batches in flight.
    pub batches: usize,
    /// Records of a partition that are not done yet.
    pub partition: usize,
    /// Pauses before a record is tried again: the first, and the longest.
    pub retry: (Duration, Duration),
    /// The longest pause while nothing succeeds.
    pub outage: Duration,
    /// Tries of a record.
    pub attempts: u32,
    /// Failures with a record alone.
    pub alone: u32,
    /// How often the handler is ticked.
    pub tick: Duration,
    /// Ticks at once.
    pub ticks: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            batch: limits::BATCH_RECORDS,
            collect: limits::COLLECT,
            batches: limits::BATCHES,
            partition: limits::PARTITION_RECORDS,
            retry: limits::RETRY,
            outage: limits::OUTAGE_RETRY,
            attempts: limits::ATTEMPTS,
            alone: limits::ALONE,
            tick: limits::TICK,
            ticks: limits::TICKS,
        }
    }
}

/// A member of a consumer group.
pub struct Consumer {
    options: Options,
    handler: Arc<dyn Handler>,
    dead: Producer,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What the thread that polls and the tasks that handle have in common.
struct Shared {
    work: Mutex<PartitionQueues>,
    /// A partition is not in flight any more.
    landed: Condvar,
    /// There may be something to hand over.
    changed: Notify,
    breaker: Breaker,
    group: String,
    metrics: Arc<Metrics>,
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, PartitionQueues> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer {
    /// A consumer; it joins its group when it runs. Fails where the settings do not make sense.
    pub fn new(options: Options, handler: Arc<dyn Handler>) -> Result<Self, Error> {
        if options.group.is_empty() || options.topics.is_empty() {
            return Err(Error::Setting("a consumer has a group and topics".to_owned()));
        }
        let shared = Arc::new(Shared {
            work: Mutex::new(PartitionQueues::new(options.rules)),
            landed: Condvar::new(),
            changed: Notify::new(),
            breaker: Breaker::new(format!("kafka-{}", options.group), options.settings.breaker),
            group: options.group.clone(),
            metrics: Arc::clone(&options.metrics),
        });
        let dead = Producer::new(&options.settings)?;
        Ok(Self { options, handler, dead, shared })
    }

    /// Its circuit breaker, `kafka-<group>`, to be added to the node's. It shows whether Kafka is there; the client tries again by itself.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        self.shared.breaker.clone()
    }

    /// Registers the check `kafka-<group>`.
    pub fn register(&self, health: &Health) {
        let breaker = self.breaker();
        let name = format!("kafka-{}", self.options.group);
        health.register(name, Needed::Information, move || breaker.finding("takes records"));
    }

    /// Runs until `stop`, and then for [`limits::GIVE_UP`] at most, until what is in flight is done and committed. Fails where there can be no client
    /// or it is lost.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let mut poller = poller::Poller::start(&self.options, Arc::clone(&self.shared))?;
        let (mut flights, mut ticks) = (JoinSet::new(), JoinSet::new());
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.dispatch(&mut flights, &mut ticks) => {}
            () = poller.ended() => return Err(Error::Unreachable("the thread that takes records has ended".to_owned())),
        }
        // The poller waits for what is in flight, commits, and leaves the group.
        let leaving = poller.stop();
        tokio::pin!(leaving);
        loop {
            tokio::select! {
                () = &mut leaving => break,
                Some(_) = flights.join_next() => {}
                Some(_) = ticks.join_next() => {}
            }
        }
        let dead = self.dead;
        _ = tokio::task::spawn_blocking(move || dead.flush()).await;
        Ok(())
    }

    /// Hands over what there is, for ever.
    async fn dispatch(&self, flights: &mut JoinSet<()>, ticks: &mut JoinSet<()>) {
        let rules = self.options.rules;
        let (mut called, mut ticked) = (Instant::now(), Instant::now());
        loop {
            // Beside the records: a tick may wait for others' servers.
            if ticked.elapsed() >= rules.tick {
                ticked = Instant::now();
                if ticks.len() < rules.ticks {
                    ticks.spawn(self.flight().tick());
                }
            }
            if flights.len() < rules.batches {
                let ready = self.shared.work().ready();
                // Right after another batch a little more may come; while one is being handled it comes anyway. The first after a pause is sent at once.
                let since = called.elapsed();
                if ready > 0 && ready < rules.batch && flights.is_empty() && since < rules.collect {
                    sleep(rules.collect - since).await;
                }
                let batch = self.shared.work().take(Instant::now());
                if let Some(batch) = batch {
                    called = Instant::now();
                    flights.spawn(self.flight().fly(batch));
                    continue;
                }
            }
            let tick = ticked + rules.tick;
            let due = self.shared.work().due().filter(|_| flights.len() < rules.batches).map_or(tick, |due| due.min(tick));
            let wait = due.max(Instant::now() + rules.collect);
            tokio::select! {
                () = self.shared.changed.notified() => {}
                Some(_) = flights.join_next() => {}
                Some(_) = ticks.join_next() => {}
                () = sleep_until(wait) => {}
            }
        }
    }

    fn flight(&self) -> BatchContext {
        BatchContext { handler: Arc::clone(&self.handler), shared: Arc::clone(&self.shared), dead: self.dead.clone() }
    }
}

/// What one batch takes along.
struct BatchContext {
    handler: Arc<dyn Handler>,
    shared: Arc<Shared>,
    dead: Producer,
}

impl BatchContext {
    async fn tick(self) {
        let outcome = attempt::call(&*self.handler, &self.shared.metrics, Vec::new()).await;
        match outcome {
            Ok(_) => self.shared.work().answered(1),
            Err(reason) => tracing::warn!(group = self.shared.group, reason, "the handler failed on a tick"),
        }
    }

    async fn fly(self, batch: Batch) {
        let attempt = attempt::attempt(&*self.handler, &self.shared.metrics, batch.records()).await;
        let doomed = {
            let mut work = self.shared.work();
            work.answered(attempt.answered);
            let judged = work.judge(&batch, attempt.outcomes, Instant::now());
            for (topic, outcome, records) in judged.counts {
                self.shared.metrics.streams().consumed(&self.shared.group, &topic, outcome, records);
            }
            self.shared.metrics.streams().waiting(&self.shared.group, work.waiting());
            judged.doomed
        };
        if !doomed.is_empty() {
            let buried = dead::bury(&self.dead, &self.shared.group, &doomed).await;
            let mut work = self.shared.work();
            for (doomed, buried) in doomed.iter().zip(buried) {
                if buried {
                    self.shared.metrics.streams().consumed(&self.shared.group, &doomed.record.topic, "dead-letter", 1);
                }
                work.buried(&batch, doomed, buried, Instant::now());
            }
        }
        self.shared.work().landed(&batch);
        self.shared.landed.notify_all();
        self.shared.changed.notify_one();
    }
}

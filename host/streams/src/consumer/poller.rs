//! The thread that polls Kafka, commits offsets, and releases partitions that the group revokes.
//!
//! A thread and no task: a partition is given up within a call of the client, which has to wait there for what is in flight.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::statistics::Statistics;
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use tokio::sync::oneshot;

use super::{Options, Shared};
use crate::record::TopicPartition;
use crate::{Error, Record, client, limits};

pub(super) struct Poller {
    stop: Arc<AtomicBool>,
    ended: oneshot::Receiver<()>,
}

struct Context(Arc<Shared>);

type Client = BaseConsumer<Context>;

impl Poller {
    pub(super) fn start(options: &Options, shared: Arc<Shared>) -> Result<Self, Error> {
        let client: Client = config(options)?.create_with_context(Context(Arc::clone(&shared)))?;
        let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        client.subscribe(&topics)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, ended) = oneshot::channel();
        let stopping = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("kafka-consumer".to_owned())
            .spawn(move || {
                poll(&client, &shared, &stopping);
                // Leaves the group.
                drop(client);
                _ = tell.send(());
            })
            .map_err(|error| Error::Setting(format!("no thread for a consumer: {error}")))?;
        Ok(Self { stop, ended })
    }

    /// Returns when the thread has ended by itself, which it does not do unless something is wrong with it.
    pub(super) async fn ended(&mut self) {
        _ = (&mut self.ended).await;
    }

    /// Stops, and returns once the group is left.
    pub(super) async fn stop(mut self) {
        self.stop.store(true, Ordering::Release);
        _ = (&mut self.ended).await;
    }
}

impl Drop for Poller {
    /// A consumer that is dropped while it runs leaves its group, too.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn config(options: &Options) -> Result<ClientConfig, Error> {
    let mut config = options.settings.client()?;
    config
        .set("group.id", &options.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // A rebalance takes from a member only what another gets.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", limits::SESSION.as_millis().to_string())
        .set("heartbeat.interval.ms", (limits::SESSION / 5).as_millis().to_string())
        .set("max.poll.interval.ms", limits::MAX_POLL.as_millis().to_string())
        .set("queued.max.messages.kbytes", limits::FETCH_AHEAD_KB.to_string())
        // What has been taken makes room, and is noticed at once.
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.error.backoff.ms", "100")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("statistics.interval.ms", limits::LAG_EVERY.as_millis().to_string());
    Ok(config)
}

fn poll(client: &Client, shared: &Shared, stop: &AtomicBool) {
    let mut topics: HashMap<String, Arc<str>> = HashMap::new();
    let mut committed = Instant::now();
    let mut taken = Vec::with_capacity(limits::POLL_RECORDS);
    while !stop.load(Ordering::Acquire) {
        let mut wait = limits::POLL;
        while taken.len() < limits::POLL_RECORDS {
            match client.poll(Timeout::After(wait)) {
                Some(Ok(message)) => {
                    let topic = match topics.get(message.topic()) {
                        Some(topic) => Arc::clone(topic),
                        None => {
                            let topic: Arc<str> = message.topic().into();
                            Arc::clone(topics.entry(message.topic().to_owned()).or_insert(topic))
                        }
                    };
                    taken.push(Record::from_message(&message, topic));
                    // The others are there already, or not yet.
                    wait = Duration::ZERO;
                }
                Some(Err(error)) => {
                    client::error(&error, "while consuming");
                    if client::unreachable(&error) {
                        shared.breaker.failed(&error.to_string());
                    }
                    break;
                }
                // Nothing there, or a rebalance: what was taken before it must not be counted after the next.
                None => break,
            }
        }
        let mut full = Vec::new();
        let news = !taken.is_empty();
        let resumed = {
            let mut work = shared.work();
            for record in taken.drain(..) {
                let place = super::work::place(&record);
                if work.push(record) {
                    full.push(place);
                }
            }
            work.resumed()
        };
        if news {
            shared.changed.notify_one();
        }
        set_paused(client, &full, true);
        set_paused(client, &resumed, false);
        if committed.elapsed() >= limits::COMMIT_EVERY {
            committed = Instant::now();
            let offsets = shared.work().commits(None);
            commit(client, shared, &offsets, CommitMode::Async);
        }
    }
    give_up(client, shared, None);
}

fn set_paused(client: &Client, places: &[TopicPartition], paused: bool) {
    if places.is_empty() {
        return;
    }
    let list = list(places.iter().map(|place| (place, Offset::Invalid)));
    let outcome = if paused { client.pause(&list) } else { client.resume(&list) };
    if let Err(error) = outcome {
        // It was revoked meanwhile.
        tracing::debug!(%error, paused, "partitions could not be paused or resumed");
    }
}

fn commit(client: &Client, shared: &Shared, offsets: &[(TopicPartition, i64)], mode: CommitMode) {
    if offsets.is_empty() {
        return;
    }
    let list = list(offsets.iter().map(|(place, offset)| (place, Offset::Offset(*offset))));
    if let Err(error) = client.commit(&list, mode) {
        tracing::debug!(group = shared.group, %error, "offsets could not be committed");
        shared.work().forget_commits();
    }
}

fn list<'a>(places: impl Iterator<Item = (&'a TopicPartition, Offset)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (place, offset) in places {
        if let Err(error) = list.add_partition_offset(&place.topic, place.partition, offset) {
            tracing::error!(?place, ?offset, %error, "not an offset");
        }
    }
    list
}

fn places(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition { topic: element.topic().into(), partition: element.partition() })
        .collect()
}

/// Waits, for so long, until nothing of these partitions is in flight, commits what is done, and forgets the rest: somebody else will get it.
fn give_up(client: &Client, shared: &Shared, places: Option<&[TopicPartition]>) {
    let until = Instant::now() + limits::GIVE_UP;
    let mut work = shared.work();
    work.leave(places);
    while work.leaving_in_flight() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            tracing::warn!(
                group = shared.group,
                "partitions were revoked while records were in progress: they will be redelivered"
            );
            break;
        }
        work = shared.landed.wait_timeout(work, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
    }
    let offsets = work.commits(places);
    drop(work);
    if !client.assignment_lost() {
        commit(client, shared, &offsets, CommitMode::Sync);
    }
    let mut work = shared.work();
    let all: Vec<TopicPartition> = places.map_or_else(|| work.partitions.keys().cloned().collect(), <[TopicPartition]>::to_vec);
    all.iter().for_each(|place| work.remove(place));
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        client::log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&error, reason);
        if client::unreachable(&error) {
            self.0.breaker.failed(reason);
        }
    }

    fn stats(&self, statistics: Statistics) {
        let breaker = &self.0.breaker;
        if statistics.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP") && breaker.works() {
            tracing::info!(group = self.0.group, "Kafka answers again");
        }
        let work = self.0.work();
        let mut lags: HashMap<&str, i64> = HashMap::new();
        let topics: BTreeSet<&Arc<str>> = work.partitions.keys().map(|place| &place.topic).collect();
        for topic in topics {
            lags.insert(topic, 0);
        }
        for place in work.partitions.keys() {
            let known = statistics.topics.get(&*place.topic).and_then(|topic| topic.partitions.get(&place.partition));
            let Some(known) = known.filter(|known| known.hi_offset >= 0) else { continue };
            let position = work.position(place).unwrap_or(known.committed_offset.max(known.lo_offset));
            *lags.entry(&place.topic).or_default() += (known.hi_offset - position).max(0);
        }
        for (topic, lag) in lags {
            self.0.metrics.streams().consumer_lag(&self.0.group, topic, lag);
        }
        self.0.metrics.streams().waiting(&self.0.group, work.waiting());
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, base_consumer: &Client, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                let places = places(list);
                tracing::debug!(group = self.0.group, ?places, "partitions were given to this consumer");
                // The client still pauses a partition that was paused when it was revoked and is assigned again.
                set_paused(base_consumer, &places, false);
                let mut work = self.0.work();
                places.into_iter().for_each(|place| work.assign(place));
            }
            Rebalance::Revoke(list) => {
                let places = places(list);
                tracing::debug!(group = self.0.group, ?places, "partitions are given up");
                give_up(base_consumer, &self.0, Some(&places));
            }
            Rebalance::Error(error) => tracing::warn!(group = self.0.group, %error, "a rebalance failed"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(group = self.0.group, %error, "offsets were not committed");
            self.0.work().forget_commits();
        }
    }
}

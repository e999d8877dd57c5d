use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use streams::journal::{JournalHead, PostgresJournal, Replay, Row, Sink};
use streams::relay::{Handle, Options, Relay};
use streams::{Error, Journal, replay};
use telemetry::{Health, State};
use test_support::kafka::Kafka;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::proxy::Proxy;
use crate::scene::{AT, Database, Topic, by_key, numbers, until};

struct RunningRelay {
    handle: Handle,
    runs: watch::Sender<bool>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn relay(topic: &Topic, database: &Database) -> RunningRelay {
    relay_from(topic, database.journal.clone())
}

fn relay_from(topic: &Topic, journal: Arc<dyn Journal>) -> RunningRelay {
    let (runs, receiver) = watch::channel(true);
    let options = Options {
        settings: topic.settings.clone(),
        region: "eu".to_owned(),
        runs: receiver,
        metrics: Arc::clone(&topic.metrics),
    };
    let relay = Relay::new(options, journal).unwrap();
    let (handle, stop) = (relay.handle(), CancellationToken::new());
    let task = tokio::spawn(relay.run(stop.clone()));
    RunningRelay { handle, runs, stop, task }
}

impl RunningRelay {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn metrics(topic: &Topic) -> String {
    String::from_utf8(topic.metrics.render().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_arrives_in_order_of_its_key_with_its_headers() {
    let (topic, database) = (Topic::create().await, Database::create().await);
    database.fill(&topic.name, 0..300).await;
    let running = relay(&topic, &database);
    until("there is a place", async || database.place().await == 300).await;
    // What nobody outside is told of moves the place and is no record.
    database
        .write(&[(None, "inside".to_owned(), "0".to_owned()), (Some(&topic.name), "last".to_owned(), "300".to_owned())])
        .await;
    running.handle.wake().now();
    let read = topic.read(301).await;
    let mut arrived = by_key(read.iter().map(|record| (record.key.as_str(), record.value.as_str())));
    assert_eq!(arrived.remove("last"), Some(vec![300]));
    let expected = (0..20).map(|key| (format!("key{key}"), (key..300).step_by(20).collect()));
    let expected: BTreeMap<String, Vec<usize>> = expected.collect();
    assert_eq!(arrived, expected);

    let row = read.iter().find(|record| record.value == "57").unwrap();
    assert_eq!(row.timestamp, AT / 1_000);
    let headers = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", "eu_batch000000051.7"),
        ("ce_source", "/regions/eu"),
        ("ce_type", "booking.created"),
        ("ce_subject", "key17"),
        ("ce_time", "2026-11-24T18:52:17.120500Z"),
        ("ce_aggregateversion", "8"),
        ("ce_position", "58"),
        ("traceparent", "00-trace-8"),
    ];
    assert_eq!(row.headers, headers.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>());

    until("the place is at the end", async || database.place().await == 302).await;
    until("the lag is known", async || running.handle.status().last == 302).await;
    let status = running.handle.status();
    assert_eq!((status.lag(), status.published, status.errors, status.running), (0, 301, 0, true));
    assert!(metrics(&topic).contains("marquee_relay_published_total{topic=\"other\"} 301"), "{}", metrics(&topic));
    running.end().await;
    topic.remove().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_repeatedly_loses_nothing() {
    let (topic, database) = (Topic::create().await, Database::create().await);
    const ROWS: usize = 3_000;
    database.fill(&topic.name, 0..ROWS / 2).await;
    for life in 0..5 {
        let running = relay(&topic, &database);
        database.fill(&topic.name, ROWS / 2 + life * ROWS / 10..ROWS / 2 + (life + 1) * ROWS / 10).await;
        until("it has begun", async || running.handle.status().published > 0).await;
        running.task.abort();
        _ = running.task.await;
    }
    let running = relay(&topic, &database);
    until("the place is at the end", async || database.place().await == ROWS as i64).await;
    running.end().await;
    until_complete(&topic, ROWS, ROWS).await;
    topic.remove().await;
    database.remove().await;
}

/// Reads on until no number is missing.
async fn until_complete(topic: &Topic, mut count: usize, rows: usize) {
    loop {
        let all = numbers(&topic.read(count).await);
        let missing = rows - all.len();
        if missing == 0 {
            assert_eq!(all, (0..rows).collect::<BTreeSet<_>>());
            return;
        }
        count += missing;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_arrives_after_a_kafka_outage() {
    let mut kafka = Kafka::start().await;
    let (topic, database) = (Topic::on(&kafka.broker()).await, Database::create().await);
    let running = relay(&topic, &database);
    let health = Health::default();
    running.handle.register(&health);
    topic.metrics.breakers().add(running.handle.breaker());
    database.fill(&topic.name, 0..500).await;
    until("the first rows are there", async || database.place().await == 500).await;

    kafka.stop();
    database.fill(&topic.name, 500..1_500).await;
    until("the breaker is open", async || metrics(&topic).contains("marquee_circuit_breaker_state{breaker=\"kafka\"} 1")).await;
    assert_eq!(health.lines()[0].finding.state, State::Degraded);
    assert!(health.ready());
    assert_eq!(database.place().await, 500);

    kafka.go_on().await;
    database.fill(&topic.name, 1_500..2_000).await;
    topic.metrics.breakers().reset();
    until("the place is at the end", async || database.place().await == 2_000).await;
    assert!(metrics(&topic).contains("marquee_circuit_breaker_state{breaker=\"kafka\"} 0"));
    until("health says so", async || health.lines()[0].finding.state == State::Up).await;
    until_complete(&topic, 2_000, 2_000).await;
    running.end().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_node_that_runs_it_publishes() {
    let (topic, database) = (Topic::create().await, Database::create().await);
    let (first, second) = (relay(&topic, &database), relay(&topic, &database));
    second.runs.send_replace(false);
    until("the second is told", async || !second.handle.status().running).await;
    database.fill(&topic.name, 0..100).await;
    until("the first publishes", async || database.place().await == 100).await;
    first.runs.send_replace(false);
    until("the first has stopped", async || !first.handle.status().running).await;
    database.fill(&topic.name, 100..200).await;
    second.runs.send_replace(true);
    until("the second publishes", async || database.place().await == 200).await;
    assert_eq!((first.handle.status().published, second.handle.status().published), (100, 100));
    assert_eq!(numbers(&topic.read(200).await).len(), 200);
    first.end().await;
    second.end().await;
    topic.remove().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_range_is_published_again_and_marked() {
    let (topic, database) = (Topic::create().await, Database::create().await);
    let running = relay(&topic, &database);
    database.fill(&topic.name, 0..400).await;
    until("all is published", async || database.place().await == 400).await;
    let pool = database.journal.pool();
    replay::request(pool, "again", 101, 250, "eu_admin", AT).await.unwrap();
    assert!(replay::request(pool, "again", 1, 2, "eu_admin", AT).await.is_err());
    assert!(replay::request(pool, "backwards", 9, 8, "eu_admin", AT).await.is_err());
    until("it is done", async || {
        sqlx::query_scalar("SELECT COUNT(*) = 1 FROM replays WHERE next = 251 AND done_at IS NOT NULL")
            .fetch_one(pool)
            .await
            .unwrap()
    })
    .await;
    let read = topic.read(550).await;
    let (again, first): (Vec<_>, Vec<_>) = read.into_iter().partition(|record| record.headers.contains_key("ce_replayed"));
    assert_eq!(numbers(&first), (0..400).collect());
    assert_eq!((again.len(), numbers(&again)), (150, (100..250).collect()));
    assert!(again.iter().all(|record| record.headers["ce_replayed"] == "true"));
    assert_eq!(database.place().await, 400);
    running.end().await;
    topic.remove().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_database_delays_the_relay_only_briefly() {
    let (topic, database) = (Topic::create().await, Database::create().await);
    let (user, rest) = database.url.split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let proxy = Proxy::to(server.to_owned()).await;
    let url = format!("{user}@127.0.0.1:{}/{name}", proxy.port);
    let running = relay_from(&topic, Arc::new(PostgresJournal::connect(&url).unwrap()));
    database.fill(&topic.name, 0..100).await;
    until("the first rows are there", async || database.place().await == 100).await;
    proxy.silence();
    database.fill(&topic.name, 100..200).await;
    until("the others are there", async || database.place().await == 200).await;
    running.end().await;
    topic.remove().await;
    database.remove().await;
}

/// A journal of many rows, of which none is anywhere, whose place takes long to be kept.
struct SlowJournal {
    topic: String,
    rows: i64,
    place: AtomicI64,
}

impl Journal for SlowJournal {
    fn read<'a>(&'a self, after: i64, until: i64, limit: usize, sink: &'a mut Sink<'_>) -> BoxFuture<'a, Result<usize, Error>> {
        let mut count = 0;
        for position in after + 1..=until.min(self.rows).min(after + i64::try_from(limit).unwrap()) {
            count += 1;
            let row = Row {
                position,
                at: AT,
                batch: "eu_batch",
                ordinal: position,
                topic: Some(&self.topic),
                kind: "booking.created",
                aggregate: &position.to_string(),
                version: 1,
                payload: "{}",
                trace: None,
            };
            if sink(row) == ControlFlow::Break(()) {
                break;
            }
        }
        ready(Ok(count)).boxed()
    }

    fn cursor(&self) -> BoxFuture<'_, Result<i64, Error>> {
        ready(Ok(self.place.load(Ordering::SeqCst))).boxed()
    }

    fn advance(&self, position: i64) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.place.store(position, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }

    fn standing(&self, _: i64) -> BoxFuture<'_, Result<JournalHead, Error>> {
        ready(Ok(JournalHead { last: self.rows, oldest: None })).boxed()
    }

    fn open_replay(&self) -> BoxFuture<'_, Result<Option<Replay>, Error>> {
        ready(Ok(None)).boxed()
    }

    fn move_replay<'a>(&'a self, _: &'a Replay, _: i64) -> BoxFuture<'a, Result<(), Error>> {
        ready(Ok(())).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_position_write_does_not_stop_the_relay() {
    // While the place is being kept, Kafka acknowledges all that may be under way, and more is to be read.
    let topic = Topic::create().await;
    let rows = 3 * i64::try_from(streams::limits::WINDOW_ROWS).unwrap();
    let journal = Arc::new(SlowJournal { topic: topic.name.clone(), rows, place: AtomicI64::new(0) });
    let running = relay_from(&topic, Arc::clone(&journal) as Arc<dyn Journal>);
    until("the place is at the end", async || journal.place.load(Ordering::SeqCst) == rows).await;
    assert_eq!(running.handle.status().published, u64::try_from(rows).unwrap());
    running.end().await;
    topic.remove().await;
}

//! How fast the journal gets to Kafka, and from there to a handler.
//!
//! `cargo xtask bench journal` with `MARQUEE_TEST_POSTGRES_URL` and `MARQUEE_TEST_KAFKA`. In one run: the relay beside
//! rdkafka's bare producer, with the same settings and records; a consumer whose handler does nothing; the time from a commit to the handler, idle, under
//! all the load that the machine bears with what writes the rows, and under half of it. Rows get their positions as they are inserted, and the commit
//! wakes the relay, as the sequencer does. It makes a database and topics of its own, and removes them.

#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::error::Error;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use sqlx::{Connection as _, PgConnection, PgPool};
use streams::consumer::{self, Consumer, Rules};
use streams::journal::PostgresJournal;
use streams::relay::{self, Handle, Relay};
use streams::{Disposition, Handler, Record, Settings, producer, topics};
use telemetry::Metrics;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// As the node's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rows of the journal that are prepared, and rows of a batch: what a ledger under load writes at a time.
const ROWS: i64 = 400_000;
const BATCH: i64 = 100;
/// How often each of the two is measured, by turns, after one turn that warms Kafka up.
const ROUNDS: usize = 3;
/// Rows a second while idle, and how long latencies are measured.
const IDLE: i64 = 50;
const SECONDS: i64 = 8;
/// Commits a second under load.
const COMMITS: i64 = 100;

const INSERT: &str = "WITH batch AS (INSERT INTO journal_batches (id, at, entries, position) \
      VALUES ('eu_01jdfbatch' || $1, 1795546337120500 + $1, $2, $1)), \
    rows AS (INSERT INTO journal (batch, ordinal, topic, type, aggregate, version, payload, trace) \
      SELECT 'eu_01jdfbatch' || $1, number, $3, 'booking.created', 'eu_01jdf0000booking' || ($1 + number), 1, \
        '{\"number\":' || ($1 + number) || ',\"event_id\":\"eu_01jdf3c7k2m4n6p8q0r2s4t6\",\"person\":\"eu_01jdf3c7k2m4n6p8q0r2s4t6v8\",' || \
        '\"state\":\"held\",\"items\":[{\"ticket_type\":\"eu_01jdf3c7k2m4n6p8q0r2s4t6v8\",\"quantity\":2,\"price\":4500}],' || \
        '\"total\":9000,\"currency\":\"EUR\",\"expires_at\":1795546937120500}', \
        '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' \
      FROM generate_series(0, $2 - 1) AS number) \
    INSERT INTO sequencer (name, position, epoch) VALUES ('journal', $1 + $2 - 1, 'bench') \
      ON CONFLICT (name) DO UPDATE SET position = excluded.position";

#[tokio::main]
async fn main() -> Outcome<()> {
    let server = std::env::var("MARQUEE_TEST_POSTGRES_URL").map_err(|_| "MARQUEE_TEST_POSTGRES_URL names no Postgres")?;
    let kafka = std::env::var("MARQUEE_TEST_KAFKA").map_err(|_| "MARQUEE_TEST_KAFKA names no Kafka")?;
    let name = format!("streams_bench_{}", std::process::id());
    let mut admin = PgConnection::connect(&server).await?;
    sqlx::query(&format!("CREATE DATABASE {name}")).execute(&mut admin).await?;
    let url = format!("{}/{name}", server.rsplit_once('/').ok_or("not a URL of Postgres")?.0);
    let settings = Settings::new(&[&kafka]);
    let bench = Bench { names: ["prepared", "bare", "live"].map(|topic| format!("{name}_{topic}")), settings, url };
    let measured = bench.run().await;
    let names: Vec<String> = bench.names.iter().flat_map(|topic| [topic.clone(), topics::dead_letter(topic)]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let kafka: AdminClient<DefaultClientContext> = producer::config(&bench.settings)?.create()?;
    _ = kafka.delete_topics(&names, &AdminOptions::new()).await;
    sqlx::query(&format!("DROP DATABASE {name} WITH (FORCE)")).execute(&mut admin).await?;
    measured
}

struct Bench {
    settings: Settings,
    /// Topics: of the prepared rows, of the bare producer, of the latencies.
    names: [String; 3],
    url: String,
}

/// A relay that runs.
struct RunningRelay {
    handle: Handle,
    _runs: watch::Sender<bool>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl RunningRelay {
    async fn end(self) -> Outcome<()> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}

impl Bench {
    async fn run(&self) -> Outcome<()> {
        let [prepared, bare, live] = &self.names;
        topics::create_these(&self.settings, &[prepared, bare, live]).await?;
        let pool = PgPool::connect(&self.url).await?;
        let migrations = migrations::MIGRATIONS.iter().flat_map(|one| one.statements(migrations::Engine::Postgres));
        for statement in migrations {
            sqlx::query(&statement).execute(&pool).await?;
        }
        for position in (0..ROWS / BATCH).map(|batch| batch * BATCH + 1) {
            sqlx::query(INSERT).bind(position).bind(BATCH).bind(prepared).execute(&pool).await?;
        }
        sqlx::query("VACUUM ANALYZE").execute(&pool).await?;

        let rows: Vec<(String, String)> = sqlx::query_as("SELECT aggregate, payload FROM journal").fetch_all(&pool).await?;
        let mut rates = [0.0, 0.0];
        for round in 0..=ROUNDS {
            let producer = bare_rate(&self.settings, bare, &rows).await?;
            println!("rdkafka's bare producer      {producer:>9.0} records/s");
            sqlx::query("DELETE FROM sequencer WHERE name = 'kafka'").execute(&pool).await?;
            let relay = self.relay_rate().await?;
            println!("relay, journal to Kafka      {relay:>9.0} records/s");
            if round > 0 {
                rates = [rates[0] + producer / ROUNDS as f64, rates[1] + relay / ROUNDS as f64];
            }
        }
        let [producer, relay] = rates;
        println!("relay {relay:.0} records/s, {:.2} x the bare producer", relay / producer);
        drop(rows);

        let consumed = self.consumer_rate(prepared).await?;
        println!("consumer, handler that does nothing {consumed:.0} records/s");

        self.latency(live, "idle", IDLE, 1).await?;
        // What writes the rows, Kafka and both ends share the machine: all of it, and half of what came of that.
        let all = self.latency(live, "full load", COMMITS, relay as i64 / COMMITS).await?;
        self.latency(live, "half load", COMMITS, (all / 2.0) as i64 / COMMITS).await.map(drop)
    }

    fn relay(&self) -> Outcome<RunningRelay> {
        let (runs, receiver) = watch::channel(true);
        let options = relay::Options {
            settings: self.settings.clone(),
            region: "eu".to_owned(),
            runs: receiver,
            metrics: Arc::new(Metrics::new()?),
        };
        let relay = Relay::new(options, Arc::new(PostgresJournal::connect(&self.url)?))?;
        let (handle, stop) = (relay.handle(), CancellationToken::new());
        Ok(RunningRelay { handle, _runs: runs, task: tokio::spawn(relay.run(stop.clone())), stop })
    }

    async fn relay_rate(&self) -> Outcome<f64> {
        let relay = self.relay()?;
        let look = Duration::from_millis(1);
        while !relay.handle.status().running {
            tokio::time::sleep(look).await;
        }
        let began = Instant::now();
        while relay.handle.status().position < ROWS {
            tokio::time::sleep(look).await;
        }
        let took = began.elapsed();
        relay.end().await?;
        Ok(ROWS as f64 / took.as_secs_f64())
    }

    async fn consumer_rate(&self, topic: &str) -> Outcome<f64> {
        let counter = Arc::new(Counter::default());
        let total = ROWS as usize * (ROUNDS + 1);
        let stop = CancellationToken::new();
        let consuming = tokio::spawn(self.consumer(topic, counter.clone())?.run(stop.clone()));
        while counter.count.load(Relaxed) < total {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let took = counter.first.get().ok_or("nothing came")?.elapsed();
        stop.cancel();
        consuming.await??;
        Ok(total as f64 / took.as_secs_f64())
    }

    fn consumer(&self, topic: &str, handler: Arc<dyn Handler>) -> Outcome<Consumer> {
        let options = consumer::Options {
            settings: self.settings.clone(),
            group: format!("{topic}-group"),
            topics: vec![topic.to_owned()],
            metrics: Arc::new(Metrics::new()?),
            rules: Rules::default(),
        };
        Ok(Consumer::new(options, handler)?)
    }

    /// From the commit to the handler, with so many commits a second of so many rows.
    /// Gives how many rows a second were written.
    async fn latency(&self, topic: &str, what: &str, commits: i64, rows: i64) -> Outcome<f64> {
        let pool = PgPool::connect(&self.url).await?;
        let first: i64 = sqlx::query_scalar("SELECT position + 1 FROM sequencer WHERE name = 'journal'").fetch_one(&pool).await?;
        let clock = Instant::now();
        let total = commits * SECONDS;
        let arrivals = Arc::new(Arrivals {
            clock,
            first,
            rows,
            committed: (0..total).map(|_| AtomicU64::new(0)).collect(),
            arrived: (0..total * rows).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicI64::new(0),
        });
        let relay = self.relay()?;
        let stop = CancellationToken::new();
        let consuming = tokio::spawn(self.consumer(topic, arrivals.clone())?.run(stop.clone()));
        // Both have found what they need: the first row has gone all the way.
        let wake = relay.handle.wake();
        let began = Instant::now() + Duration::from_secs(2);
        for number in 0..total {
            tokio::time::sleep_until((began + Duration::from_secs(1).mul_f64(number as f64 / commits as f64)).into()).await;
            sqlx::query(INSERT).bind(first + number * rows).bind(rows).bind(topic).execute(&pool).await?;
            if let Some(committed) = arrivals.committed.get(number as usize) {
                committed.store(clock.elapsed().as_nanos() as u64, Relaxed);
            }
            wake.now();
        }
        let wrote = began.elapsed();
        while arrivals.count.load(Relaxed) < total * rows {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
        consuming.await??;
        relay.end().await?;
        let mut latencies: Vec<u64> = Vec::with_capacity(arrivals.arrived.len());
        for (number, arrived) in arrivals.arrived.iter().enumerate() {
            // The first second is for warming up.
            let commit = number / rows as usize;
            if let Some(committed) = arrivals.committed.get(commit).filter(|_| commit as i64 >= commits) {
                latencies.push(arrived.load(Relaxed).saturating_sub(committed.load(Relaxed)));
            }
        }
        latencies.sort_unstable();
        let at = |share: f64| {
            latencies.get(((latencies.len() as f64 - 1.0) * share) as usize).map_or(0.0, |nanos| *nanos as f64 / 1e6)
        };
        let written = (total * rows) as f64 / wrote.as_secs_f64();
        println!(
            "commit to handler, {what:<9} {written:>7.0} rows/s   p50 {:.2} ms   p95 {:.2} ms   p99 {:.2} ms   max {:.2} ms",
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0)
        );
        Ok(written)
    }
}

/// A handler that does nothing.
#[derive(Default)]
struct Counter {
    count: AtomicUsize,
    first: OnceLock<Instant>,
}

impl Handler for Counter {
    fn handle(&self, records: Vec<Arc<Record>>) -> BoxFuture<'_, Result<Vec<Disposition>, String>> {
        if !records.is_empty() {
            self.first.get_or_init(Instant::now);
        }
        self.count.fetch_add(records.len(), Relaxed);
        futures::future::ready(Ok(vec![Disposition::Done; records.len()])).boxed()
    }
}

/// When each row was committed and arrived, in nanoseconds.
struct Arrivals {
    clock: Instant,
    first: i64,
    rows: i64,
    committed: Vec<AtomicU64>,
    arrived: Vec<AtomicU64>,
    count: AtomicI64,
}

impl Handler for Arrivals {
    fn handle(&self, records: Vec<Arc<Record>>) -> BoxFuture<'_, Result<Vec<Disposition>, String>> {
        let now = self.clock.elapsed().as_nanos() as u64;
        for record in &records {
            let position = record.header("ce_position").and_then(|position| position.parse::<i64>().ok());
            let number = position.and_then(|position| usize::try_from(position - self.first).ok());
            if let Some(arrived) = number.and_then(|number| self.arrived.get(number)) {
                debug_assert!(self.rows > 0);
                if arrived.swap(now, Relaxed) == 0 {
                    self.count.fetch_add(1, Relaxed);
                }
            }
        }
        futures::future::ready(Ok(vec![Disposition::Done; records.len()])).boxed()
    }
}

/// Counts what was delivered.
#[derive(Default)]
struct DeliveryCounter(Arc<AtomicUsize>);

impl ClientContext for DeliveryCounter {}

impl ProducerContext for DeliveryCounter {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.fetch_add(1, Relaxed);
        }
    }
}

/// The same records, from memory.
async fn bare_rate(settings: &Settings, topic: &str, rows: &[(String, String)]) -> Outcome<f64> {
    let delivered = Arc::new(AtomicUsize::new(0));
    let mut config = producer::config(settings)?;
    config.set("queue.buffering.max.messages", "131072").set("queue.buffering.max.kbytes", "262144");
    let producer: ThreadedProducer<DeliveryCounter> = config.create_with_context(DeliveryCounter(Arc::clone(&delivered)))?;
    let (settings, rows, topic) = (producer, rows.to_vec(), topic.to_owned());
    let sending = move || -> Outcome<f64> {
        let producer = settings;
        producer.client().fetch_metadata(Some(&topic), Duration::from_secs(10))?;
        let began = Instant::now();
        for (number, (key, payload)) in rows.iter().enumerate() {
            let mut record = BaseRecord::to(&topic).key(key).payload(payload).headers(headers(number, key));
            while let Err((_, back)) = producer.send(record) {
                // Its queue is full.
                record = back;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        while delivered.load(Relaxed) < rows.len() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(rows.len() as f64 / began.elapsed().as_secs_f64())
    };
    tokio::task::spawn_blocking(sending).await?
}

/// As long as the relay's.
fn headers(number: usize, key: &str) -> OwnedHeaders {
    let number = (number + 1).to_string();
    let id = format!("eu_01jdfbatch{number}.0");
    let headers = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", &id),
        ("ce_source", "/regions/eu"),
        ("ce_type", "booking.created"),
        ("ce_subject", key),
        ("ce_time", "2026-11-24T18:52:17.120500Z"),
        ("ce_aggregateversion", "1"),
        ("ce_position", &number),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    headers
        .into_iter()
        .fold(OwnedHeaders::new_with_capacity(11), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

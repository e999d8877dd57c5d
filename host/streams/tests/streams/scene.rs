//! A database with a journal, topics, and what reads them independently of the code under test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use migrations::{Engine, MIGRATIONS};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use sqlx::PgPool;
use streams::journal::PostgresJournal;
use streams::{Settings, topics};
use telemetry::Metrics;
use test_support::variable;

/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(90);
pub const PARTITIONS: i32 = 4;

pub fn unique(kind: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("streams_{kind}_{}_{}", std::process::id(), COUNT.fetch_add(1, Relaxed))
}

/// Waits for something to be so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LONG, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A topic of a test's own, and its dead letters.
pub struct Topic {
    pub settings: Settings,
    pub name: String,
    pub metrics: Arc<Metrics>,
}

/// A record as anybody reads it.
#[derive(Clone, Debug)]
pub struct Read {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: String,
    pub value: String,
    pub headers: BTreeMap<String, String>,
}

impl Topic {
    pub async fn create() -> Self {
        Self::on(&variable("MARQUEE_TEST_KAFKA")).await
    }

    pub async fn on(broker: &str) -> Self {
        let settings = Settings { partitions: PARTITIONS, ..Settings::new(&[broker]) };
        let topic = Self { settings, name: unique("topic"), metrics: Arc::new(Metrics::new().unwrap()) };
        topics::create_these(&topic.settings, &[&topic.name]).await.unwrap();
        topic
    }

    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.settings.brokers.join(","));
        config
    }

    /// Everything in a topic, from its beginning, once there are so many records in it.
    pub async fn read_from(&self, topic: &str, count: usize) -> Vec<Read> {
        let (mut config, topic) = (self.config(), topic.to_owned());
        let reading = move || {
            let consumer: BaseConsumer = config.set("group.id", unique("reader")).create().unwrap();
            let mut all = TopicPartitionList::new();
            for partition in 0..PARTITIONS {
                all.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
            }
            consumer.assign(&all).unwrap();
            let (begun, mut read) = (Instant::now(), Vec::new());
            while read.len() < count {
                assert!(begun.elapsed() < LONG, "{} of {count} records arrived in {topic}", read.len());
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
                    let headers = message
                        .headers()
                        .map(|headers| headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect());
                    read.push(Read {
                        partition: message.partition(),
                        offset: message.offset(),
                        timestamp: message.timestamp().to_millis().unwrap(),
                        key: text(message.key()),
                        value: text(message.payload()),
                        headers: headers.unwrap_or_default(),
                    });
                }
            }
            read
        };
        tokio::task::spawn_blocking(reading).await.unwrap()
    }

    pub async fn read(&self, count: usize) -> Vec<Read> {
        self.read_from(&self.name, count).await
    }

    pub async fn dead(&self, count: usize) -> Vec<Read> {
        self.read_from(&topics::dead_letter(&self.name), count).await
    }

    /// How many records there are in its dead letters.
    pub async fn dead_count(&self) -> i64 {
        let (config, topic) = (self.config(), topics::dead_letter(&self.name));
        let counting = move || {
            let consumer: BaseConsumer = config.create().unwrap();
            (0..PARTITIONS).map(|partition| consumer.fetch_watermarks(&topic, partition, LONG).unwrap().1).sum()
        };
        tokio::task::spawn_blocking(counting).await.unwrap()
    }

    /// Writes records of these keys and values, in order.
    pub async fn write(&self, records: impl IntoIterator<Item = (String, String)>) {
        let producer: FutureProducer = self.config().set("linger.ms", "1").create().unwrap();
        let records: Vec<_> = records.into_iter().collect();
        let sent = records.iter().map(|(key, value)| {
            producer.send_result(FutureRecord::to(&self.name).key(key).payload(value)).map_err(|(error, _)| error).unwrap()
        });
        let sent: Vec<_> = sent.collect();
        for delivery in sent {
            delivery.await.unwrap().unwrap();
        }
    }

    /// What a group has committed, over all partitions.
    pub async fn committed(&self, group: &str) -> i64 {
        let (mut config, topic, group) = (self.config(), self.name.clone(), group.to_owned());
        let asking = move || {
            let consumer: BaseConsumer = config.set("group.id", group).create().unwrap();
            let mut all = TopicPartitionList::new();
            all.add_partition_range(&topic, 0, PARTITIONS - 1);
            let committed = consumer.committed_offsets(all, LONG).unwrap();
            committed.elements().iter().filter_map(|element| element.offset().to_raw()).filter(|offset| *offset > 0).sum()
        };
        tokio::task::spawn_blocking(asking).await.unwrap()
    }

    pub async fn remove(self) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        _ = admin.delete_topics(&[&self.name, &topics::dead_letter(&self.name)], &AdminOptions::new()).await;
    }
}

/// A database of a test's own with the journal in it.
pub struct Database {
    pub journal: Arc<PostgresJournal>,
    pub pool: PgPool,
    pub url: String,
    name: String,
    next: AtomicI64,
}

/// When everything in these journals was written.
pub const AT: i64 = 1_795_546_337_120_500;

impl Database {
    pub async fn create() -> Self {
        let server = variable("MARQUEE_TEST_POSTGRES_URL");
        let name = unique("database");
        let admin = PgPool::connect(&server).await.unwrap();
        sqlx::query(&format!("CREATE DATABASE {name}")).execute(&admin).await.unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let pool = PgPool::connect(&url).await.unwrap();
        for statement in MIGRATIONS.iter().flat_map(|migration| migration.statements(Engine::Postgres)) {
            sqlx::query(&statement).execute(&pool).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        let journal = Arc::new(PostgresJournal::connect(&url).unwrap());
        Self { journal, pool, url, name, next: AtomicI64::new(1) }
    }

    /// Writes a batch of rows (topic, key, payload), and gives them positions.
    pub async fn write(&self, rows: &[(Option<&str>, String, String)]) {
        let entries = i64::try_from(rows.len()).unwrap();
        let position = self.next.fetch_add(entries, Relaxed);
        let batch = format!("eu_batch{position:09}");
        let mut transaction = self.pool.begin().await.unwrap();
        let statement = "INSERT INTO journal_batches (id, at, entries, position) VALUES ($1, $2, $3, $4)";
        sqlx::query(statement).bind(&batch).bind(AT).bind(entries).bind(position).execute(&mut *transaction).await.unwrap();
        let (mut topics, mut keys, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
        for (topic, key, payload) in rows {
            topics.push(topic.map(str::to_owned));
            keys.push(key.clone());
            payloads.push(payload.clone());
        }
        let statement = "INSERT INTO journal (batch, ordinal, topic, type, aggregate, version, payload, trace) \
             SELECT $1, number - 1, topic, 'booking.created', key, number, payload, '00-trace-' || number \
             FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS rows (topic, key, payload, number)";
        let inserting = sqlx::query(statement).bind(&batch).bind(topics).bind(keys).bind(payloads);
        inserting.execute(&mut *transaction).await.unwrap();
        let statement = "INSERT INTO sequencer (name, position, epoch) VALUES ('journal', $1, 'epoch') \
             ON CONFLICT (name) DO UPDATE SET position = GREATEST(sequencer.position, excluded.position)";
        sqlx::query(statement).bind(position + entries - 1).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Writes so many rows for a topic, 50 at a time, of 20 keys by turns; the payload is the row's number.
    pub async fn fill(&self, topic: &str, numbers: std::ops::Range<usize>) {
        let rows: Vec<_> = numbers.map(|number| (Some(topic), format!("key{}", number % 20), number.to_string())).collect();
        for rows in rows.chunks(50) {
            self.write(rows).await;
        }
    }

    /// Where the relay is.
    pub async fn place(&self) -> i64 {
        let place = sqlx::query_scalar("SELECT COALESCE(MAX(position), 0) FROM sequencer WHERE name = 'kafka'");
        place.fetch_one(&self.pool).await.unwrap()
    }

    pub async fn remove(self) {
        self.pool.close().await;
        self.journal.pool().close().await;
        let admin = PgPool::connect(&variable("MARQUEE_TEST_POSTGRES_URL")).await.unwrap();
        sqlx::query(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).execute(&admin).await.unwrap();
    }
}

/// The numbers that values are, without those that came twice.
pub fn numbers(read: &[Read]) -> BTreeSet<usize> {
    read.iter().map(|record| record.value.parse().unwrap()).collect()
}

/// Of each key, the values in the order in which they came.
pub fn by_key<'a>(records: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Vec<usize>> {
    let mut keys: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (key, value) in records {
        keys.entry(key.to_owned()).or_default().push(value.parse().unwrap());
    }
    keys
}

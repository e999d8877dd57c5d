//! A worker that a control plane rolls versions out to, while records come.

use crate::rolling::{Operator, instance};
use crate::versions::{Change, holding, pushed};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use test_support::fleet::{self, Node};
use test_support::kafka::Kafka;
use test_support::server::{self, fresh_folder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long each answer of the database takes: a version that has 10 ms for a batch never succeeds with one.
const DISTANCE: Duration = Duration::from_millis(6);
const TOPIC: &str = "user-events";
/// How long answers take says nothing where tests share a machine.
const AT_ONCE: &str = "application = \"marquee\"\ninterval = \"1s\"\n[[stages]]\nname = \"everything\"\n\
    [analysis]\nmin_requests = 0\nlatency = false\nerrors = false\n";

/// The URL of this database, farther away.
async fn far(database: &str) -> String {
    let (before, rest) = database.rsplit_once('@').unwrap_or(database.split_at("postgres://".len()));
    let before = if before.ends_with('/') { before.to_owned() } else { format!("{before}@") };
    let (server, name) = rest.split_once('/').unwrap();
    let server = if server.contains(':') { server.to_owned() } else { format!("{server}:5432") };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move {
                let ((mut asks, mut hears), (mut answers, mut takes)) = (client.into_split(), server.into_split());
                let back = async {
                    let mut piece = vec![0; 1 << 16];
                    while let Ok(length @ 1..) = answers.read(&mut piece).await {
                        tokio::time::sleep(DISTANCE).await;
                        if hears.write_all(&piece[..length]).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    _ = tokio::io::copy(&mut asks, &mut takes) => {}
                    () = back => {}
                }
            });
        }
    });
    format!("{before}{address}/{name}")
}

/// Publishes records one after the other until it is told to stop: how many those were.
struct Publisher {
    stop: Arc<AtomicBool>,
    publishing: JoinHandle<usize>,
}

impl Publisher {
    fn start(broker: &str) -> Self {
        let producer: ThreadedProducer<_> = ClientConfig::new().set("bootstrap.servers", broker).create().unwrap();
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let publishing = tokio::task::spawn_blocking(move || {
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                let (id, subject) = (format!("eu.{count}"), format!("subject-{}", count % 7));
                let headers = [
                    ("ce_specversion", "1.0"),
                    ("ce_id", &id),
                    ("ce_source", "/regions/eu"),
                    ("ce_type", "test.happened"),
                    ("ce_subject", &subject),
                    ("ce_time", "2030-01-01T00:00:00Z"),
                    ("ce_aggregateversion", "1"),
                ];
                let headers = headers
                    .iter()
                    .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(*value) }));
                let record = BaseRecord::to(TOPIC).key(&subject).payload("{}").headers(headers);
                producer.send(record).map_err(|(error, _)| error).unwrap();
                count += 1;
                std::thread::sleep(Duration::from_millis(40));
            }
            producer.flush(Duration::from_secs(20)).unwrap();
            count
        });
        Self { stop, publishing }
    }

    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.publishing.await.unwrap()
    }
}

/// Waits as long as a machine may take that does other things, too.
async fn until(what: &str, mut count: impl AsyncFnMut() -> (i64, i64), least: i64) -> (i64, i64) {
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        let counted = count().await;
        if counted.0 >= least {
            return counted;
        }
        assert!(Instant::now() < deadline, "{what}: still {counted:?} of {least}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many records a topic has.
async fn records(broker: String, topic: String) -> i64 {
    let counting = move || {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", broker).create().unwrap();
        let patience = Duration::from_secs(20);
        let metadata = consumer.fetch_metadata(Some(&topic), patience).unwrap();
        let partitions = metadata.topics()[0].partitions().iter();
        partitions.map(|partition| consumer.fetch_watermarks(&topic, partition.id(), patience).unwrap().1).sum()
    };
    tokio::task::spawn_blocking(counting).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_changes_versions_and_no_record_is_lost_or_done_twice() {
    let folder = fresh_folder("following");
    let hasty = Change { name: "hasty", from: "timeout_ms = 60000", to: "timeout_ms = 10", signed: true };
    let idle = Change { name: "idle", from: "source = \"worker.wasm\"", to: "source = \"hasher.wasm\"", signed: true };
    let [first, second, hasty, idle] = pushed(
        &folder,
        [
            holding("first", "hold_seconds = { default = \"600\" }", true),
            holding("second", "hold_seconds = { default = \"601\" }", true),
            hasty,
            idle,
        ],
    );
    fleet::certificates(&folder, &["eu/worker-0", "control/control-0"]);
    Operator::introduced(&folder);
    std::fs::write(folder.join("at-once.toml"), AT_ONCE).unwrap();
    let patient = AT_ONCE.replace("interval = \"1s\"", "interval = \"1h\"\nprogress_deadline = \"1d\"");
    std::fs::write(folder.join("patient.toml"), patient).unwrap();
    let control =
        [instance(&folder, "control-0", &server::empty_database(&fresh_folder("following-control")), r#"["release.pub"]"#)];
    let operator = Operator::of(&folder, &control);
    let kafka = Kafka::start().await;
    let database = server::empty_database(&folder);
    let text = format!(
        "name = \"worker-0\"\nregion = \"eu\"\ndata = \"worker-0\"\n[control]\nnodes = [{:?}]\n\
         [artifact]\nfrom = {first:?}\ntrusted_keys = [\"release.pub\"]\n[listen]\nadmin = \"127.0.0.1:0\"\n\
         [tls]\nauthority = \"ca.pem\"\ncertificate = \"worker-0.pem\"\nkey = \"worker-0.key\"\n\
         [kafka]\nbrokers = [{:?}]\npartitions = 4\n",
        control[0].addresses[0],
        kafka.broker(),
    );
    let environment = vec![("SPIN_VARIABLE_DATABASE".to_owned(), far(&database).await)];
    let (starting, of) = (folder.clone(), text.clone());
    let worker = tokio::task::spawn_blocking(move || Node::start("worker", &starting, "worker-0", &of, environment));
    let mut worker = worker.await.unwrap();
    let known = |_: Option<i32>, answer: &Value| answer["nodes"].as_array().is_some_and(|nodes| nodes.len() == 1);
    operator.until("the worker is known", 0, &["nodes"], known).await;
    let deployed = operator.ask(0, &["deploy", &first, "--plan", "at-once.toml", "--wait"]);
    assert_eq!(deployed["state"], "completed", "{deployed}");

    // Another version, while records come.
    let publisher = Publisher::start(&kafka.broker());
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&database).await.unwrap();
    let mut followed = async || {
        let count = sqlx::query_as::<_, (i64, i64)>("SELECT COUNT(*), COUNT(DISTINCT ce_id) FROM audit_log");
        count.fetch_one(&mut connection).await.unwrap()
    };
    until("records are followed", &mut followed, 20).await;
    let deployed = operator.ask(0, &["deploy", &second, "--plan", "at-once.toml", "--wait"]);
    assert_eq!(deployed["state"], "completed", "{deployed}");
    let (so_far, _) = followed().await;
    until("the second follows them", &mut followed, so_far + 20).await;

    // One with nobody in it who takes records is not switched to; one that fails with each of them goes back.
    let (code, _, said) = operator.run(0, &["deploy", &idle, "--plan", "at-once.toml", "--wait"]);
    assert!(code == Some(3) && said.contains("marquee:kafka/consumer"), "{code:?}: {said}");
    let (code, _, said) = operator.run(0, &["deploy", &hasty, "--plan", "at-once.toml", "--wait"]);
    assert!(code == Some(3) && said.contains("traps"), "{code:?}: {said}");

    // Started anew with such a one it is still there to be told to go back.
    operator.ask(0, &["deploy", &hasty, "--plan", "patient.toml"]);
    let serves = |release: u64| {
        move |_: Option<i32>, answer: &Value| {
            answer["nodes"][0]["serving"][0]["release"] == release && answer["nodes"][0]["away"] != true
        }
    };
    operator.until("the hasty one serves", 0, &["nodes"], serves(5)).await;
    let restarting = tokio::task::spawn_blocking(move || {
        worker.stop();
        worker.spawn();
        worker
    });
    let worker = restarting.await.unwrap();
    operator.ask(0, &["abort"]);
    operator.until("the second serves", 0, &["nodes"], serves(2)).await;

    let published = publisher.end().await as i64;
    assert_eq!(until("all records are followed", &mut followed, published).await, (published, published), "each once");
    assert_eq!(records(kafka.broker(), format!("{TOPIC}.dead-letter")).await, 0);
    let says = worker.says_of("application").await;
    assert!(says.contains(second.split_once('@').unwrap().1), "{says}");
}

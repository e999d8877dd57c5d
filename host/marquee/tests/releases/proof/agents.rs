//! One instance of the control plane and very many nodes' agents: the real ones, over a connection each, of nodes that only say that they do as they are told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ::fleet::{Tls, certificates};
use agent::{Agent, Host, Options, Refused};
use control::Client;
use futures::future::BoxFuture;
use rollout::protocol::{Counters, NodeDescription, NodeKind, Release, ReleaseId, Share};
use test_support::fleet;
use test_support::server::{self, fresh_folder};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::number;
use super::registry::Registry;
use super::versions::{Flaw, Shelf};

/// Agents of a test.
const FEW: u64 = 60;
/// Between two that start.
const APART: Duration = Duration::from_millis(2);
const TOKEN: &str = "token-of-the-operator-of-this-proof";

/// When each node first heard of each release.
type Heard = Arc<Mutex<BTreeMap<ReleaseId, Vec<Instant>>>>;

/// A node that has what it is told to have at once, and answers ten requests a second.
struct Node {
    description: NodeDescription,
    began: Instant,
    serving: Mutex<Vec<Share>>,
    heard: Heard,
}

impl Host for Node {
    fn describe(&self) -> NodeDescription {
        self.description.clone()
    }

    fn prepare<'a>(&'a self, release: &'a Release) -> BoxFuture<'a, Result<(), Refused>> {
        self.heard.lock().unwrap().entry(release.id).or_default().push(Instant::now());
        Box::pin(async { Ok(()) })
    }

    fn serve<'a>(&'a self, shares: &'a [Share]) -> BoxFuture<'a, Result<(), Refused>> {
        *self.serving.lock().unwrap() = shares.to_vec();
        Box::pin(async { Ok(()) })
    }

    fn counters(&self, release: ReleaseId) -> Counters {
        let share = self.serving.lock().unwrap().iter().find(|share| share.release == release).map_or(0, |share| share.weight);
        let requests = self.began.elapsed().as_secs() * 10 * u64::from(share) / 100;
        let latency = (0..40_u64).map(|bucket| requests * bucket / 780).collect();
        Counters { requests, errors: 0, traps: 0, restarts: 0, memory: 20 << 20, latency }
    }

    fn forget<'a>(&'a self, _: &'a [Release]) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

fn description(number: u64) -> NodeDescription {
    NodeDescription {
        kind: NodeKind::Edge,
        region: ["eu", "us"][usize::from(number % 2 == 1)].to_owned(),
        labels: BTreeMap::from([("tier".to_owned(), "many".to_owned())]),
        host: env!("CARGO_PKG_VERSION").to_owned(),
        interfaces: capabilities::interfaces(),
        ledger_wire: 1,
        schema: None,
        variables: ["accounts", "region"].map(str::to_owned).into(),
    }
}

/// Seconds of processor time that a process has had, and MiB of memory that it has now.
fn of_process(id: u32) -> (f64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let ticks: u64 =
        stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (ticks as f64 / 100.0, memory.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1_024)
}

fn start(folder: &Path, name: &str, number: u64, control: &str, heard: &Heard) -> Agent {
    let (certificate, key) = certificates::files(folder, name);
    let tls = Tls::load(&folder.join(certificates::AUTHORITY), &certificate, &key).unwrap();
    let node =
        Node { description: description(number), began: Instant::now(), serving: Mutex::default(), heard: Arc::clone(heard) };
    let options =
        Options { tls, control: vec![control.to_owned()], folder: folder.join("agents").join(name), host: Arc::new(node) };
    Agent::new(options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_agents_hear_of_a_version() {
    let count = number("MARQUEE_FLEET_AGENTS").unwrap_or(FEW);
    // As often as a fleet of that size is looked at.
    let interval = if count > 1_000 { 30 } else { 1 };
    let plan = format!(
        "application = \"work\"\ninterval = \"{interval}s\"\n[[stages]]\nname = \"everything\"\n[analysis]\nmin_requests = 0\nlatency = false\n"
    );
    let folder = super::ground::folder("agents");
    let registry = Registry::start(test_support::variable("MARQUEE_TEST_REGISTRY")).await;
    let shelf = Shelf::new(folder.clone(), test_support::variable("MARQUEE_TEST_REGISTRY"), false);
    let names: Vec<String> = (0..count).map(|number| format!("edge-{number}")).collect();
    fleet::certificates(&folder, &["control/control-0"]);
    for some in names.chunks(200) {
        // The authority writes down with each certificate all that it has issued, to be able to revoke them: nobody does here.
        std::fs::remove_file(folder.join("ca.json")).unwrap();
        fleet::certificates(&folder, &some.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let tokens = format!("[[tokens]]\nname = \"ops\"\nrole = \"admin\"\nsha256 = {:?}\n", crate::rolling::digest_of(TOKEN));
    std::fs::write(folder.join("tokens.toml"), tokens).unwrap();
    let database = server::empty_database(&fresh_folder("agents-control"));
    let control = crate::rolling::instance(&folder, "control-0", &database, r#"["release.pub"]"#);
    let operator = Client::new(&format!("http://{}", control.addresses[1]), TOKEN, None).unwrap();
    let status = async || operator.get("v1/status").await.map(|answer| answer.body).unwrap_or_default();

    let (heard, stop, tasks, began) = (Heard::default(), CancellationToken::new(), TaskTracker::new(), Instant::now());
    for (number, name) in (0..).zip(&names) {
        let agent = start(&folder, name, number, &control.addresses[0], &heard);
        let stop = stop.clone();
        tasks.spawn(async move { agent.run(stop).await });
        tokio::time::sleep(APART).await;
    }
    let known = async || status().await["nodes"]["known"] == count;
    while !known().await {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!("{count} agents: known after {:.0} s", began.elapsed().as_secs_f64());
    let idle = if count > 1_000 { 30 } else { 1 };
    let measured = async |what: &str, meanwhile: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let (before, began) = (of_process(control.id()).0, Instant::now());
        meanwhile.await;
        let (after, memory) = of_process(control.id());
        let seconds = began.elapsed().as_secs_f64();
        println!("control plane {what}: {:.2} cores for {seconds:.0} s, {memory} MiB", (after - before) / seconds);
    };
    measured("before anything is assigned", Box::pin(tokio::time::sleep(Duration::from_secs(idle)))).await;
    for (release, label) in [(1, "first"), (2, "second")] {
        let reference = shelf.put(Flaw::None, label, &registry);
        let began = Instant::now();
        let answer = operator
            .post("v1/deployments", &serde_json::json!({ "reference": reference, "variables": {}, "plan": plan }))
            .await
            .unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        let (heard, operator) = (Arc::clone(&heard), operator.clone());
        let over = Box::pin(async move {
            let of = |heard: &Heard| heard.lock().unwrap().get(&ReleaseId(release)).cloned().unwrap_or_default();
            while of(&heard).len() < usize::try_from(count).unwrap() {
                assert!(began.elapsed() < super::ground::PATIENCE, "{} of {count} have heard of it", of(&heard).len());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let mut after: Vec<f64> = of(&heard).iter().map(|at| at.duration_since(began).as_secs_f64()).collect();
            after.sort_by(f64::total_cmp);
            println!(
                "release {release}: known to half after {:.2} s, everywhere after {:.2} s",
                after[after.len() / 2],
                after[after.len() - 1]
            );
            while operator.get("v1/rollouts?limit=1").await.unwrap().body["rollouts"][0]["over"] != true {
                assert!(began.elapsed() < super::ground::PATIENCE, "it is not over");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            println!("release {release}: over after {:.1} s", began.elapsed().as_secs_f64());
        });
        measured(&format!("while release {release} is rolled out"), over).await;
        let last = operator_state(&status().await);
        assert_eq!(last, "completed");
    }
    measured("with all as it is to be", Box::pin(tokio::time::sleep(Duration::from_secs(idle)))).await;
    for (table, rows, size) in tables(&database).await {
        println!("{table}: {rows} rows, {} KiB", size / 1_024);
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

fn operator_state(status: &serde_json::Value) -> String {
    status["rollout"]["state"].as_str().unwrap_or_default().to_owned()
}

/// The control plane's tables: rows, and bytes with their indexes.
async fn tables(database: &str) -> Vec<(String, i64, i64)> {
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(database).await.unwrap();
    let names: Vec<(String,)> =
        sqlx::query_as("SELECT relname::TEXT FROM pg_class WHERE relkind = 'r' AND relname LIKE 'control_%' ORDER BY relname")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let mut tables = Vec::new();
    for (name,) in names {
        let statement = format!("SELECT (SELECT COUNT(*) FROM {name}), pg_total_relation_size('{name}')");
        let (rows, size) = sqlx::query_as(&statement).fetch_one(&mut connection).await.unwrap();
        tables.push((name, rows, size));
    }
    tables
}

//! A fleet under load while its nodes die, stand still and are restarted. Needs the Postgres that `MARQUEE_TEST_POSTGRES_URL` names.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it measured"
)]

use client::{Client, OnSale, eventually, unique};
use server::{Form, Server, fresh_folder};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use test_support::{client, fleet, server};

/// Holds in flight at once, half of them at each edge.
const WORKERS: usize = 8;
/// People that each of them holds for, one after the other, and how many places each person may hold.
const PEOPLE: usize = 6;
const LIMIT: usize = 1_000;
/// Places that are never all sold: a test is about answers, not about luck.
const CAPACITY: i64 = 1_000_000;

fn start(name: &str) -> Server {
    Server::start_in(Form::Fleet, fresh_folder(name), &[("hold_seconds", "3600")], &[])
}

/// What buyers were answered.
#[derive(Default)]
struct BuyerAnswers {
    /// Accepted: which buyer's, the key, and the whole answer.
    accepted: Vec<(usize, String, Vec<u8>)>,
    /// Sent, and neither accepted nor certainly not done: which buyer's, and the key.
    open: Vec<(usize, String)>,
    /// How many of each other status; none at all is 0.
    other: BTreeMap<u16, usize>,
    /// When the last one was accepted, and the longest time between two.
    last: Option<Instant>,
    pause: Duration,
}

impl BuyerAnswers {
    fn note(&mut self, buyer: usize, key: String, answer: Option<client::Answer>) {
        match answer {
            Some(answer) if answer.status == 201 => {
                let now = Instant::now();
                self.pause = self.pause.max(self.last.map_or(Duration::ZERO, |last| now - last));
                self.last = Some(now);
                self.accepted.push((buyer, key, answer.bytes));
            }
            Some(answer) => {
                if answer.status != 503 {
                    self.open.push((buyer, key));
                }
                *self.other.entry(answer.status.as_u16()).or_default() += 1;
            }
            None => {
                self.open.push((buyer, key));
                *self.other.entry(0).or_default() += 1;
            }
        }
    }
}

/// Runs `faults` while buyers hold one place after the other; gives what they heard.
async fn under_load(buyers: &[Client<'_>], show: &OnSale, faults: impl AsyncFnOnce(&AtomicUsize)) -> BuyerAnswers {
    let (heard, stopped, accepted) = (Mutex::new(BuyerAnswers::default()), AtomicBool::new(false), AtomicUsize::new(0));
    let buying = (0..WORKERS).map(async |worker| {
        for nth in 0.. {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            let at = worker + WORKERS * (nth / LIMIT);
            let (key, buyer) = (unique("key"), buyers.get(at).expect("people who may hold more"));
            let answer = buyer.try_post_with(&key, "/api/bookings", &show.order(1)).await;
            if answer.as_ref().is_some_and(|answer| answer.status == 201) {
                accepted.fetch_add(1, Ordering::Relaxed);
            }
            heard.lock().unwrap().note(at, key, answer);
        }
    });
    let faults = async {
        faults(&accepted).await;
        stopped.store(true, Ordering::Relaxed);
    };
    tokio::join!(futures::future::join_all(buying), faults);
    heard.into_inner().unwrap()
}

/// Waits until so many more have been accepted.
async fn more(accepted: &AtomicUsize, count: usize) {
    let wanted = accepted.load(Ordering::Relaxed) + count;
    eventually("bookings flow", async || accepted.load(Ordering::Relaxed), |now| *now >= wanted).await;
}

/// Ends or starts a node, which takes a while and would hold up the buyers.
async fn aside<T: Send + 'static>(server: &Arc<Server>, work: impl FnOnce(&mut fleet::Fleet) -> T + Send + 'static) -> T {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || work(&mut server.fleet())).await.unwrap()
}

/// Every accepted answer is given again, byte for byte; what was left open is one or the other; and no place is missing or sold twice.
async fn settle(buyers: &[Client<'_>], show: &OnSale, heard: &BuyerAnswers) {
    let mut held = heard.accepted.len();
    for (buyer, key, body) in &heard.accepted {
        let again = buyers[*buyer].post_with(key, "/api/bookings", &show.order(1)).await;
        assert_eq!(String::from_utf8_lossy(&again.bytes), String::from_utf8_lossy(body), "{key}");
    }
    for (buyer, key) in &heard.open {
        held += usize::from(buyers[*buyer].post_with(key, "/api/bookings", &show.order(1)).await.status == 201);
    }
    let taken = CAPACITY - i64::try_from(held).unwrap();
    for edge in &buyers[..2] {
        eventually("availability", async || show.available(edge).await, |free| *free == taken).await;
    }
}

async fn scene(server: &Server) -> (Vec<Client<'_>>, OnSale) {
    let (organiser, id) = Client::organiser(server).await;
    let show = OnSale::with(&organiser, &id, 100, CAPACITY, i64::try_from(LIMIT).unwrap()).await;
    let mut buyers = Vec::new();
    for at in 0..WORKERS * PEOPLE {
        let buyer = Client::register(server).await;
        buyers.push(if at % 2 == 0 { buyer } else { buyer.elsewhere() });
    }
    (buyers, show)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_takes_over_from_a_killed_or_paused_one_without_loss() {
    let server = Arc::new(start("killed"));
    let (buyers, show) = scene(&server).await;
    let heard = under_load(&buyers, &show, async |accepted| {
        for round in 0..4 {
            more(accepted, 50).await;
            // One of the two leads the event's partition, so every other kill is the leader's.
            let victim = round % 2;
            aside(&server, move |fleet| fleet.regions[victim].kill()).await;
            let killed = Instant::now();
            more(accepted, 1).await;
            eprintln!("a booking {:?} after the kill of node {victim}", killed.elapsed());
            aside(&server, move |fleet| fleet.regions[victim].spawn()).await;
        }
        for victim in 0..2 {
            more(accepted, 50).await;
            aside(&server, move |fleet| fleet.regions[victim].pause(true)).await;
            let paused = Instant::now();
            more(accepted, 1).await;
            eprintln!("a booking {:?} after node {victim} stood still", paused.elapsed());
            // It wakes up in the belief that it leads, and commits nothing.
            more(accepted, 20).await;
            aside(&server, move |fleet| fleet.regions[victim].pause(false)).await;
        }
        more(accepted, 50).await;
    })
    .await;
    eprintln!(
        "{} accepted, others {:?}, {} open, longest pause {:?}",
        heard.accepted.len(),
        heard.other,
        heard.open.len(),
        heard.pause
    );
    settle(&buyers, &show, &heard).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_no_request() {
    let server = Arc::new(start("rolling"));
    let (buyers, show) = scene(&server).await;
    let heard = under_load(&buyers, &show, async |accepted| {
        for at in [0, 1, 0, 1] {
            more(accepted, 50).await;
            let ended = aside(&server, move |fleet| fleet.regions[at].stop()).await;
            assert_eq!(ended.code(), Some(0), "stopped as asked");
            aside(&server, move |fleet| fleet.regions[at].spawn()).await;
        }
        more(accepted, 50).await;
    })
    .await;
    eprintln!("{} accepted, longest pause {:?}", heard.accepted.len(), heard.pause);
    assert!(heard.other.is_empty(), "not accepted: {:?}", heard.other);
    settle(&buyers, &show, &heard).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_without_its_region_serves_reads_and_refuses_sales() {
    let server = Arc::new(start("alone"));
    let (buyers, show) = scene(&server).await;
    let buyer = &buyers[0];
    eventually("the edge knows it", async || show.available(buyer).await, |free| *free == CAPACITY).await;
    aside(&server, |fleet| fleet.regions.iter_mut().for_each(fleet::Node::kill)).await;
    let page = Client::new(&server).get(&format!("/api/events/{}", show.id)).await;
    assert_eq!(page.status, 200);
    let key = unique("key");
    let refused = buyer.post_with(&key, "/api/bookings", &show.order(1)).await;
    assert!(refused.header("retry-after").is_some());
    refused.expect_problem(503, "unavailable");
    aside(&server, |fleet| fleet.regions.iter_mut().for_each(fleet::Node::spawn)).await;
    let held = eventually(
        "it sells again",
        async || buyer.post_with(&key, "/api/bookings", &show.order(1)).await,
        |it| it.status == 201,
    );
    held.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_switches_the_version_and_no_request_fails() {
    let folder = fresh_folder("versions");
    fleet::certificates(&folder, &["eu/eu-1", "edge-0"]);
    let copy = server::copy_of_the_application(&folder);
    let with_copy = |text: String| text.replace(&format!("{:?}", test_support::root().join("spin.toml")), &format!("{copy:?}"));
    let environment = vec![("SPIN_VARIABLE_DATABASE".to_owned(), server::empty_database(&folder))];
    let region = fleet::Node::start("region", &folder, "eu-1", &with_copy(fleet::region_config("eu-1")), environment);
    let nodes = [region.addresses[0].clone()];
    let edge = fleet::Node::start("edge", &folder, "edge-0", &with_copy(fleet::edge_config("edge-0", &nodes)), Vec::new());
    let (stopped, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    // One is the edge's own, the other its region's.
    let readers = ["/api/events", "/.well-known/jwks.json"].map(|path| format!("http://{}{path}", edge.addresses[0]));
    let readers = readers.iter().map(async |url| {
        while !stopped.load(Ordering::Relaxed) {
            assert_eq!(reqwest::get(url).await.unwrap().status(), 200, "{url}");
            asked.fetch_add(1, Ordering::Relaxed);
        }
    });
    let operator = async {
        let manifest = std::fs::read_to_string(&copy).unwrap();
        for node in [&region, &edge] {
            let before = node.says_of("application").await;
            assert!(before.contains("version "), "{before}");
            // Not fit: a component that is none.
            let auth = std::fs::read(folder.join("auth.wasm")).unwrap();
            std::fs::write(folder.join("auth.wasm"), b"not wasm").unwrap();
            node.reload();
            let log = || std::fs::read_to_string(node.log()).unwrap();
            eventually("it says why not", async || log(), |log| log.contains("the new version is not fit")).await;
            assert_eq!(node.says_of("application").await, before);
            std::fs::write(folder.join("auth.wasm"), auth).unwrap();
            // Fit: a variable has another value.
            std::fs::write(
                &copy,
                manifest.replace("hold_seconds = { default = \"600\" }", "hold_seconds = { default = \"601\" }"),
            )
            .unwrap();
            node.reload();
            eventually("it has another version", async || node.says_of("application").await, |says| *says != before).await;
            std::fs::write(&copy, &manifest).unwrap();
        }
        stopped.store(true, Ordering::Relaxed);
    };
    tokio::join!(futures::future::join_all(readers), operator);
    assert!(asked.load(Ordering::Relaxed) > 10);
}

/// What `marquee` answers, and how it ends.
fn marquee(folder: &std::path::Path, arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(test_support::marquee()).args(arguments).current_dir(folder).output().unwrap()
}

/// The one object that `marquee fleet … --output json` answers with.
fn answered(folder: &std::path::Path, arguments: &[&str]) -> serde_json::Value {
    let output = marquee(folder, &[&["fleet"], arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn nodes_run_what_a_trusted_key_has_signed_and_take_over_another_version() {
    let registry = std::env::var("MARQUEE_TEST_REGISTRY").expect(
        "MARQUEE_TEST_REGISTRY is not set: `cargo xtask test` sets it, and `cargo xtask services up --only registry` prints it",
    );
    let folder = fresh_folder("artifacts");
    let copy = server::copy_of_the_application(&folder);
    let repository = format!("{registry}/nodes-{}", std::process::id());
    let push = |tag: &str| {
        let pushed = answered(&folder, &["push", &format!("{repository}:{tag}"), "--manifest", copy.to_str().unwrap()]);
        (pushed["reference"].as_str().unwrap().to_owned(), pushed["layers_sent"].as_u64().unwrap())
    };
    answered(&folder, &["keygen", "release"]);
    let (first, _) = push("1");
    let unsigned = marquee(&folder, &["up", "--from", &first, "--trusted-key", "release.pub", "--data", "up", "--port", "0"]);
    let reason = String::from_utf8_lossy(&unsigned.stderr).lines().last().unwrap_or_default().to_owned();
    assert!(unsigned.status.code() == Some(1) && reason.contains("is not signed"), "{reason}");
    let sign = |reference: &str| answered(&folder, &["sign", reference, "--key", "release.key"]);
    sign(&first);
    assert_eq!(answered(&folder, &["verify", &first, "--key", "release.pub"])["reference"], first.as_str());

    fleet::certificates(&folder, &["eu/eu-1", "edge-0"]);
    let named = format!("application = {:?}\n", test_support::root().join("spin.toml"));
    let from = |text: String| {
        let artifact = format!("[artifact]\nfrom = {first:?}\ntrusted_keys = [\"release.pub\"]\n[listen]\n");
        text.replace(&named, "").replace("[listen]\n", &artifact)
    };
    let environment = vec![("SPIN_VARIABLE_DATABASE".to_owned(), server::empty_database(&folder))];
    let region = fleet::Node::start("region", &folder, "eu-1", &from(fleet::region_config("eu-1")), environment);
    let nodes = [region.addresses[0].clone()];
    let mut edge = fleet::Node::start("edge", &folder, "edge-0", &from(fleet::edge_config("edge-0", &nodes)), Vec::new());

    // Another version, of which little is new; nobody has signed it yet.
    let manifest = std::fs::read_to_string(&copy).unwrap();
    let changed = manifest.replace("hold_seconds = { default = \"600\" }", "hold_seconds = { default = \"601\" }");
    std::fs::write(&copy, changed).unwrap();
    let (second, sent) = push("2");
    assert!(sent <= 2, "no component is another: {sent}");
    let digest = |reference: &str| reference.split_once('@').unwrap().1.to_owned();
    for (node, name) in [(&region, "eu-1"), (&edge, "edge-0")] {
        let says = node.says_of("application").await;
        assert!(says.contains(&digest(&first)), "{says}");
        let file = folder.join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(&first, &second)).unwrap();
        node.reload();
        let log = || std::fs::read_to_string(node.log()).unwrap();
        eventually("it says why not", async || log(), |log| log.contains("is not signed")).await;
        assert_eq!(node.says_of("application").await, says);
    }
    sign(&second);
    let stopped = AtomicBool::new(false);
    // One is the edge's own, the other its region's.
    let readers = ["/api/events", "/.well-known/jwks.json"].map(|path| format!("http://{}{path}", edge.addresses[0]));
    let readers = readers.iter().map(async |url| {
        while !stopped.load(Ordering::Relaxed) {
            assert_eq!(reqwest::get(url).await.unwrap().status(), 200, "{url}");
        }
    });
    let operator = async {
        for node in [&region, &edge] {
            node.reload();
            let other = async || node.says_of("application").await;
            eventually("the signed version has the traffic", other, |says| says.contains(&digest(&second))).await;
        }
        stopped.store(true, Ordering::Relaxed);
    };
    tokio::join!(futures::future::join_all(readers), operator);
    edge.stop();
    edge.spawn();
    assert!(edge.says_of("application").await.contains(&digest(&second)), "it is there after a restart");
}

#[test]
fn a_node_is_identified_by_its_certificate() {
    let folder = fresh_folder("stranger");
    fleet::certificates(&folder, &["eu/eu-1", "edge-0"]);
    let config = folder.join("edge.toml");
    let text = "name = \"edge-0\"\ndata = \"data\"\n[listen]\npublic = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[tls]\nauthority = \"ca.pem\"\n\
                certificate = \"eu-1.pem\"\nkey = \"eu-1.key\"\n[[regions]]\nname = \"eu\"\nnodes = [\"127.0.0.1:1\"]\n";
    std::fs::write(&config, text).unwrap();
    let run = || {
        let output = std::process::Command::new(test_support::marquee()).args(["edge", "--config"]).arg(&config).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        (output.status.code(), said)
    };
    let (code, said) = run();
    assert!(code == Some(1) && said.contains("edge-0") && said.contains("marquee://region/eu/eu-1"), "{said}");
    std::fs::write(&config, text.replace("[[regions]]", "[[regoins]]")).unwrap();
    let (code, said) = run();
    assert!(code == Some(1) && said.contains("edge.toml"), "{said}");
}

/// Which answers there are to the same question by clients behind a trusted proxy.
async fn statuses(url: &str, method: reqwest::Method, token: &str, clients: impl Iterator<Item = String>) -> Vec<u16> {
    let (client, mut statuses) = (reqwest::Client::new(), Vec::new());
    for address in clients {
        let mut request = client.request(method.clone(), url).header("x-forwarded-for", address);
        request = match token {
            "" => request.json(&serde_json::json!({"email": "nobody@example.com", "password": client::PASSWORD})),
            token => request.bearer_auth(token),
        };
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_region_share_rate_counts_and_an_edge_counts_users() {
    let redis = std::env::var("MARQUEE_TEST_REDIS_URL").expect(
        "MARQUEE_TEST_REDIS_URL is not set: `cargo xtask test` sets it, and `cargo xtask services up --only redis` prints it",
    );
    let folder = fresh_folder("rates");
    fleet::certificates(&folder, &["eu/eu-1", "eu/eu-2", "edge-0"]);
    let environment = [("SPIN_VARIABLE_DATABASE", server::empty_database(&folder)), ("MARQUEE_REDIS", redis)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let few = "attempts = { per_minute = 1, burst = 5 }\n";
    let regions = ["eu-1", "eu-2"].map(|name| {
        let text = format!("{}[redis]\n[rates]\n{few}", fleet::region_config(name));
        fleet::Node::start("region", &folder, name, &text, environment.clone())
    });
    let nodes: Vec<_> = regions.iter().map(|node| node.addresses[0].clone()).collect();
    let text = format!("{}[rates]\nuser = {{ per_minute = 1, burst = 3 }}\n", fleet::edge_config("edge-0", &nodes));
    let proxies = vec![("MARQUEE_TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned())];
    let edge = fleet::Node::start("edge", &folder, "edge-0", &text, proxies);
    let at = |path: &str| format!("http://{}{path}", edge.addresses[0]);

    // Asked by turns, each node by itself would let through five.
    let stranger = std::iter::repeat_n(format!("198.51.100.{}", std::process::id() % 250), 12);
    let answers = statuses(&at("/api/auth/login"), reqwest::Method::POST, "", stranger).await;
    assert_eq!(answers, [[401; 5].as_slice(), &[429; 7]].concat());
    let other = std::iter::once("203.0.113.7".to_owned());
    assert_eq!(statuses(&at("/api/auth/login"), reqwest::Method::POST, "", other).await, [401]);

    // A user is the same from wherever.
    let account =
        serde_json::json!({"email": format!("{}@example.com", unique("rates")), "password": client::PASSWORD, "name": "Ada"});
    let made: serde_json::Value =
        reqwest::Client::new().post(at("/api/auth/register")).json(&account).send().await.unwrap().json().await.unwrap();
    let token = made["access_token"].as_str().unwrap();
    let everywhere = (1..=5).map(|number| format!("203.0.113.{number}"));
    assert_eq!(statuses(&at("/api/bookings"), reqwest::Method::GET, token, everywhere).await, [200, 200, 200, 429, 429]);

    let admin = regions[0].addresses.last().unwrap();
    let detail = reqwest::get(format!("http://{admin}/health/detailed")).await.unwrap().text().await.unwrap();
    assert!(detail.contains("counting requests, caching snapshots"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edges_breaker_stays_open_as_configured() {
    let folder = fresh_folder("patience");
    fleet::certificates(&folder, &["eu/eu-1", "edge-0", "edge-1"]);
    let environment = vec![("SPIN_VARIABLE_DATABASE".to_owned(), server::empty_database(&folder))];
    let mut region = fleet::Node::start("region", &folder, "eu-1", &fleet::region_config("eu-1"), environment);
    let nodes = [region.addresses[0].clone()];
    let edge = |name: &str, more: &str| {
        let text = format!("{}[breakers]\n{more}", fleet::edge_config(name, &nodes));
        fleet::Node::start("edge", &folder, name, &text, Vec::new())
    };
    let patient = edge("edge-0", "regions = { open_ms = 600000, longest_ms = 600000 }\n");
    let usual = edge("edge-1", "");
    let state = async |edge: &fleet::Node, state: &str| {
        let url = format!("http://{}/metrics/circuit-breakers", edge.addresses.last().unwrap());
        let breakers: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let name = format!("eu/{}", nodes[0]);
        breakers["breakers"].as_array().unwrap().iter().any(|line| line["name"] == *name && line["state"] == state)
    };
    region.kill();
    eventually("both have noticed", async || state(&patient, "open").await && !state(&usual, "closed").await, |it| *it).await;
    region.spawn();
    eventually("one tries again by itself", async || state(&usual, "closed").await, |it| *it).await;
    assert!(state(&patient, "open").await);
    let admin = format!("http://{}", patient.addresses.last().unwrap());
    let reset = reqwest::Client::new().post(format!("{admin}/metrics/circuit-breakers/reset")).header("origin", admin);
    assert!(reset.send().await.unwrap().status().is_success());
    eventually("the other one once it is told to", async || state(&patient, "closed").await, |it| *it).await;
}

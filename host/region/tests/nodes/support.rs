//! A region of nodes with pretended ledgers, and a network that is function calls.

use contracts::Failure;
use contracts::Ledger;
use futures::future::BoxFuture;
use region::coordinator::{Answer, Coordinator, Decide, Membership, Options, Peers, Shared};
use region::{Database, migrate};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vocabulary::booking::{Action, Command, Outcome, Receipt, Rejection, Subject};

pub const PARTITIONS: usize = 16;

const MISSING: &str =
    "MARQUEE_TEST_POSTGRES_URL is not set: `cargo xtask test` sets it, and `cargo xtask services up --only postgres` prints it";

/// The URL of a new, empty database.
pub async fn empty_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("MARQUEE_TEST_POSTGRES_URL").expect(MISSING);
    let name = format!("nodes_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&server).await.unwrap();
    for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        sqlx::query(&statement).execute(&mut admin).await.unwrap();
    }
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

/// A region: its database, what was decided in it, and who is where.
#[derive(Clone)]
pub struct Region {
    pub url: Arc<str>,
    pub book: Arc<DecisionLog>,
    net: Arc<LocalPeers>,
}

/// What was decided, and by whom.
#[derive(Default)]
pub struct DecisionLog {
    /// Keys of each event, in the order in which they were decided.
    pub decided: Mutex<BTreeMap<String, Vec<String>>>,
    /// How many each node has decided.
    pub by_node: Mutex<BTreeMap<String, usize>>,
    /// Commands whose key had been decided already.
    pub again: AtomicUsize,
    /// The node whose ledger does not answer a command with the key [`STUCK`] while it stands here.
    pub stuck: Mutex<Option<String>>,
}

/// See [`DecisionLog::stuck`].
pub const STUCK: &str = "stuck";

/// Addresses are names.
#[derive(Default)]
struct LocalPeers {
    nodes: Mutex<BTreeMap<String, Coordinator>>,
    handed_on: AtomicUsize,
}

impl Peers for LocalPeers {
    fn apply<'a>(&'a self, address: &'a str, commands: Vec<Command>) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            self.handed_on.fetch_add(commands.len(), Ordering::Relaxed);
            let node = self.nodes.lock().unwrap().get(address).cloned();
            match node {
                Some(node) => node.decide_here(commands).await,
                None => commands.iter().map(|_| Err(Rejection::Unavailable(50))).collect(),
            }
        })
    }
}

/// Takes about as long as a commit.
struct PretendedLedger {
    node: String,
    book: Arc<DecisionLog>,
}

impl Decide for PretendedLedger {
    async fn decide(&mut self, commands: Vec<Command>) -> Result<Vec<Answer>, Failure> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let is_stuck = || self.book.stuck.lock().unwrap().as_ref() == Some(&self.node);
        while commands.iter().any(|command| command.idempotency_key == STUCK) && is_stuck() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        *self.book.by_node.lock().unwrap().entry(self.node.clone()).or_default() += commands.len();
        let mut decided = self.book.decided.lock().unwrap();
        let receipt = |command: Command| {
            let keys = decided.entry(command.event_id).or_default();
            let known = keys.iter().position(|key| *key == command.idempotency_key);
            self.book.again.fetch_add(usize::from(known.is_some()), Ordering::Relaxed);
            let version = known.unwrap_or_else(|| {
                keys.push(command.idempotency_key);
                keys.len() - 1
            });
            Ok(Receipt { version: version as u64, replayed: known.is_some(), outcome: Outcome::Swept(0) })
        };
        Ok(commands.into_iter().map(receipt).collect())
    }

    fn forget(&mut self) {}
}

/// One node.
pub struct Node {
    pub name: String,
    pub coordinator: Coordinator,
    pub stop: CancellationToken,
    running: JoinHandle<()>,
    paused: Arc<PauseSwitch>,
}

#[derive(Default)]
struct PauseSwitch(AtomicBool, Mutex<Option<Waker>>);

/// A future that is not polled while it is paused.
struct Pausable<F>(Pin<Box<F>>, Arc<PauseSwitch>);

impl<F: Future> Future for Pausable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        *self.1.1.lock().unwrap() = Some(context.waker().clone());
        if self.1.0.load(Ordering::SeqCst) { Poll::Pending } else { self.0.as_mut().poll(context) }
    }
}

impl Region {
    /// An empty one; none where there is no server.
    pub async fn new() -> Self {
        Self { url: empty_database().await.into(), book: Arc::default(), net: Arc::default() }
    }

    /// Starts a node as a process would.
    pub async fn node(&self, name: &str) -> Node {
        let database = Database::postgres(&self.url).await.unwrap();
        migrate(&database).await.unwrap();
        let peers = Arc::clone(&self.net) as Arc<dyn Peers>;
        let service = Options {
            partitions: PARTITIONS,
            membership: Membership::Shared(Shared { database, name: name.to_owned(), address: name.to_owned(), peers }),
            metrics: Arc::new(Metrics::new().unwrap()),
            wake: None,
            epoch: None,
        };
        let service = service.build().await.unwrap();
        let (coordinator, stop, paused) = (service.handle(), CancellationToken::new(), Arc::<PauseSwitch>::default());
        self.net.nodes.lock().unwrap().insert(name.to_owned(), coordinator.clone());
        let (book, node) = (Arc::clone(&self.book), name.to_owned());
        let ledger = move || PretendedLedger { node: node.clone(), book: Arc::clone(&book) };
        let running = tokio::spawn(Pausable(Box::pin(service.run(ledger, stop.clone())), Arc::clone(&paused)));
        Node { name: name.to_owned(), coordinator, stop, running, paused }
    }

    /// A node is gone, and says nothing.
    pub async fn kill(&self, node: Node) {
        self.net.nodes.lock().unwrap().remove(&node.name);
        node.running.abort();
        _ = node.running.await;
    }

    pub fn handed_on(&self) -> usize {
        self.net.handed_on.load(Ordering::Relaxed)
    }
}

impl Node {
    pub fn led(&self) -> usize {
        self.coordinator.led().0
    }

    /// It does not do anything about leases any more.
    pub fn pause(&self) {
        self.paused.0.store(true, Ordering::SeqCst);
    }

    pub fn resume(&self) {
        self.paused.0.store(false, Ordering::SeqCst);
        if let Some(waker) = self.paused.1.lock().unwrap().take() {
            waker.wake();
        }
    }

    /// Returns once the service has ended.
    pub async fn ended(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(30), self.running).await.unwrap().unwrap();
    }
}

pub fn command(event: &str, key: &str) -> Command {
    Command::new(Subject::Platform, key, event, 4_000_000_000_000_000, Action::Expire)
}

/// Waits for something that other tasks bring about.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Nodes have these numbers of partitions, in this order.
pub async fn until_led(nodes: &[&Node], expected: &[usize]) {
    let mut last = Vec::new();
    let waiting = async {
        while last != expected {
            tokio::time::sleep(Duration::from_millis(2)).await;
            last = nodes.iter().map(|node| node.led()).collect();
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(outcome.is_ok(), "expected {expected:?}, is {last:?}");
}

/// What callers have seen.
#[derive(Default)]
pub struct CallerCounts {
    pub answered: AtomicUsize,
    pub unavailable: AtomicUsize,
}

/// Callers that each send one key after the other to their own event, always by the node that is said, until `stop`. Whoever is told that nothing
/// was done asks again; whoever hears anything else than a new receipt, fails.
pub fn load(
    coordinators: &[Coordinator],
    callers: usize,
    seen: &Arc<CallerCounts>,
    stop: &CancellationToken,
) -> Vec<JoinHandle<usize>> {
    let caller = |number: usize| {
        let (coordinator, seen, stop) = (coordinators[number % coordinators.len()].clone(), Arc::clone(seen), stop.clone());
        tokio::spawn(async move {
            let event = format!("eu_{number}");
            let mut key = 0;
            while !stop.is_cancelled() {
                match &coordinator.apply(vec![command(&event, &key.to_string())]).await[..] {
                    [Ok(receipt)] => {
                        assert!(!receipt.replayed, "{event} {key} was done and not said to be");
                        assert_eq!(receipt.version, key, "{event} in the order of its keys");
                        seen.answered.fetch_add(1, Ordering::Relaxed);
                        key += 1;
                    }
                    [Err(Rejection::Unavailable(_))] => {
                        seen.unavailable.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    other => panic!("{event} {key}: {other:?}"),
                }
            }
            usize::try_from(key).unwrap()
        })
    };
    (0..callers).map(caller).collect()
}

/// Ends the load. Everything that was accepted was decided once, in order.
pub async fn finish(load: Vec<JoinHandle<usize>>, stop: &CancellationToken, region: &Region) {
    stop.cancel();
    for (number, caller) in load.into_iter().enumerate() {
        let keys: Vec<String> = (0..caller.await.unwrap()).map(|key| key.to_string()).collect();
        let decided = region.book.decided.lock().unwrap();
        assert_eq!(decided[&format!("eu_{number}")], keys);
    }
    assert_eq!(region.book.again.load(Ordering::Relaxed), 0);
}

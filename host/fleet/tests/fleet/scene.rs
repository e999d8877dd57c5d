//! A region of two nodes, an edge that asks them, and the wires between.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contracts::Ledger as _;
use fleet::client::{self, Route};
use fleet::{Client, Identity, NodeAddress, RemoteRegion, Server, Tls, certificates, server};
use telemetry::{BreakerState, Metrics};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vocabulary::booking::Command;

use crate::fakes::{Answer, Database, FakeAccounts, FakeLedger, FakeRegion, FakeSource, FakeVerifier};
use crate::proxy::Proxy;

/// Certificates of one authority.
pub struct Folder(TempDir);

impl Folder {
    pub fn new(nodes: &[Identity]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates::make(folder.path(), nodes, 1).unwrap();
        Self(folder)
    }

    pub fn authority(&self) -> PathBuf {
        self.0.path().join(certificates::AUTHORITY)
    }

    pub fn tls(&self, name: &str) -> Tls {
        let (certificate, key) = certificates::files(self.0.path(), name);
        Tls::load(&self.authority(), &certificate, &key).unwrap()
    }

    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }
}

/// The nodes of all scenes.
pub fn nodes() -> Vec<Identity> {
    vec![
        Identity::region_node("eu", "eu-1").unwrap(),
        Identity::region_node("eu", "eu-2").unwrap(),
        Identity::region_node("us", "us-1").unwrap(),
        Identity::edge_node("edge-0").unwrap(),
        Identity::control_node("control-1").unwrap(),
    ]
}

/// A node of the region, and the wire to it.
pub struct Node {
    pub name: String,
    pub ledger: Arc<FakeLedger>,
    pub decide: Arc<FakeLedger>,
    pub region: Arc<FakeRegion>,
    pub wire: Proxy,
    /// Whether it can answer.
    pub ready: Arc<AtomicBool>,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
}

impl Node {
    pub async fn new(tls: Tls, database: &Database, source: &Arc<FakeSource>) -> Self {
        Self::starting(tls, database, source, true).await
    }

    pub async fn starting(tls: Tls, database: &Database, source: &Arc<FakeSource>, ready: bool) -> Self {
        let ready = Arc::new(AtomicBool::new(ready));
        let is_ready = Arc::clone(&ready);
        let name = tls.identity().name().to_owned();
        let (ledger, decide, region) = (FakeLedger::new(database), FakeLedger::new(database), FakeRegion::new(&name));
        let server = Server::new(server::Options {
            tls,
            ledger: Arc::clone(&ledger) as _,
            decide: Arc::clone(&decide) as _,
            verifier: Arc::new(FakeVerifier),
            region: Arc::clone(&region) as _,
            accounts: FakeAccounts::new(&name),
            feed: Arc::clone(source) as _,
            ready: Arc::new(move || is_ready.load(Ordering::Relaxed)),
            drain: Duration::from_secs(20),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Proxy::new(listener.local_addr().unwrap()).await;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.unwrap().serve(listener, stop.clone()));
        Self { name, ledger, decide, region, wire, ready, stop, serving }
    }

    pub fn address(&self) -> NodeAddress {
        NodeAddress { name: self.name.clone(), address: self.wire.address.to_string() }
    }
}

/// Who asks, at work until it is dropped.
pub struct TestClient {
    pub region: RemoteRegion,
    pub metrics: Arc<Metrics>,
    pub tls: Tls,
    _stop: tokio_util::sync::DropGuard,
}

impl TestClient {
    pub fn new(tls: Tls, region: &str, nodes: Vec<NodeAddress>, route: Route) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let options = client::Options {
            tls: tls.clone(),
            region: region.to_owned(),
            nodes,
            route,
            breaker: fleet::limits::BREAKER,
            metrics: Arc::clone(&metrics),
        };
        let client = Client::new(options).unwrap();
        client.register(&telemetry::Health::default());
        let (region, stop) = (client.handle(), CancellationToken::new());
        tokio::spawn(client.run(stop.clone()));
        Self { region, metrics, tls, _stop: stop.drop_guard() }
    }

    pub async fn until(&self, name: &str, wanted: impl Fn(BreakerState) -> bool) {
        while !self.region.breakers().iter().any(|(node, state)| node == name && wanted(*state)) {
            tokio::task::yield_now().await;
        }
    }
}

/// Two nodes of the region `eu` on one database, and an edge.
pub struct Scene {
    pub database: Database,
    pub source: Arc<FakeSource>,
    pub nodes: Vec<Node>,
    pub edge: TestClient,
    pub folder: Folder,
}

impl Scene {
    /// With so many nodes, at most two; all of them can be asked.
    pub async fn new(count: usize) -> Self {
        let folder = Folder::new(&nodes());
        let (database, source) = (Database::default(), FakeSource::new());
        let mut nodes = Vec::new();
        for name in ["eu-1", "eu-2"].iter().take(count) {
            nodes.push(Node::new(folder.tls(name), &database, &source).await);
        }
        let addresses = nodes.iter().map(Node::address).collect();
        let edge = TestClient::new(folder.tls("edge-0"), "eu", addresses, Route::Ledger);
        for node in &nodes {
            edge.until(&node.name, |state| state == BreakerState::Closed).await;
        }
        let mut scene = Self { database, source, nodes, edge, folder };
        // The node that the edge keeps to comes first.
        if count > 1 {
            scene.apply("first", "which").await.unwrap();
            let home = scene.nodes.iter().position(|node| !node.ledger.keys().is_empty()).unwrap();
            scene.nodes.swap(0, home);
            scene.nodes[0].ledger.calls.lock().unwrap().clear();
            scene.nodes[0].ledger.arrived(1).await;
        }
        scene
    }

    pub async fn apply(&self, event: &str, key: &str) -> Answer {
        self.edge.region.apply(vec![crate::fakes::command(event, key)]).await.remove(0)
    }

    /// The same, on its own.
    pub fn applying(&self, commands: Vec<Command>) -> JoinHandle<Vec<Answer>> {
        let region = self.edge.region.clone();
        tokio::spawn(async move { region.apply(commands).await })
    }
}

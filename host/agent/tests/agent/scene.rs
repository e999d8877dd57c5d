//! A simulated control plane, and a simulated node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::{Agent, Error, Host, Options, Refused};
use bytes::Bytes;
use fleet::control::{self, Call, respond};
use fleet::{Identity, Tls, certificates};
use futures::future::BoxFuture;
use http::StatusCode;
use rollout::protocol::{
    Assignment, Counters, Needs, NodeDescription, NodeKind, Phase, Release, ReleaseId, Report, SYNC, Share, Stamp,
};
use telemetry::{Health, Metrics, rollouts};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn assignment((epoch, revision): (u64, u64), releases: &[u64], shares: &[(u64, u8)]) -> Assignment {
    let release = |id: &u64| Release {
        id: ReleaseId(*id),
        reference: format!("r.example/a@sha256:{id:064}"),
        variables: BTreeMap::new(),
        needs: Needs::default(),
    };
    Assignment {
        stamp: Stamp { epoch, revision },
        releases: releases.iter().map(release).collect(),
        serving: shares.iter().map(|(id, weight)| Share { release: ReleaseId(*id), weight: *weight }).collect(),
        report_ms: 250,
    }
}

/// What an agent has said, and who it is.
#[derive(Clone)]
pub struct Told {
    pub peer: String,
    pub report: Report,
}

impl Told {
    pub fn serves(&self) -> Vec<(u64, u8)> {
        pairs(&self.report.serving)
    }
}

pub fn phase(told: &Told, release: u64) -> Phase {
    let reported = told.report.releases.iter().find(|reported| reported.release == ReleaseId(release));
    reported.map_or(Phase::Preparing, |reported| reported.phase.clone())
}

fn pairs(shares: &[Share]) -> Vec<(u64, u8)> {
    shares.iter().map(|share| (share.release.0, share.weight)).collect()
}

/// Certificates, and the agents' folders.
pub struct Scene {
    certificates: TempDir,
    data: TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let certificates = tempfile::tempdir().unwrap();
        let nodes = [
            Identity::edge_node("edge-0").unwrap(),
            Identity::region_node("eu", "eu-1").unwrap(),
            Identity::control_node("control-1").unwrap(),
            Identity::control_node("control-2").unwrap(),
        ];
        certificates::make(certificates.path(), &nodes, 1).unwrap();
        Self { certificates, data: tempfile::tempdir().unwrap() }
    }

    fn tls(&self, name: &str) -> Tls {
        let (certificate, key) = certificates::files(self.certificates.path(), name);
        Tls::load(&self.certificates.path().join(certificates::AUTHORITY), &certificate, &key).unwrap()
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    pub async fn control(&self, name: &str) -> Control {
        self.control_at(name, "127.0.0.1:0").await
    }

    pub async fn control_at(&self, name: &str, address: &str) -> Control {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address.parse().unwrap()).unwrap();
        Control::new(self.tls(name), socket.listen(16).unwrap())
    }

    pub fn agent(&self, name: &str, control: Vec<String>) -> (Result<Agent, Error>, Arc<FakeHost>) {
        self.measured(name, control, rollouts::Agent::new().unwrap())
    }

    fn measured(&self, name: &str, control: Vec<String>, metrics: rollouts::Agent) -> (Result<Agent, Error>, Arc<FakeHost>) {
        let kind = if name.starts_with("edge") { NodeKind::Edge } else { NodeKind::Region };
        let host = Arc::new(FakeHost { kind, ..FakeHost::default() });
        let options =
            Options { tls: self.tls(name), control, folder: self.folder(name), host: Arc::clone(&host) as Arc<dyn Host> };
        (Agent::measured(options, metrics), host)
    }

    pub fn node(&self, name: &str, control: &[&Control]) -> Node {
        self.node_at(name, control.iter().map(|control| control.address.clone()).collect())
    }

    pub fn node_at(&self, name: &str, control: Vec<String>) -> Node {
        let (own, metrics) = (rollouts::Agent::new().unwrap(), Metrics::new().unwrap());
        own.register(&metrics).unwrap();
        let (agent, host) = self.measured(name, control, own);
        let (agent, health, stop) = (agent.unwrap(), Health::default(), CancellationToken::new());
        agent.register(&health);
        let running = tokio::spawn(agent.run(stop.clone()));
        Node { host, health, metrics, stop, running }
    }
}

/// An instance of the control plane.
pub struct Control {
    pub address: String,
    assigned: watch::Sender<Option<Assignment>>,
    told: mpsc::UnboundedReceiver<Told>,
    all: Vec<Told>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Control {
    fn new(tls: Tls, listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let (assigned, stop) = (watch::Sender::new(None::<Assignment>), CancellationToken::new());
        let (says, told) = mpsc::unbounded_channel();
        let (known, stopping) = (assigned.clone(), stop.clone());
        let answer = move |call: Call| {
            let (says, mut known, stopping) = (says.clone(), known.subscribe(), stopping.clone());
            async move {
                assert_eq!((call.path.as_str(), call.method.as_str()), (SYNC, "POST"));
                let report: Report = serde_json::from_slice(&call.body).unwrap();
                let (wait, has) = (report.wait, report.known);
                _ = says.send(Told { peer: call.peer.to_string(), report });
                // One that is behind sends what it has to who has nothing of that epoch: agents have to see for themselves.
                let newer = |assigned: &Option<Assignment>| {
                    assigned
                        .as_ref()
                        .filter(|assigned| assigned.stamp != has)
                        .map(|assigned| serde_json::to_vec(assigned).unwrap())
                };
                let now = newer(&known.borrow_and_update());
                if let Some(assignment) = now {
                    return respond(StatusCode::OK, assignment.into());
                }
                if wait {
                    tokio::select! {
                        changed = known.changed() => changed.unwrap(),
                        () = stopping.cancelled() => return respond(StatusCode::SERVICE_UNAVAILABLE, Bytes::new()),
                        () = tokio::time::sleep(rollout::limits::LONG_POLL) => {}
                    }
                    let now = newer(&known.borrow());
                    if let Some(assignment) = now {
                        return respond(StatusCode::OK, assignment.into());
                    }
                }
                respond(StatusCode::NO_CONTENT, Bytes::new())
            }
        };
        let options = control::Options { body_bytes: rollout::limits::REPORT_BYTES, drain: PATIENCE };
        let until = stop.clone();
        let serving = tokio::spawn(async move { control::serve(listener, tls, options, answer, until).await.unwrap() });
        Self { address, assigned, told, all: Vec::new(), stop, serving }
    }

    pub fn assign(&self, assignment: Assignment) {
        self.assigned.send_replace(Some(assignment));
    }

    /// The first report from now on that is so.
    pub async fn until(&mut self, is_so: impl Fn(&Told) -> bool) -> Told {
        let waiting = async {
            loop {
                let told = self.told.recv().await.unwrap();
                self.all.push(told.clone());
                if is_so(&told) {
                    return told;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("no report is so")
    }

    /// Waits until so many more reports have come.
    pub async fn until_answered(&mut self, reports: usize) {
        for _ in 0..reports {
            self.until(|_| true).await;
        }
    }

    pub fn all(&self) -> &[Told] {
        &self.all
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

/// A node at work until it is dropped.
pub struct Node {
    pub host: Arc<FakeHost>,
    health: Health,
    metrics: Metrics,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Node {
    pub fn health(&self) -> String {
        self.health.lines().into_iter().map(|line| line.finding.detail.into_owned()).collect()
    }

    /// What its metrics say of the agent, a line each.
    pub fn metrics(&self) -> Vec<String> {
        let text = String::from_utf8(self.metrics.render().unwrap()).unwrap();
        text.lines().filter(|line| line.starts_with("marquee_agent_")).map(str::to_owned).collect()
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.running).await.unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a node is told, and what it is to make of it.
pub struct FakeHost {
    kind: NodeKind,
    preparing: watch::Sender<Vec<u64>>,
    serving: watch::Sender<Vec<(u64, u8)>>,
    kept: watch::Sender<Vec<u64>>,
    failures: Mutex<BTreeMap<u64, VecDeque<Refused>>>,
    hanging: Mutex<BTreeSet<u64>>,
    refusing: Mutex<VecDeque<Refused>>,
}

impl Default for FakeHost {
    fn default() -> Self {
        Self {
            kind: NodeKind::Edge,
            preparing: watch::Sender::default(),
            serving: watch::Sender::default(),
            kept: watch::Sender::default(),
            failures: Mutex::default(),
            hanging: Mutex::default(),
            refusing: Mutex::default(),
        }
    }
}

async fn until<T: Send + Sync>(changing: &watch::Sender<T>, is_so: impl Fn(&T) -> bool) {
    let mut changes = changing.subscribe();
    tokio::time::timeout(PATIENCE, changes.wait_for(is_so)).await.expect("it never is so").unwrap();
}

impl FakeHost {
    pub fn fails(&self, release: u64, refused: Refused) {
        self.failures.lock().unwrap().entry(release).or_default().push_back(refused);
    }

    pub fn hangs(&self, release: u64) {
        self.hanging.lock().unwrap().insert(release);
    }

    pub fn refuses_to_serve(&self, refused: Refused) {
        self.refusing.lock().unwrap().push_back(refused);
    }

    pub fn prepared(&self) -> Vec<u64> {
        self.preparing.borrow().clone()
    }

    pub fn serving(&self) -> Vec<(u64, u8)> {
        self.serving.borrow().clone()
    }

    pub async fn until_preparing(&self, release: u64) {
        until(&self.preparing, |preparing| preparing.contains(&release)).await;
    }

    pub async fn until_serving(&self, shares: &[(u64, u8)]) {
        until(&self.serving, |serving| serving == shares).await;
    }

    pub async fn until_kept(&self, releases: &[u64]) {
        until(&self.kept, |kept| kept == releases).await;
    }
}

impl Host for FakeHost {
    fn describe(&self) -> NodeDescription {
        NodeDescription {
            kind: self.kind,
            region: "eu".to_owned(),
            labels: BTreeMap::new(),
            host: "0.1.0".to_owned(),
            interfaces: BTreeSet::new(),
            ledger_wire: 5,
            schema: None,
            variables: BTreeSet::new(),
        }
    }

    fn prepare<'a>(&'a self, release: &'a Release) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async {
            let id = release.id.0;
            self.preparing.send_modify(|preparing| preparing.push(id));
            if self.hanging.lock().unwrap().contains(&id) {
                std::future::pending::<()>().await;
            }
            let failure = self.failures.lock().unwrap().get_mut(&id).and_then(VecDeque::pop_front);
            failure.map_or(Ok(()), Err)
        })
    }

    fn serve<'a>(&'a self, shares: &'a [Share]) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async {
            if let Some(refused) = self.refusing.lock().unwrap().pop_front() {
                return Err(refused);
            }
            let prepared = self.prepared();
            assert!(shares.iter().all(|share| prepared.contains(&share.release.0)));
            self.serving.send_replace(pairs(shares));
            Ok(())
        })
    }

    fn counters(&self, release: ReleaseId) -> Counters {
        Counters { requests: release.0, ..Counters::default() }
    }

    fn forget<'a>(&'a self, kept: &'a [Release]) -> BoxFuture<'a, ()> {
        Box::pin(async { _ = self.kept.send_replace(kept.iter().map(|release| release.id.0).collect()) })
    }
}

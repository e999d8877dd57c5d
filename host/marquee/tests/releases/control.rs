//! A control plane that says to each node what the test wants, and hears what it says.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fleet::control::{Call, Options, respond, serve};
use fleet::{Tls, certificates};
use http::StatusCode;
use rollout::protocol::{Assignment, Needs, Release, ReleaseId, Report, Share, Value};
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what has to come: whole versions are compiled, on a machine that does other things, too.
const PATIENCE: Duration = Duration::from_secs(240);

/// A release whose variables are these secrets of the node's.
pub fn release(id: u64, reference: &str, secrets: &[(&str, &str)]) -> Release {
    let secret = |(name, secret): &(&str, &str)| ((*name).to_owned(), Value::Secret { secret: (*secret).to_owned() });
    Release {
        id: ReleaseId(id),
        reference: reference.to_owned(),
        variables: secrets.iter().map(secret).collect(),
        needs: Needs::default(),
    }
}

pub fn shares(shares: &[(u64, u8)]) -> Vec<Share> {
    shares.iter().map(|(release, weight)| Share { release: ReleaseId(*release), weight: *weight }).collect()
}

pub fn serving(report: &Report) -> Vec<(u64, u8)> {
    report.serving.iter().map(|share| (share.release.0, share.weight)).collect()
}

pub struct Control {
    pub address: String,
    assigned: watch::Sender<BTreeMap<String, Assignment>>,
    heard: mpsc::UnboundedReceiver<(String, Report)>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Control {
    /// With the certificate of `control-1`, which is in the folder.
    pub async fn start(folder: &Path, address: &str) -> Self {
        let (certificate, key) = certificates::files(folder, "control-1");
        let tls = Tls::load(&folder.join(certificates::AUTHORITY), &certificate, &key).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address.parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let assigned = watch::Sender::new(BTreeMap::<String, Assignment>::new());
        let (says, heard) = mpsc::unbounded_channel();
        let (known, stop) = (assigned.clone(), CancellationToken::new());
        let stopping = stop.clone();
        let answer = move |call: Call| {
            let (says, mut known, stopping) = (says.clone(), known.subscribe(), stopping.clone());
            async move {
                let report: Report = serde_json::from_slice(&call.body).unwrap();
                let (name, wait, has) = (call.peer.name().to_owned(), report.wait, report.known);
                _ = says.send((name.clone(), report));
                loop {
                    let newer = known.borrow_and_update().get(&name).filter(|assigned| assigned.stamp > has).cloned();
                    if let Some(assignment) = newer {
                        return respond(StatusCode::OK, serde_json::to_vec(&assignment).unwrap().into());
                    }
                    if !wait {
                        return respond(StatusCode::NO_CONTENT, Bytes::new());
                    }
                    tokio::select! {
                        changed = known.changed() => changed.unwrap(),
                        () = stopping.cancelled() => return respond(StatusCode::SERVICE_UNAVAILABLE, Bytes::new()),
                        () = tokio::time::sleep(rollout::limits::LONG_POLL) => return respond(StatusCode::NO_CONTENT, Bytes::new()),
                    }
                }
            }
        };
        let options = Options { body_bytes: rollout::limits::REPORT_BYTES, drain: PATIENCE };
        let until = stop.clone();
        let serving = tokio::spawn(async move { serve(listener, tls, options, answer, until).await.unwrap() });
        Self { address, assigned, heard, stop, serving }
    }

    pub fn assign(&self, node: &str, stamp: (u64, u64), releases: &[&Release], serving: &[(u64, u8)]) {
        let assignment = crate::assignment(stamp, releases, serving);
        self.assigned.send_modify(|assigned| _ = assigned.insert(node.to_owned(), assignment));
    }

    /// The first report of a node's from now on that is so.
    pub async fn until(&mut self, node: &str, is_so: impl Fn(&Report) -> bool) -> Report {
        let mut last = None;
        let waiting = async {
            loop {
                let (name, report) = self.heard.recv().await.unwrap();
                if name == node {
                    if is_so(&report) {
                        return report;
                    }
                    last = Some(report);
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(report) => report,
            Err(_) => panic!("no report of {node} is so; its last: {last:?}"),
        }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
    }
}

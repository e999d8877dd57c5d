//! Simulated agents: they do what they are told, and what they are told is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fleet::Identity;
use fleet::control::Client;
use rollout::limits;
use rollout::protocol::{
    Assignment, Counters, FailureKind, LATENCY_BOUNDS_US, NodeDescription, NodeKind, Phase, Release, ReleaseId, ReleaseReport,
    Report, SYNC, Stamp,
};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::instances::Ground;

/// What an agent has been told and has done.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// In the order in which they came.
    pub assignments: Vec<Assignment>,
    /// Releases that it has prepared, in order.
    pub prepared: Vec<ReleaseId>,
    /// Releases that have ever served there.
    pub served: BTreeSet<ReleaseId>,
}

/// A node with an agent, until it is dropped.
pub struct Agent {
    pub identity: Identity,
    pub told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Agent {
    /// An edge that answers requests.
    pub fn edge(ground: &Ground, name: &str) -> Self {
        Self::start(ground, Identity::edge_node(name).unwrap(), NodeKind::Edge)
    }

    pub fn start(ground: &Ground, identity: Identity, kind: NodeKind) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let life = Life {
            node: description(kind),
            tls: ground.tls(&identity),
            instances: Arc::clone(&ground.agents),
            told: Arc::clone(&told),
            known: Stamp::default(),
            releases: BTreeMap::new(),
            serving: Vec::new(),
        };
        Self { identity, told, task: tokio::spawn(life.run()) }
    }

    pub fn told(&self) -> Told {
        self.told.lock().unwrap().clone()
    }

    /// What it serves, if that is one release alone.
    pub fn serves(&self) -> Option<u64> {
        match self.told().assignments.last()?.serving.as_slice() {
            [one] => Some(one.release.0),
            _ => None,
        }
    }
}

pub fn description(kind: NodeKind) -> NodeDescription {
    NodeDescription {
        kind,
        region: "eu".to_owned(),
        labels: BTreeMap::new(),
        host: "0.1.0".to_owned(),
        interfaces: ["wasi:io/poll@0.2".to_owned()].into(),
        ledger_wire: 1,
        schema: None,
        variables: BTreeSet::new(),
    }
}

struct Life {
    node: NodeDescription,
    tls: fleet::Tls,
    instances: Arc<Mutex<Vec<String>>>,
    told: Arc<Mutex<Told>>,
    known: Stamp,
    releases: BTreeMap<ReleaseId, (Release, Counters)>,
    serving: Vec<rollout::protocol::Share>,
}

impl Life {
    async fn run(mut self) {
        let mut client: Option<Client> = None;
        let mut turn = 0;
        loop {
            let address = {
                let all = self.instances.lock().unwrap();
                if all.is_empty() { None } else { Some(all[turn % all.len()].clone()) }
            };
            let Some(address) = address else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            if client.as_ref().is_none_or(|client| client.address() != address) {
                client = Some(Client::new(self.tls.clone(), address).unwrap());
            }
            self.work();
            let body = serde_json::to_vec(&self.report()).unwrap();
            let posting = client.as_ref().unwrap().post(SYNC, body.into(), Duration::from_secs(5), limits::ASSIGNMENT_BYTES);
            match posting.await {
                Ok(answer) if answer.status == 200 => self.take(serde_json::from_slice(&answer.body).unwrap()),
                Ok(answer) if answer.status == 204 => sleep(Duration::from_millis(100)).await,
                // The next instance.
                _ => {
                    turn += 1;
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// A hundred requests for each percent, all at once; versions whose number ends with 13 fail every fifth.
    fn work(&mut self) {
        for share in &self.serving {
            let Some((release, counters)) = self.releases.get_mut(&share.release) else { continue };
            let requests = 10 * u64::from(share.weight);
            counters.requests += requests;
            counters.restarts = 4;
            counters.memory = 8 << 20;
            if release.reference.ends_with("13") {
                counters.errors += requests / 5;
            }
            counters.latency.resize(LATENCY_BOUNDS_US.len() + 1, 0);
            counters.latency[3] += requests;
        }
    }

    fn report(&self) -> Report {
        let releases = self.releases.iter().map(|(id, (release, counters))| {
            let phase = if release.reference.ends_with("66") {
                Phase::Failed { kind: FailureKind::Unhealthy, reason: "it does not answer".to_owned() }
            } else {
                Phase::Ready
            };
            ReleaseReport { release: *id, phase, counters: counters.clone() }
        });
        Report {
            node: self.node.clone(),
            boot: 7,
            known: self.known,
            releases: releases.collect(),
            serving: self.serving.clone(),
            wait: false,
        }
    }

    fn take(&mut self, assignment: Assignment) {
        assert!(assignment.stamp > self.known, "{:?} was told what it knew: {assignment:?}", self.known);
        self.known = assignment.stamp;
        let mut told = self.told.lock().unwrap();
        self.releases.retain(|id, _| assignment.releases.iter().any(|release| release.id == *id));
        for release in &assignment.releases {
            self.releases.entry(release.id).or_insert_with(|| {
                told.prepared.push(release.id);
                (release.clone(), Counters::default())
            });
        }
        let ready = |id: &ReleaseId| self.releases.get(id).is_some_and(|(release, _)| !release.reference.ends_with("66"));
        if assignment.serving.iter().all(|share| ready(&share.release)) {
            self.serving.clone_from(&assignment.serving);
            told.served.extend(assignment.serving.iter().map(|share| share.release));
        }
        told.assignments.push(assignment);
    }
}

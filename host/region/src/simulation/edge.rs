//! An edge: how it has commands decided, as `fleet`'s client does, and the real follower and replica.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::Replica as _;
use edge::{Follower, Identity, Replica};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use vocabulary::booking::{Command, Rejection};
use vocabulary::edge::Availability;

use super::check::CONVERGE;
use super::network::{FeedOverNetwork, Network, RequestOutcome};
use super::postgres::Server;
use super::process::Process;
use crate::coordinator::Answer;

/// Within how many microseconds of a restore every replica is of the new history.
const NOTICED: i64 = 5_000_000;
/// The one region that there is.
const REGION: &str = "eu";
/// How often a command is sent.
const TRIES: usize = 4;
/// What is waited at least and at most after a refusal.
const PAUSE: (u64, u64) = (20, 1000);

/// One edge, through all of its lives.
pub(super) struct Edge {
    pub(super) name: String,
    network: Arc<Network>,
    nodes: Vec<String>,
    home: usize,
    life: Mutex<(Arc<Process>, Replica)>,
    /// The versions of inventories that its readers have seen in this life.
    seen: Mutex<BTreeMap<String, u64>>,
    /// The epoch that they are of.
    epoch: Mutex<u64>,
}

impl Edge {
    pub(super) fn new(name: String, network: &Arc<Network>, nodes: &[String], home: usize) -> Self {
        let life = Mutex::new(Self::begin(&name, network, nodes));
        Self {
            name,
            network: Arc::clone(network),
            nodes: nodes.to_vec(),
            home,
            life,
            seen: Mutex::default(),
            epoch: Mutex::default(),
        }
    }

    fn begin(name: &str, network: &Arc<Network>, nodes: &[String]) -> (Arc<Process>, Replica) {
        let process = Process::new(&network.world, name.to_owned(), 0);
        let source = FeedOverNetwork { network: Arc::clone(network), nodes: nodes.to_vec() };
        let replica = Replica::new([REGION]);
        let follower = Follower::new(name, REGION, Arc::new(source), &replica, &Identity::new(REGION));
        process.spawn(follower.run(CancellationToken::new()));
        (process, replica)
    }

    /// Crashes, and starts again with nothing.
    pub(super) fn restart(&self) {
        let mut life = self.life.lock().unwrap();
        life.0.kill();
        *life = Self::begin(&self.name, &self.network, &self.nodes);
        self.seen.lock().unwrap().clear();
        *self.epoch.lock().unwrap() = 0;
    }

    /// The number of the epoch that it shows; 0: none yet.
    fn epoch(&self) -> u64 {
        self.replica().shown(read_model::Seen::default()).stand(REGION).map_or(0, |(epoch, _)| epoch)
    }

    pub(super) fn pause(&self, paused: bool) {
        self.life.lock().unwrap().0.pause(paused);
    }

    pub(super) fn replica(&self) -> Replica {
        self.life.lock().unwrap().1.clone()
    }

    /// The journal's last position that it has applied.
    pub(super) fn position(&self) -> i64 {
        self.replica().position(REGION)
    }

    /// Has one command decided: sent to one node, and again to another where that is right, until its deadline. Also says whether any try
    /// may have been done although no answer came.
    pub(super) async fn apply(&self, command: Command) -> (Answer, bool) {
        let world = &self.network.world;
        let (mut sent, mut wait) = (false, None);
        for attempt in 0..TRIES {
            if let Some(wait) = wait.filter(|_| attempt > 0) {
                sleep(Duration::from_millis(u64::clamp(wait, PAUSE.0, PAUSE.1))).await;
            }
            if command.deadline <= world.now() {
                break;
            }
            let node = &self.nodes[(self.home + attempt) % self.nodes.len()];
            match self.network.ask(node, vec![command.clone()], false, 0).await {
                RequestOutcome::NotSent => wait = Some(PAUSE.0),
                RequestOutcome::Lost => (sent, wait) = (true, None),
                RequestOutcome::Answers(answers) => match answers.into_iter().next() {
                    Some(Err(Rejection::Unavailable(milliseconds))) => wait = Some(milliseconds.into()),
                    Some(Err(Rejection::Unknown)) | None => (sent, wait) = (true, Some(0)),
                    Some(answer) => return (answer, sent),
                },
            }
        }
        (Err(if sent { Rejection::Unknown } else { Rejection::Unavailable(200) }), sent)
    }

    /// Reads, and checks that nothing is missing that was published up to this edge's position.
    pub(super) async fn looked_at(&self, server: &Server, event: &str) {
        let position = self.position();
        let Some(read) = self.read(event).await else { return };
        let epoch = server.tables().counter.as_ref().map_or(0, |(_, epoch)| read_model::epoch_number(epoch));
        if epoch != self.epoch() {
            // It has yet to hear of another history: positions of two have nothing to do with each other.
            return;
        }
        let world = &self.network.world;
        if world.restores() > 0 && world.now() < world.restored_at() + NOTICED {
            // Of a copy of the disk that was put back the server says nothing: nodes that remember more have so long to notice.
            return;
        }
        let told = server.told_of(event, position);
        if told.is_some_and(|told| read.version < told) {
            let text = format!(
                "{} is at position {position} and at version {} of {event}, published was {told:?}",
                self.name, read.version
            );
            self.network.world.violated(CONVERGE, text);
        }
    }

    /// Reads as a person does, and sees that nothing goes backwards.
    pub(super) async fn read(&self, event: &str) -> Option<Availability> {
        let replica = self.replica();
        let read = replica.get_availability(event.to_owned()).await.ok()?;
        let mut seen = self.seen.lock().unwrap();
        let (now, mut before) = (self.epoch(), self.epoch.lock().unwrap());
        if now != *before {
            // Another history: what was seen in the last one may never come again.
            seen.clear();
            *before = now;
        }
        drop(before);
        let known = seen.entry(event.to_owned()).or_default();
        if read.version < *known {
            let text = format!("{} showed version {} of {event} after {known}", self.name, read.version);
            self.network.world.violated(CONVERGE, text);
        }
        *known = read.version;
        Some(read)
    }
}

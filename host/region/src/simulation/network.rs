//! What goes between edges and nodes, and between nodes: messages, which take their time, get lost, overtake each other and come twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge::feed::{Batch, Cursor, Error, Snapshot, Source, Subscription};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use vocabulary::booking::{Command, Rejection};

use super::process::Process;
use super::world::World;
use crate::coordinator::{Answer, Peers};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) enum Message {
    Apply { commands: Vec<Command>, here: bool, reply: oneshot::Sender<Vec<Answer>> },
    Feed { cursor: Option<Cursor>, reply: oneshot::Sender<Result<FeedOpening, Error>> },
}

pub(super) type FeedOpening = (Option<Snapshot>, mpsc::Receiver<Result<Arc<Batch>, Error>>);

/// What became of a request.
pub(super) enum RequestOutcome {
    /// It certainly reached no node.
    NotSent,
    /// It may have been done.
    Lost,
    Answers(Vec<Answer>),
}

pub(super) struct Network {
    pub(super) world: Arc<World>,
    /// By address.
    nodes: Mutex<BTreeMap<String, Endpoint>>,
    /// Keys of commands that came twice.
    twice: Mutex<Vec<String>>,
}

#[derive(Clone)]
struct Endpoint {
    process: Arc<Process>,
    inbox: mpsc::UnboundedSender<Message>,
}

impl Network {
    pub(super) fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), nodes: Mutex::default(), twice: Mutex::default() })
    }

    pub(super) fn joins(&self, address: &str, process: &Arc<Process>, inbox: mpsc::UnboundedSender<Message>) {
        self.nodes.lock().unwrap().insert(address.to_owned(), Endpoint { process: Arc::clone(process), inbox });
    }

    pub(super) fn leaves(&self, address: &str) {
        self.nodes.lock().unwrap().remove(address);
    }

    fn at(&self, address: &str) -> Option<Endpoint> {
        self.nodes.lock().unwrap().get(address).cloned()
    }

    /// Whether a command with this key came twice, by no fault of its sender.
    pub(super) fn came_twice(&self, key: &str) -> bool {
        self.twice.lock().unwrap().iter().any(|it| it == key)
    }

    /// Asks a node. Deadlines travel as what is left of them: `skew` is by how much the clock is wrong that they are of.
    pub(super) async fn ask(&self, address: &str, mut commands: Vec<Command>, here: bool, skew: i64) -> RequestOutcome {
        let world = &self.world;
        world.takes_a_while().await;
        if world.fault(15) {
            // It is lost silently.
            tokio::time::sleep(world.milliseconds(50, 400)).await;
            return RequestOutcome::Lost;
        }
        let Some(node) = self.at(address) else { return RequestOutcome::NotSent };
        for command in &mut commands {
            command.deadline = command.deadline.saturating_sub(skew).saturating_add(node.process.skew);
        }
        if world.fault(15) {
            self.twice.lock().unwrap().extend(commands.iter().map(|command| command.idempotency_key.clone()));
            let (inbox, again, after) = (node.inbox.clone(), commands.clone(), world.milliseconds(0, 800));
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                _ = inbox.send(Message::Apply { commands: again, here, reply: oneshot::channel().0 });
            });
        }
        let (reply, replied) = oneshot::channel();
        if node.inbox.send(Message::Apply { commands, here, reply }).is_err() {
            return RequestOutcome::NotSent;
        }
        let patience = if world.fault(20) { world.milliseconds(1, 100) } else { PATIENCE };
        let heard = timeout(patience, replied).await;
        world.takes_a_while().await;
        match heard {
            Ok(Ok(answers)) if !world.fault(20) => RequestOutcome::Answers(answers),
            _ => RequestOutcome::Lost,
        }
    }
}

/// How one node reaches the others.
pub(super) struct FromNode {
    pub(super) network: Arc<Network>,
    pub(super) skew: i64,
}

impl Peers for FromNode {
    fn apply<'a>(&'a self, address: &'a str, commands: Vec<Command>) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            let count = commands.len();
            match self.network.ask(address, commands, true, self.skew).await {
                RequestOutcome::NotSent => vec![Err(Rejection::Unavailable(50)); count],
                RequestOutcome::Lost => vec![Err(Rejection::Unknown); count],
                RequestOutcome::Answers(answers) => answers,
            }
        })
    }
}

/// The feed, from whichever node can be reached.
pub(super) struct FeedOverNetwork {
    pub(super) network: Arc<Network>,
    pub(super) nodes: Vec<String>,
}

impl Source for FeedOverNetwork {
    fn open(&self, cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, Error>> {
        Box::pin(async move {
            let world = &self.network.world;
            world.takes_a_while().await;
            let gone = || Error::Unavailable("the node cannot be reached".to_owned());
            let address = &self.nodes[world.index(self.nodes.len())];
            let node = self.network.at(address).ok_or_else(gone)?;
            let (reply, replied) = oneshot::channel();
            node.inbox.send(Message::Feed { cursor, reply }).map_err(|_| gone())?;
            let (snapshot, batches) = timeout(PATIENCE, replied).await.map_err(|_| gone())?.map_err(|_| gone())??;
            let batches = futures::stream::unfold(batches, |mut batches| async { Some((batches.recv().await?, batches)) });
            Ok(Subscription { snapshot, batches: batches.boxed() })
        })
    }
}

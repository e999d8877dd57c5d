//! Commands of concurrent callers, merged: whatever has queued while requests are in flight is the next one.
//!
//! The commands of one `apply` go together, in order, in one request. That is what keeps an event's order: a caller who needs one after the
//! other either says so in one `apply`, or waits for the first.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocabulary::booking::{Command, Rejection};

use super::Inner;
use super::deliver::deliver;
use crate::limits;
use crate::wire::commands::{self, Answer};

/// A command that is to be answered.
pub(super) struct Item {
    /// Its place among its caller's.
    pub(super) place: usize,
    pub(super) bytes: Bytes,
    /// By this node's clock, microseconds.
    pub(super) deadline: i64,
}

/// The commands of one `apply`.
pub(super) struct Group {
    pub(super) items: Vec<Item>,
    /// By place; those that are known.
    pub(super) answers: Vec<Option<Answer>>,
    pub(super) caller: oneshot::Sender<Vec<Answer>>,
    /// Room in the queue, until it is sent.
    _room: OwnedSemaphorePermit,
}

impl Group {
    fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.bytes.len()).sum()
    }
}

fn all(count: usize, rejection: &Rejection) -> Vec<Answer> {
    vec![Err(rejection.clone()); count]
}

/// Queues commands at once, and waits for their answers. A full queue refuses.
pub(super) fn apply(inner: &Arc<Inner>, commands: Vec<Command>) -> BoxFuture<'static, Vec<Answer>> {
    let count = commands.len();
    let queued = enqueue(inner, &commands);
    Box::pin(async move {
        match queued {
            // Nobody answers a group only if what had sent it was ended.
            Ok(answers) => answers.await.unwrap_or_else(|_| all(count, &Rejection::Unknown)),
            Err(rejection) => all(count, &rejection),
        }
    })
}

fn enqueue(inner: &Arc<Inner>, commands: &[Command]) -> Result<oneshot::Receiver<Vec<Answer>>, Rejection> {
    if commands.len() > limits::COMMANDS {
        return Err(Rejection::Invalid(format!("at most {} commands at once", limits::COMMANDS)));
    }
    let unavailable = || Rejection::Unavailable(limits::RETRY_MS);
    let count = u32::try_from(commands.len()).unwrap_or(u32::MAX);
    let room = Arc::clone(&inner.room).try_acquire_many_owned(count).map_err(|_| unavailable())?;
    let (items, answers) = encode(commands);
    let (caller, answered) = oneshot::channel();
    if items.is_empty() {
        // Whether there is nothing to ask, or nothing that can be.
        _ = caller.send(answers.into_iter().flatten().collect());
        return Ok(answered);
    }
    inner.queue.try_send(Group { items, answers, caller, _room: room }).map_err(|_| unavailable())?;
    Ok(answered)
}

/// Commands as they are sent, and the answers of those that are too long to be.
fn encode(commands: &[Command]) -> (Vec<Item>, Vec<Option<Answer>>) {
    let (mut items, mut answers, mut left) = (Vec::with_capacity(commands.len()), Vec::new(), limits::COMMANDS_BYTES - 64);
    for (place, command) in commands.iter().enumerate() {
        let fitting = commands::encode(command).and_then(|bytes| Some((left.checked_sub(bytes.len())?, bytes)));
        answers.push(match fitting {
            Some((rest, bytes)) => {
                left = rest;
                items.push(Item { place, bytes, deadline: command.deadline });
                None
            }
            None => Some(Err(Rejection::Invalid("it is longer than may be sent at once".to_owned()))),
        });
    }
    (items, answers)
}

/// Merges what is queued.
pub(super) struct Merger {
    inner: Arc<Inner>,
    queue: mpsc::Receiver<Group>,
    /// What did not fit into the request before.
    held: Option<Group>,
    tasks: TaskTracker,
    quick: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Merger {
    pub(super) fn new(inner: Arc<Inner>, queue: mpsc::Receiver<Group>, tasks: TaskTracker) -> Self {
        let (quick, slow) = (limits::IN_FLIGHT, limits::IN_FLIGHT_MOST - limits::IN_FLIGHT);
        Self { inner, queue, held: None, tasks, quick: Arc::new(Semaphore::new(quick)), slow: Arc::new(Semaphore::new(slow)) }
    }

    /// Sends until `stop`, and then what has queued already.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let first = match self.held.take() {
                Some(group) => group,
                None => tokio::select! {
                    biased;
                    group = self.queue.recv() => match group {
                        Some(group) => group,
                        None => return,
                    },
                    () = stop.cancelled(), if !self.queue.is_closed() => {
                        self.queue.close();
                        continue;
                    }
                },
            };
            let Ok(slot) = self.slot().await else { return };
            // Callers that were answered together ask together: let all of them.
            tokio::task::yield_now().await;
            let groups = self.gather(first);
            let inner = Arc::clone(&self.inner);
            self.tasks.spawn(async move {
                deliver(&inner, groups).await;
                drop(slot);
            });
        }
    }

    /// Room for one more request. Few are in flight where they are answered; more where they are not, each a while after the last.
    async fn slot(&self) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let quick = Arc::clone(&self.quick).acquire_owned();
        tokio::pin!(quick);
        match tokio::time::timeout(limits::PACE, quick.as_mut()).await {
            Ok(slot) => slot.map_err(|_| TryAcquireError::Closed),
            Err(_) => tokio::select! {
                slot = quick => slot.map_err(|_| TryAcquireError::Closed),
                slot = Arc::clone(&self.slow).acquire_owned() => slot.map_err(|_| TryAcquireError::Closed),
            },
        }
    }

    /// What goes into one request, whole groups only.
    fn gather(&mut self, first: Group) -> Vec<Group> {
        let (mut commands, mut bytes) = (first.items.len(), first.bytes());
        let mut groups = vec![first];
        while let Ok(group) = self.queue.try_recv() {
            commands += group.items.len();
            bytes += group.bytes();
            if commands > limits::COMMANDS || bytes > limits::COMMANDS_BYTES - 64 {
                self.held = Some(group);
                break;
            }
            groups.push(group);
            if commands == limits::COMMANDS {
                break;
            }
        }
        groups
    }
}

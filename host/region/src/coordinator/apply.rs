//! Sorting out a call: what is led here to its queues, what others lead to them, and the answers back into one list.

use std::collections::BTreeMap;
use std::sync::Arc;

use contracts::Ledger;
use futures::future::{BoxFuture, join_all};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout_at};
use vocabulary::booking::{Command, Rejection};

use super::partition::{QueuedCommand, Reply};
use super::phase::Phase;
use super::{Answer, Coordinator, Slot, route};
use crate::limits;

/// How far a call may go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ForwardScope {
    /// To whichever node leads.
    Region,
    /// Not beyond this node: another one has handed it on.
    Here,
}

/// A command with its place in the call's list.
type IndexedCommand = (usize, Command);

/// What a call waits for.
#[derive(Default)]
struct SortedCommands {
    answers: Vec<(usize, Answer)>,
    queued: Vec<(usize, oneshot::Receiver<Reply>)>,
    /// By address; in list order.
    away: BTreeMap<Arc<str>, Vec<IndexedCommand>>,
    /// About to move.
    moving: Vec<IndexedCommand>,
}

impl Ledger for Coordinator {
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        self.dispatch(commands, ForwardScope::Region)
    }
}

impl Coordinator {
    /// Queues at once, in list order: that is the order in which one event's commands are decided.
    pub(super) fn dispatch(&self, commands: Vec<Command>, reach: ForwardScope) -> BoxFuture<'_, Vec<Answer>> {
        let count = commands.len();
        let Some(places) = self.places(count) else { return Box::pin(async move { vec![unavailable(); count] }) };
        let sorted = self.sort(commands.into_iter().enumerate(), reach);
        Box::pin(async move {
            // Held until everything is answered.
            let _places = places;
            let mut answers = vec![Err(Rejection::Unknown); count];
            let mut sorted = sorted;
            for dispatch in 1..=limits::DISPATCHES {
                let left = self.gather(sorted, &mut answers).await;
                if left.is_empty() {
                    break;
                }
                if dispatch == limits::DISPATCHES || reach == ForwardScope::Here {
                    answer(&mut answers, left.into_iter().map(|(at, _)| (at, unavailable())));
                    break;
                }
                self.settled(&left).await;
                sorted = self.sort(left.into_iter(), reach);
            }
            answers
        })
    }

    fn places(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(count).ok()?;
        Arc::clone(&self.0.places).try_acquire_many_owned(count).ok()
    }

    fn partition(&self, event: &str) -> (usize, Option<&Slot>) {
        let number = route::partition(event, self.0.partitions.len());
        (number, self.0.partitions.get(number))
    }

    fn sort(&self, commands: impl Iterator<Item = IndexedCommand>, reach: ForwardScope) -> SortedCommands {
        let mut sorted = SortedCommands::default();
        // Looked at once a call, so that one event's commands all go the same way.
        let mut phases = BTreeMap::<usize, Phase>::new();
        for (at, mut command) in commands {
            // Already verified where it had to be: deciding needs no token, and a secret goes no further than it must.
            command.token = None;
            let (number, Some(slot)) = self.partition(&command.event_id) else {
                sorted.answers.push((at, unavailable()));
                continue;
            };
            match phases.entry(number).or_insert_with(|| slot.phase.borrow().clone()) {
                Phase::Here { .. } => {
                    let (reply, replied) = oneshot::channel();
                    match slot.queue.try_send(QueuedCommand { command, reply }) {
                        Ok(()) => sorted.queued.push((at, replied)),
                        Err(_) => sorted.answers.push((at, unavailable())),
                    }
                }
                Phase::Elsewhere(Some(address)) if reach == ForwardScope::Region => {
                    sorted.away.entry(Arc::clone(address)).or_default().push((at, command));
                }
                phase if phase.moving() => sorted.moving.push((at, command)),
                _ => sorted.answers.push((at, unavailable())),
            }
        }
        sorted
    }

    /// Waits for the answers. Returns what was not begun, in list order.
    async fn gather(&self, sorted: SortedCommands, answers: &mut [Answer]) -> Vec<IndexedCommand> {
        let SortedCommands { answers: known, queued, away, moving: mut left } = sorted;
        answer(answers, known.into_iter());
        let queued = async {
            let mut replies = Vec::with_capacity(queued.len());
            for (at, replied) in queued {
                // A partition that ends amid a batch leaves its fate open.
                replies.push((at, replied.await.unwrap_or(Reply::Decided(Err(Rejection::Unknown)))));
            }
            replies
        };
        let away = join_all(away.into_iter().map(|(address, commands)| self.hand_on(address, commands)));
        let (replies, handed_on) = tokio::join!(queued, away);
        answer(answers, handed_on.into_iter().flatten());
        for (at, reply) in replies {
            match reply {
                Reply::Decided(decided) => answer(answers, std::iter::once((at, decided))),
                Reply::NotBegun(command) => left.push((at, command)),
            }
        }
        left.sort_unstable_by_key(|(at, _)| *at);
        left
    }

    async fn hand_on(&self, address: Arc<str>, commands: Vec<IndexedCommand>) -> Vec<(usize, Answer)> {
        let (places, commands): (Vec<usize>, Vec<Command>) = commands.into_iter().unzip();
        let count = commands.len();
        let mut answers = match &self.0.peers {
            Some(peers) => peers.apply(&address, commands).await,
            None => vec![unavailable(); count],
        };
        if answers.len() != count {
            tracing::error!(commands = count, answers = answers.len(), %address, "a node did not answer each command");
            answers = vec![Err(Rejection::Unknown); count];
        }
        places.into_iter().zip(answers).collect()
    }

    /// Waits until it is known who leads the partitions of these commands now, within [`limits::MOVING`].
    async fn settled(&self, commands: &[IndexedCommand]) {
        let numbers: std::collections::BTreeSet<usize> =
            commands.iter().map(|(_, command)| self.partition(&command.event_id).0).collect();
        let end = Instant::now() + limits::MOVING;
        for slot in numbers.into_iter().filter_map(|number| self.0.partitions.get(number)) {
            let mut phase = slot.phase.subscribe();
            if timeout_at(end, phase.wait_for(|phase| !phase.moving())).await.is_err() {
                return;
            }
        }
    }
}

fn answer(answers: &mut [Answer], known: impl Iterator<Item = (usize, Answer)>) {
    for (at, known) in known {
        if let Some(place) = answers.get_mut(at) {
            *place = known;
        }
    }
}

fn unavailable() -> Answer {
    Err(Rejection::Unavailable(limits::RETRY_MS))
}

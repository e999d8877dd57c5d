//! A partition: one queue, one ledger, one batch in flight.

use std::sync::{Arc, PoisonError};

use telemetry::Metrics;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vocabulary::booking::{Command, Rejection};

use super::phase::Phase;
use super::summary::Summary;
use super::{Answer, Decide, DecidingSince};
use crate::sequencer::SequencerWaker;
use crate::{clock, limits};

/// A command that waits.
pub(super) struct QueuedCommand {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// The outcome of a queued command.
pub(super) enum Reply {
    /// This.
    Decided(Answer),
    /// It was not begun, and will not be here.
    NotBegun(Command),
}

/// What a partition's loop owns. It lasts as long as the node, so that there is never a second batch in flight, however often the lease
/// comes and goes.
pub(super) struct Partition {
    pub(super) queue: mpsc::Receiver<QueuedCommand>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) deciding: DecidingSince,
    /// The database's epoch.
    pub(super) epoch: Option<watch::Receiver<Arc<str>>>,
    /// Told when a queue has been emptied.
    pub(super) drained: Arc<Notify>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) wake: Option<SequencerWaker>,
    /// Batches of all partitions that could not be decided.
    pub(super) refused: Arc<Summary>,
}

impl Partition {
    /// Decides while it is led here, until `end`; what has not begun then goes back to its callers.
    pub(super) async fn run(mut self, mut ledger: impl Decide, end: CancellationToken) {
        let mut phase = self.phase.subscribe();
        phase.mark_changed();
        let mut queued = Vec::with_capacity(limits::BATCH);
        let mut remembers = None;
        let mut epoch = self.epoch.take();
        loop {
            tokio::select! {
                biased;
                () = end.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                _ = phase.changed() => {
                    let leads = phase.borrow_and_update().leads();
                    if remembers != leads {
                        ledger.forget();
                        remembers = leads;
                    }
                }
                () = another(&mut epoch) => ledger.forget(),
                received = self.queue.recv_many(&mut queued, limits::BATCH) => if received == 0 { return },
            }
            if queued.is_empty() {
                // Nothing came: see below whether that was the end of the queue.
            } else if phase.borrow().leads().is_some() && !self.queue.is_closed() {
                self.batch(&mut ledger, &mut queued).await;
            } else {
                for QueuedCommand { command, reply } in queued.drain(..) {
                    _ = reply.send(Reply::NotBegun(command));
                }
            }
            self.finish_draining();
        }
    }

    /// Says so when the last of what had queued is done.
    fn finish_draining(&self) {
        let drained = self.queue.is_empty()
            && self.phase.send_if_modified(|phase| {
                let draining = matches!(phase, Phase::Draining { .. });
                if draining {
                    *phase = Phase::Drained;
                }
                draining
            });
        if drained {
            self.drained.notify_one();
        }
    }

    async fn batch(&self, ledger: &mut impl Decide, queued: &mut Vec<QueuedCommand>) {
        let now = clock::now();
        let (mut commands, mut callers) = (Vec::with_capacity(queued.len()), Vec::with_capacity(queued.len()));
        for QueuedCommand { command, reply } in queued.drain(..) {
            if command.deadline < now {
                _ = reply.send(Reply::Decided(Err(Rejection::Unavailable(limits::RETRY_MS))));
            } else if !reply.is_closed() {
                // A command whose caller has gone away is not begun.
                commands.push(command);
                callers.push(reply);
            }
        }
        if commands.is_empty() {
            return;
        }
        let (count, began) = (commands.len(), Instant::now());
        self.since(Some(began));
        let decided = ledger.decide(commands).await;
        self.since(None);
        self.metrics.ledger_batch(count, began.elapsed());
        let rejection = match decided {
            Ok(answers) if answers.len() == count => {
                self.wake();
                self.refused.ends();
                for (caller, answer) in callers.into_iter().zip(answers) {
                    _ = caller.send(Reply::Decided(answer));
                }
                return;
            }
            Ok(answers) => {
                tracing::error!(commands = count, answers = answers.len(), "the ledger did not answer each command");
                Rejection::Unknown
            }
            Err(failure) if failure.certainly_not_begun() => {
                self.refused.note(count, &failure, "the ledger could not be asked");
                tokio::time::sleep(limits::LEDGER_PAUSE).await;
                Rejection::Unavailable(limits::RETRY_MS)
            }
            Err(failure) => {
                self.refused.note(count, &failure, "a batch was lost: its outcome is unknown");
                self.wake();
                lost()
            }
        };
        for caller in callers {
            _ = caller.send(Reply::Decided(Err(rejection.clone())));
        }
    }

    fn since(&self, since: Option<Instant>) {
        *self.deciding.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake.now();
        }
    }
}

/// Returns when the epoch is another than it was.
async fn another(epoch: &mut Option<watch::Receiver<Arc<str>>>) {
    if let Some(watched) = epoch
        && watched.changed().await.is_ok()
    {
        return;
    }
    *epoch = None;
    std::future::pending().await
}

/// What is known of a command whose batch was lost.
fn lost() -> Rejection {
    #[cfg(test)]
    if crate::simulation::bugs::planted(crate::simulation::bugs::Bug::LostIsNotDone) {
        return Rejection::Unavailable(limits::RETRY_MS);
    }
    Rejection::Unknown
}

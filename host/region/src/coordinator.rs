//! The coordinator: commands queue by event, and whatever has queued while a batch was being decided is the next one.
//!
//! A partition has one queue, one ledger and one batch in flight, so the commands of one event are decided in the order in which they
//! came. A full queue refuses at once: to wait in it would only make everybody late.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use capabilities::booking::{Command, Receipt, Rejection};
use capabilities::ledger::Ledger;
use futures::future::BoxFuture;
use runtime::Failure;
use telemetry::Metrics;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::sequencer::Wake;

/// What the ledger says to one command.
pub type Answer = Result<Receipt, Rejection>;

/// Decides batches of commands, one after the other: the component `ledger`, as one partition has it.
pub trait Decide: Send + 'static {
    /// One answer for each command, in order.
    ///
    /// # Errors
    /// After one of which [`Failure::certainly_not_begun`] says so, nothing was done; after any other it may have been.
    fn decide(&mut self, commands: Vec<Command>) -> impl Future<Output = Result<Vec<Answer>, Failure>>;
}

/// A command that waits.
struct Waiting {
    command: Command,
    answer: oneshot::Sender<Answer>,
}

/// The coordinator as callers see it. Cheap to clone.
#[derive(Clone)]
pub struct Coordinator(Arc<[mpsc::Sender<Waiting>]>);

/// What a partition's loop owns.
pub struct Partition {
    queue: mpsc::Receiver<Waiting>,
    metrics: Arc<Metrics>,
    wake: Option<Wake>,
}

impl Coordinator {
    /// A coordinator with so many partitions (at least one, at most [`limits::PARTITIONS_MAX`]), each of which is to be
    /// [run](Partition::run). `wake` is woken after each batch that may have changed something.
    #[must_use]
    pub fn new(partitions: usize, metrics: &Arc<Metrics>, wake: Option<Wake>) -> (Self, Vec<Partition>) {
        let (senders, partitions): (Vec<_>, Vec<_>) = (0..partitions.clamp(1, limits::PARTITIONS_MAX))
            .map(|_| {
                let (sender, queue) = mpsc::channel(limits::QUEUE);
                (sender, Partition { queue, metrics: Arc::clone(metrics), wake: wake.clone() })
            })
            .unzip();
        (Self(senders.into()), partitions)
    }

    /// The queue of an event's partition.
    fn queue(&self, event: &str) -> Option<&mpsc::Sender<Waiting>> {
        let mut hasher = DefaultHasher::new();
        event.hash(&mut hasher);
        let count = u64::try_from(self.0.len()).unwrap_or(1).max(1);
        self.0.get(usize::try_from(hasher.finish() % count).unwrap_or(0))
    }

    /// Queues a command; none where its queue is full.
    fn enqueue(&self, command: Command) -> Option<oneshot::Receiver<Answer>> {
        let (answer, answered) = oneshot::channel();
        self.queue(&command.event_id)?.try_send(Waiting { command, answer }).ok()?;
        Some(answered)
    }
}

impl Ledger for Coordinator {
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Answer>> {
        // All are queued before any is waited for, in list order: that is the order in which one event's are decided.
        let queued: Vec<_> = commands.into_iter().map(|command| self.enqueue(command)).collect();
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queued.len());
            for answered in queued {
                answers.push(match answered {
                    None => Err(Rejection::Unavailable(limits::RETRY_MS)),
                    // A partition that ends amid a batch leaves its fate open.
                    Some(answered) => answered.await.unwrap_or(Err(Rejection::Unknown)),
                });
            }
            answers
        })
    }
}

impl Partition {
    /// Decides until `stop`, and then what has queued already; who comes later is refused.
    ///
    /// Best driven by a thread of its own, as `Handle::block_on` does: deciding is the region's one serial part, and should wait for nobody.
    pub async fn run(mut self, mut ledger: impl Decide, stop: CancellationToken) {
        let mut queued = Vec::with_capacity(limits::BATCH);
        loop {
            let received = tokio::select! {
                biased;
                received = self.queue.recv_many(&mut queued, limits::BATCH) => received,
                () = stop.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            self.batch(&mut ledger, &mut queued).await;
        }
    }

    async fn batch(&self, ledger: &mut impl Decide, queued: &mut Vec<Waiting>) {
        let now = edge::now();
        let (mut commands, mut callers) = (Vec::with_capacity(queued.len()), Vec::with_capacity(queued.len()));
        for Waiting { command, answer } in queued.drain(..) {
            if command.deadline < now {
                _ = answer.send(Err(Rejection::Unavailable(limits::RETRY_MS)));
            } else if !answer.is_closed() {
                // Who has gone away hears nothing; what nobody waits for is not begun.
                commands.push(command);
                callers.push(answer);
            }
        }
        if commands.is_empty() {
            return;
        }
        let (count, began) = (commands.len(), Instant::now());
        let decided = ledger.decide(commands).await;
        self.metrics.ledger_batch(count, began.elapsed());
        let rejection = match decided {
            Ok(answers) if answers.len() == count => {
                if let Some(wake) = &self.wake {
                    wake.now();
                }
                for (caller, answer) in callers.into_iter().zip(answers) {
                    _ = caller.send(answer);
                }
                return;
            }
            Ok(answers) => {
                tracing::error!(commands = count, answers = answers.len(), "the ledger did not answer each command");
                Rejection::Unknown
            }
            Err(failure) if failure.certainly_not_begun() => {
                tracing::warn!(commands = count, error = %failure, "the ledger could not be asked");
                tokio::time::sleep(limits::LEDGER_PAUSE).await;
                Rejection::Unavailable(limits::RETRY_MS)
            }
            Err(failure) => {
                tracing::warn!(commands = count, error = %failure, "a batch was lost: its outcome is unknown");
                if let Some(wake) = &self.wake {
                    wake.now();
                }
                Rejection::Unknown
            }
        };
        for caller in callers {
            _ = caller.send(Err(rejection.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capabilities::booking::{Action, Outcome, Subject};
    use std::sync::Mutex;
    use std::time::Duration;
    use tokio::sync::Semaphore;

    /// Notes the batches, and answers each command with its place in its batch once it is let through.
    struct Fake {
        batches: Arc<Mutex<Vec<Vec<String>>>>,
        let_through: Arc<Semaphore>,
        failures: Vec<Failure>,
    }

    impl Decide for Fake {
        async fn decide(&mut self, commands: Vec<Command>) -> Result<Vec<Answer>, Failure> {
            self.batches.lock().unwrap().push(commands.iter().map(|command| command.idempotency_key.clone()).collect());
            self.let_through.acquire().await.unwrap().forget();
            if let Some(failure) = self.failures.pop() {
                return Err(failure);
            }
            let receipt = |version| Ok(Receipt { version, replayed: false, outcome: Outcome::Swept(0) });
            Ok((0..commands.len()).map(|at| receipt(u64::try_from(at).unwrap())).collect())
        }
    }

    struct Scene {
        coordinator: Coordinator,
        batches: Arc<Mutex<Vec<Vec<String>>>>,
        let_through: Arc<Semaphore>,
        stop: CancellationToken,
        running: tokio::task::JoinHandle<()>,
    }

    fn scene(failures: Vec<Failure>) -> Scene {
        let metrics = Arc::new(Metrics::new().unwrap());
        let (coordinator, mut partitions) = Coordinator::new(1, &metrics, None);
        let (batches, let_through, stop) = (Arc::default(), Arc::new(Semaphore::new(0)), CancellationToken::new());
        let fake = Fake { batches: Arc::clone(&batches), let_through: Arc::clone(&let_through), failures };
        let running = tokio::spawn(partitions.pop().unwrap().run(fake, stop.clone()));
        Scene { coordinator, batches, let_through, stop, running }
    }

    fn command(event: &str, key: &str) -> Command {
        Command {
            subject: Subject::Platform,
            idempotency_key: key.to_owned(),
            event_id: event.to_owned(),
            deadline: edge::now() + 60_000_000,
            action: Action::Expire,
        }
    }

    fn versions(answers: &[Answer]) -> Vec<u64> {
        answers.iter().map(|answer| answer.as_ref().unwrap().version).collect()
    }

    impl Scene {
        async fn until_batches(&self, count: usize) {
            while self.batches.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        }

        fn sizes(&self) -> Vec<usize> {
            self.batches.lock().unwrap().iter().map(Vec::len).collect()
        }
    }

    #[tokio::test]
    async fn what_queues_meanwhile_is_the_next_batch() {
        let scene = scene(vec![]);
        let first = scene.coordinator.apply(vec![command("e", "first")]);
        scene.until_batches(1).await;
        let rest = scene.coordinator.apply((0..limits::BATCH + 3).map(|n| command("e", &n.to_string())).collect());
        scene.let_through.add_permits(3);
        assert_eq!(versions(&first.await), [0]);
        let answers = rest.await;
        assert_eq!(scene.sizes(), [1, limits::BATCH, 3]);
        let expected: Vec<String> = (0..limits::BATCH).map(|n| n.to_string()).collect();
        assert_eq!(scene.batches.lock().unwrap()[1], expected, "in list order");
        assert_eq!(versions(&answers)[limits::BATCH..], [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let scene = scene(vec![]);
        let held = scene.coordinator.apply(vec![command("e", "held")]);
        scene.until_batches(1).await;
        let filling = scene.coordinator.apply((0..limits::QUEUE).map(|n| command("e", &n.to_string())).collect());
        let refused = scene.coordinator.apply(vec![command("e", "one too many")]).await;
        assert!(matches!(refused[..], [Err(Rejection::Unavailable(_))]));
        scene.let_through.add_permits(limits::QUEUE);
        assert!(held.await[0].is_ok());
        assert!(filling.await.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_command_past_its_deadline_is_not_begun() {
        let scene = scene(vec![]);
        scene.let_through.add_permits(9);
        let late = Command { deadline: edge::now() - 1, ..command("e", "late") };
        let answers = scene.coordinator.apply(vec![late, command("e", "in time")]).await;
        assert!(matches!(answers[..], [Err(Rejection::Unavailable(_)), Ok(_)]));
        assert_eq!(*scene.batches.lock().unwrap(), [["in time"]]);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let scene = scene(vec![]);
        let held = scene.coordinator.apply(vec![command("e", "held")]);
        scene.until_batches(1).await;
        drop(scene.coordinator.apply(vec![command("e", "gone")]));
        let stays = scene.coordinator.apply(vec![command("e", "stays")]);
        scene.let_through.add_permits(9);
        assert!(held.await[0].is_ok() && stays.await[0].is_ok());
        assert_eq!(scene.batches.lock().unwrap()[1], ["stays"]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_told_apart() {
        for (failure, expected) in [
            (Failure::Trapped("x".into()), Rejection::Unknown),
            (Failure::TimedOut, Rejection::Unknown),
            (Failure::OutOfMemory, Rejection::Unknown),
            (Failure::Instantiation("x".into()), Rejection::Unavailable(limits::RETRY_MS)),
        ] {
            let scene = scene(vec![failure]);
            scene.let_through.add_permits(9);
            let answers = scene.coordinator.apply(vec![command("e", "a"), command("e", "b")]).await;
            assert_eq!(answers, [Err(expected.clone()), Err(expected)]);
            assert!(scene.coordinator.apply(vec![command("e", "c")]).await[0].is_ok(), "the next one works");
        }
    }

    #[tokio::test]
    async fn a_partition_that_stops_decides_what_has_queued() {
        let scene = scene(vec![]);
        let held = scene.coordinator.apply(vec![command("e", "held")]);
        scene.until_batches(1).await;
        let queued = scene.coordinator.apply(vec![command("e", "queued")]);
        scene.stop.cancel();
        scene.let_through.add_permits(9);
        assert!(held.await[0].is_ok() && queued.await[0].is_ok());
        tokio::time::timeout(Duration::from_secs(10), scene.running).await.unwrap().unwrap();
        let late = scene.coordinator.apply(vec![command("e", "late")]).await;
        assert!(matches!(late[..], [Err(Rejection::Unavailable(_))]));
    }

    #[test]
    fn an_event_has_one_partition() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let (coordinator, partitions) = Coordinator::new(8, &metrics, None);
        assert_eq!(partitions.len(), 8);
        let used: std::collections::HashSet<_> = (0..1_000)
            .map(|n| {
                let event = format!("eu_{n}");
                let (one, other) = (coordinator.queue(&event).unwrap(), coordinator.queue(&event).unwrap());
                assert!(one.same_channel(other));
                coordinator.0.iter().position(|queue| queue.same_channel(one)).unwrap()
            })
            .collect();
        assert_eq!(used.len(), 8);
    }
}

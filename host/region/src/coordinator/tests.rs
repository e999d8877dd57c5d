use super::*;
use contracts::Ledger;
use std::sync::Mutex;
use std::time::Duration;
use telemetry::Metrics;
use vocabulary::booking::{Action, Outcome, Subject};

use crate::limits;

/// Notes the batches, and answers each command with its place in its batch once it is let through.
#[derive(Clone)]
struct Fake {
    batches: Arc<Mutex<Vec<Vec<String>>>>,
    let_through: Arc<Semaphore>,
    failures: Arc<Mutex<Vec<Failure>>>,
}

impl Decide for Fake {
    async fn decide(&mut self, commands: Vec<Command>) -> Result<Vec<Answer>, Failure> {
        self.batches.lock().unwrap().push(commands.iter().map(|command| command.idempotency_key.clone()).collect());
        self.let_through.acquire().await.unwrap().forget();
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure);
        }
        let receipt = |version| Ok(Receipt { version, replayed: false, outcome: Outcome::Swept(0) });
        Ok((0..commands.len()).map(|at| receipt(u64::try_from(at).unwrap())).collect())
    }

    fn forget(&mut self) {}
}

struct Scene {
    coordinator: Coordinator,
    batches: Arc<Mutex<Vec<Vec<String>>>>,
    let_through: Arc<Semaphore>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

async fn scene(failures: Vec<Failure>) -> Scene {
    let metrics = Arc::new(Metrics::new().unwrap());
    let options = Options { partitions: 1, membership: Membership::Alone, metrics, wake: None, epoch: None };
    let service = options.build().await.unwrap();
    let (batches, let_through, stop) = (Arc::default(), Arc::new(Semaphore::new(0)), CancellationToken::new());
    let failures = Arc::new(Mutex::new(failures));
    let fake = Fake { batches: Arc::clone(&batches), let_through: Arc::clone(&let_through), failures };
    let coordinator = service.handle();
    let running = tokio::spawn(service.run(move || fake.clone(), stop.clone()));
    Scene { coordinator, batches, let_through, stop, running }
}

fn command(event: &str, key: &str) -> Command {
    Command::new(Subject::Platform, key, event, edge::now() + 60_000_000, Action::Expire)
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
async fn commands_queued_during_a_batch_form_the_next_one() {
    let scene = scene(vec![]).await;
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
    let scene = scene(vec![]).await;
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
    let scene = scene(vec![]).await;
    scene.let_through.add_permits(9);
    let late = Command { deadline: edge::now() - 1, ..command("e", "late") };
    let answers = scene.coordinator.apply(vec![late, command("e", "in time")]).await;
    assert!(matches!(answers[..], [Err(Rejection::Unavailable(_)), Ok(_)]));
    assert_eq!(*scene.batches.lock().unwrap(), [["in time"]]);
}

#[tokio::test]
async fn commands_without_a_waiting_caller_are_not_begun() {
    let scene = scene(vec![]).await;
    let held = scene.coordinator.apply(vec![command("e", "held")]);
    scene.until_batches(1).await;
    drop(scene.coordinator.apply(vec![command("e", "gone")]));
    let stays = scene.coordinator.apply(vec![command("e", "stays")]);
    scene.let_through.add_permits(9);
    assert!(held.await[0].is_ok() && stays.await[0].is_ok());
    assert_eq!(scene.batches.lock().unwrap()[1], ["stays"]);
}

#[tokio::test]
async fn each_failure_has_its_own_answer() {
    for (failure, expected) in [
        (Failure::Trapped("x".into()), Rejection::Unknown),
        (Failure::TimedOut, Rejection::Unknown),
        (Failure::OutOfMemory, Rejection::Unknown),
        (Failure::Instantiation("x".into()), Rejection::Unavailable(limits::RETRY_MS)),
    ] {
        let scene = scene(vec![failure]).await;
        scene.let_through.add_permits(9);
        let answers = scene.coordinator.apply(vec![command("e", "a"), command("e", "b")]).await;
        assert_eq!(answers, [Err(expected.clone()), Err(expected)]);
        assert!(scene.coordinator.apply(vec![command("e", "c")]).await[0].is_ok(), "the next one works");
    }
}

#[tokio::test]
async fn a_stopping_node_decides_its_queued_commands() {
    let scene = scene(vec![]).await;
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

#[tokio::test]
async fn all_queues_together_have_a_bound() {
    let scene = scene(vec![]).await;
    let many = || (0..limits::QUEUE).map(|n| command("e", &n.to_string())).collect::<Vec<_>>();
    // Nobody is let through: one batch is begun and one queue is full; all the others are refused, and still count while they wait.
    let calls: Vec<_> = (0..limits::WAITING / limits::QUEUE).map(|_| scene.coordinator.apply(many())).collect();
    let refused = scene.coordinator.apply(vec![command("another event", "one too many")]).await;
    assert!(matches!(refused[..], [Err(Rejection::Unavailable(_))]));
    drop(calls);
    scene.let_through.add_permits(limits::QUEUE);
    // Who goes away makes room, as soon as the queue has been gone through.
    while scene.coordinator.apply(vec![command("e", "now")]).await[0].is_err() {
        tokio::task::yield_now().await;
    }
}

/// Decides nothing.
struct PanickingLedger;

impl Decide for PanickingLedger {
    async fn decide(&mut self, _: Vec<Command>) -> Result<Vec<Answer>, Failure> {
        panic!("as a ledger must not")
    }

    fn forget(&mut self) {}
}

#[tokio::test]
async fn a_panic_in_a_partition_stops_deciding() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let options = Options { partitions: 4, membership: Membership::Alone, metrics, wake: None, epoch: None };
    let service = options.build().await.unwrap();
    let coordinator = service.handle();
    let running = tokio::spawn(service.run(|| PanickingLedger, CancellationToken::new()));
    let answers = coordinator.apply(vec![command("e", "one")]).await;
    assert!(answers[0].is_err());
    tokio::time::timeout(Duration::from_secs(30), running).await.unwrap().unwrap();
}

//! A partition's ledger: the real engine, in an instance that may trap, hang or not be there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contracts::Failure;
use ledger_core::{HoldLimits, Settings};
use ledger_engine::{Answer, Context, Host, Memory};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use vocabulary::booking::Command;

use super::postgres::{LedgerDatabase, Server, unique};
use super::process::{Handle, Process, current};
use super::world::World;
use crate::coordinator::{self, Decide};

/// How long holds last here: short, so that many run out.
pub(super) const SETTINGS: Settings =
    Settings { hold: 3_000_000, paying_cap: 6_000_000, limits: HoldLimits { account: 3, address: 4, address_percent: 10 } };
/// How long an instance has for a batch; in the storm it is a matter of chance.
const TIME_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct SimulatedLedger {
    server: Arc<Server>,
    live: Option<Instance>,
}

type Batch = (u64, Vec<Command>, oneshot::Sender<Vec<Answer>>);

/// Ends when it is dropped; what it has sent is on its way.
struct Instance {
    batches: mpsc::UnboundedSender<Batch>,
    running: Handle,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl SimulatedLedger {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, live: None }
    }

    fn instance(&mut self) -> &Instance {
        self.live.get_or_insert_with(|| {
            let (batches, received) = mpsc::unbounded_channel();
            let process = current().expect("a partition runs in a process");
            let running = process.spawn(run(Arc::clone(&self.server), Arc::clone(&process), received));
            Instance { batches, running }
        })
    }
}

/// Says that a call is over, however it ends.
struct CallGuard<'a>(&'a Server, u64);

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.0.check.died(self.1);
    }
}

async fn run(server: Arc<Server>, process: Arc<Process>, mut batches: mpsc::UnboundedReceiver<Batch>) {
    let context = Context { region: "eu".to_owned(), settings: SETTINGS, cache: true };
    let call = Arc::new(AtomicU64::new(0));
    let database = LedgerDatabase { server: Arc::clone(&server), call: Arc::clone(&call) };
    let mut memory = Memory::default();
    while let Some((number, commands, reply)) = batches.recv().await {
        call.store(number, Ordering::Relaxed);
        let _running = CallGuard(&server, number);
        let mut host = SimulatedHost { process: Arc::clone(&process) };
        let answers = ledger_engine::apply(&context, &database, &mut host, &mut memory, commands).await;
        server.check.answered(&server, number, &answers);
        _ = reply.send(answers);
    }
}

struct SimulatedHost {
    process: Arc<Process>,
}

impl SimulatedHost {
    fn world(&self) -> &World {
        &self.process.world
    }
}

impl Host for SimulatedHost {
    fn elapsed(&self) -> Duration {
        self.world().elapsed()
    }

    fn unique(&mut self, now: i64) -> String {
        unique(self.world(), now)
    }

    fn secret(&mut self) -> String {
        format!("secret{}", self.world().number())
    }

    fn log(text: &str) {
        if let Some(process) = current() {
            process.world.trace(|| format!("{}: {text}", process.name));
        }
    }

    fn wall_clock(&self) -> i64 {
        self.process.now()
    }
}

impl Decide for SimulatedLedger {
    async fn decide(&mut self, commands: Vec<Command>) -> Result<Vec<coordinator::Answer>, Failure> {
        let server = Arc::clone(&self.server);
        let world = &server.world;
        if world.fault(5) {
            return Err(Failure::Instantiation("simulated".into()));
        }
        let number = server.check.begins(&commands);
        world.trace(|| format!("{}: call {number}: {}", current().map_or(String::new(), |it| it.name.clone()), told(&commands)));
        let (reply, replied) = oneshot::channel();
        let sent = self.instance().batches.send((number, commands, reply));
        // A trap comes at any moment, most often while the database is waited for.
        let trap = if world.fault(25) { Some(world.milliseconds(0, 60)) } else { None };
        let trapped = async {
            match trap {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
        };
        let time_limit = if world.in_storm() { world.milliseconds(60, 900) } else { TIME_LIMIT };
        let answered = async { if sent.is_ok() { replied.await.ok() } else { None } };
        let outcome = tokio::select! {
            biased;
            answers = timeout(time_limit, answered) => answers.map_err(|_| Failure::TimedOut),
            () = trapped => Ok(None),
        };
        let outcome = match outcome {
            Ok(Some(answers)) => {
                world.trace(|| format!("call {number} answers {answers:?}"));
                return Ok(answers);
            }
            Ok(None) => Failure::Trapped("simulated".into()),
            Err(failure) => failure,
        };
        world.trace(|| format!("call {number}: {outcome}"));
        self.live = None;
        server.check.died(number);
        Err(outcome)
    }

    fn forget(&mut self) {
        self.live = None;
    }
}

fn told(commands: &[Command]) -> String {
    let one = |it: &Command| format!("{} {} {} {:?}", it.event_id, it.subject.scope(), it.idempotency_key, it.action);
    commands.iter().map(one).collect::<Vec<_>>().join("; ")
}

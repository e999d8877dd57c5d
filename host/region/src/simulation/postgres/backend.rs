//! Connections, and the server's side of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::{Commit, CurrentTransaction, DatabaseError, Server, Tables};

/// How long a transaction may be idle.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(1);

/// A client's side. Dropped, its backend finishes what was sent, and rolls back.
pub(in crate::simulation) struct Connection {
    server: Arc<Server>,
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
}

type Answer = Box<dyn FnOnce() + Send>;
type JobFn = Box<dyn for<'a> FnOnce(&'a mut Backend) -> BoxFuture<'a, Answer> + Send>;

struct Job {
    work: JobFn,
    /// How long it is on its way, beyond what is usual.
    late: Duration,
    answered: bool,
}

/// A server's side.
pub(in crate::simulation) struct Backend {
    pub(super) server: Arc<Server>,
    pub(super) open: CurrentTransaction,
    /// The server's when it began.
    life: u64,
}

/// A transaction that is open.
pub(super) struct OpenTransaction {
    pub(super) id: u64,
    /// Takes one snapshot, with its first statement.
    pub(super) snapshot: bool,
    pub(super) seen: Option<Arc<Tables>>,
    /// By how much each event's version grows.
    pub(super) swaps: BTreeMap<String, u64>,
    pub(super) commit: Commit,
}

impl Connection {
    pub(super) async fn open(server: Arc<Server>) -> Result<Self, DatabaseError> {
        let world = &server.world;
        world.takes_a_while().await;
        if world.outage.load(std::sync::atomic::Ordering::Relaxed) || world.fault(5) {
            return Err(DatabaseError::Down);
        }
        let (jobs, received) = mpsc::unbounded_channel();
        tokio::spawn(Backend { server: Arc::clone(&server), open: None, life: server.life() }.serve(received));
        Ok(Self { server, jobs: Mutex::new(Some(jobs)) })
    }

    /// Has the backend do something, and waits for what it says.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Backend) -> BoxFuture<'a, Result<T, DatabaseError>> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.send(6, work).await
    }

    /// As [`Self::run`], of what matters most where it comes late: so it does more often.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Backend) -> BoxFuture<'a, Result<T, DatabaseError>> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        self.send(60, work).await
    }

    async fn send<T: Send + 'static>(
        &self,
        late: u64,
        work: impl for<'a> FnOnce(&'a mut Backend) -> BoxFuture<'a, Result<T, DatabaseError>> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let world = &self.server.world;
        if world.outage.load(std::sync::atomic::Ordering::Relaxed) || world.fault(4) {
            // It never got there.
            self.broken();
            world.takes_a_while().await;
            return Err(DatabaseError::Lost);
        }
        let late = if world.fault(late) { world.milliseconds(5, 2500) } else { Duration::ZERO };
        let answered = !world.fault(6);
        let (reply, replied) = oneshot::channel();
        let work: JobFn = Box::new(move |backend| {
            Box::pin(async move {
                let result = work(backend).await;
                let answer: Answer = Box::new(move || {
                    _ = reply.send(result);
                });
                answer
            })
        });
        let sent = self.jobs.lock().unwrap().as_ref().is_some_and(|jobs| jobs.send(Job { work, late, answered }).is_ok());
        if !sent {
            return Err(DatabaseError::Lost);
        }
        if !late.is_zero() && world.happens(500) {
            // The client sees its connection die long before what it has sent arrives.
            self.broken();
            world.takes_a_while().await;
            return Err(DatabaseError::Lost);
        }
        match replied.await {
            Ok(result) => result,
            Err(_) => {
                self.broken();
                Err(DatabaseError::Lost)
            }
        }
    }

    fn broken(&self) {
        self.jobs.lock().unwrap().take();
    }
}

impl Backend {
    async fn serve(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let world = Arc::clone(&self.server.world);
        loop {
            let job = if self.open.is_some() {
                timeout(IDLE_IN_TRANSACTION, jobs.recv()).await.unwrap_or(None)
            } else {
                jobs.recv().await
            };
            let Some(Job { work, late, answered }) = job else { break };
            world.takes_a_while().await;
            if !late.is_zero() {
                sleep(late).await;
            }
            if self.is_gone() {
                break;
            }
            let answer = work(&mut self).await;
            world.takes_a_while().await;
            if !answered {
                break;
            }
            answer();
        }
        self.abort();
    }

    /// Whether it was of a server that is no longer the one.
    fn is_gone(&self) -> bool {
        self.life != self.server.life()
    }

    /// Undoes what is open.
    pub(super) fn abort(&mut self) {
        if let Some(open) = self.open.take() {
            self.server.locks.release(open.id);
        }
    }

    pub(super) fn begin(&mut self, snapshot: bool) -> i64 {
        let (id, began) = (self.server.number(), self.server.world.database_now());
        self.open =
            Some(Box::new(OpenTransaction { id, snapshot, seen: None, swaps: BTreeMap::new(), commit: Commit::default() }));
        began
    }

    /// What the next statement sees.
    pub(super) fn sees(&mut self) -> Arc<Tables> {
        let now = self.server.tables();
        match &mut self.open {
            Some(open) if open.snapshot => Arc::clone(open.seen.get_or_insert(now)),
            _ => now,
        }
    }

    /// Runs with the id of the open transaction, or of one that lasts for this statement.
    pub(super) fn transaction(&self) -> (u64, bool) {
        self.open.as_ref().map_or_else(|| (self.server.number(), true), |open| (open.id, false))
    }

    /// After an error a transaction does nothing more.
    pub(super) fn failed(&mut self, trouble: DatabaseError) -> DatabaseError {
        self.abort();
        trouble
    }

    pub(super) async fn commit(&mut self) -> Result<(), DatabaseError> {
        let Some(mut open) = self.open.take() else { return Err(DatabaseError::Down) };
        // Until it is on the disk.
        self.server.world.takes_a_while().await;
        if self.is_gone() {
            // What it has locked since then is another server's.
            self.server.locks.release(open.id);
            return Err(DatabaseError::Lost);
        }
        for (event, add) in std::mem::take(&mut open.swaps) {
            if let Some(effect) = open.commit.effects.iter_mut().find(|effect| effect.event == event) {
                effect.add = add;
            } else {
                open.commit.effects.push(super::Effect { event, add, ..Default::default() });
            }
        }
        let done = self.server.commit(std::mem::take(&mut open.commit));
        self.server.locks.release(open.id);
        done
    }
}

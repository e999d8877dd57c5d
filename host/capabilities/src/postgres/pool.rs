//! The connections of one address.

use std::{
    fmt::Display,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, Row as _,
    postgres::{PgConnectOptions, PgConnection},
};
use storage::Commits;
use telemetry::Breaker;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    Error,
    effect::Effect,
    error,
    probe::{Backend, Probe, ServerActivity},
};
use crate::limits;

/// Connections with the same user, database and certificates.
///
/// sqlx has a pool of its own, but asks the server for a sign of life each time a connection goes in and comes out:
/// two round trips beside the one that a short request is about.
pub(super) struct Pool {
    options: PgConnectOptions,
    /// Last in, first out, so that what is not needed grows old.
    idle: Mutex<Vec<Idle>>,
    places: Arc<Semaphore>,
    commits: Commits,
    breaker: Breaker,
    /// How long a connection may take to be made: several times as long as the last one did.
    patience: Mutex<Duration>,
    probe: Probe,
    /// Grows when a connection has fallen silent: none that was made before is trusted.
    silences: AtomicU64,
}

struct Idle {
    connection: PooledConnection,
    since: Instant,
}

/// A connection, and what is known of its other end.
pub(super) struct PooledConnection {
    pub(super) connection: PgConnection,
    /// The server's process that it belongs to.
    pub(super) backend: Backend,
    /// How long an answer took when it was made.
    pub(super) distance: Duration,
    silences: u64,
}

/// A connection in use, and what has to be known to give it back.
pub(super) struct Lease {
    pool: Arc<Pool>,
    connection: Option<PooledConnection>,
    place: Option<OwnedSemaphorePermit>,
    /// A statement has begun and not ended: what the server sends next is not for the next user.
    running: bool,
    in_transaction: bool,
    wrote_in_transaction: bool,
    tainted: bool,
}

impl Pool {
    pub(super) fn new(options: PgConnectOptions, commits: Commits, breaker: Breaker) -> Self {
        let places = Arc::new(Semaphore::new(limits::POSTGRES_CONNECTIONS as usize));
        let (patience, probe) = (Mutex::new(limits::POSTGRES_CONNECT.1), Probe::new(options.clone()));
        Self { options, idle: Mutex::default(), places, commits, breaker, patience, probe, silences: AtomicU64::new(0) }
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Waits for a place, at most [`limits::POSTGRES_ACQUIRE`], and for a connection if there is none. Where the server could not be
    /// reached several times in a row, callers fail at once for a while.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        let rejected = |rejected| Error::ConnectionFailed(format!("Postgres is left alone: {rejected}"));
        // Before the wait for a connection, whose holders may be waiting in vain.
        drop(self.breaker.permit().map_err(rejected)?);
        let place = match timeout(limits::POSTGRES_ACQUIRE, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => return Err(Error::ConnectionFailed("too many connections".into())),
        };
        let permit = self.breaker.permit().map_err(rejected)?;
        let connection = match self.take_idle().await {
            Some(connection) => connection,
            None => match self.connect().await {
                Ok(connection) => connection,
                Err((error, unreachable)) => {
                    if unreachable {
                        permit.failed()
                    } else {
                        permit.succeeded()
                    }
                    return Err(error);
                }
            },
        };
        permit.succeeded();
        Ok(Lease {
            pool: Arc::clone(self),
            connection: Some(connection),
            place: Some(place),
            running: false,
            in_transaction: false,
            wrote_in_transaction: false,
            tainted: false,
        })
    }

    async fn take_idle(&self) -> Option<PooledConnection> {
        loop {
            let Idle { mut connection, since } = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let trusted = connection.silences == self.silences.load(Ordering::Acquire);
            if trusted && since.elapsed() < limits::POSTGRES_TRUSTED {
                return Some(connection);
            }
            let limit = limits::POSTGRES_TRUSTED + connection.distance * 2;
            match timeout(limit, connection.connection.ping()).await {
                Ok(Ok(())) => {
                    connection.silences = self.silences.load(Ordering::Acquire);
                    return Some(connection);
                }
                Ok(Err(_)) => {}
                // The others were made over the same way: to try each in turn would take as long again each time.
                Err(_) => self.fell_silent(),
            }
        }
    }

    /// A connection does not answer any more, though its server may: those that rest are closed, and those in use are tried before they are used again.
    pub(super) fn fell_silent(&self) {
        self.silences.fetch_add(1, Ordering::AcqRel);
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        if !idle.is_empty() {
            tracing::warn!(
                pool = self.breaker.name(),
                connections = idle.len(),
                "connections that have fallen silent are made anew"
            );
        }
    }

    /// What a connection says that was asked on it, by way of another one.
    pub(super) async fn probe(&self, backend: Backend, for_less_than: Duration, distance: Duration) -> ServerActivity {
        self.probe.ask(backend, for_less_than, distance).await
    }

    /// Ends the server's end of a connection that has fallen silent.
    pub(super) async fn terminate(&self, backend: Backend, distance: Duration) {
        self.probe.terminate(backend, distance).await;
    }

    /// Also whether it was the server that could not be reached, and not its answer.
    async fn connect(&self) -> Result<PooledConnection, (Error, bool)> {
        let failed = |error: &dyn Display| Error::ConnectionFailed(error.to_string());
        let patience = *self.patience.lock().unwrap_or_else(PoisonError::into_inner);
        let silences = self.silences.load(Ordering::Acquire);
        let began = Instant::now();
        let connecting = async {
            let mut connection = self.options.connect().await?;
            let asked = Instant::now();
            let own = sqlx::query(Backend::OWN).persistent(false).fetch_one(&mut connection).await?;
            let backend = Backend { pid: own.try_get(0)?, started_at: own.try_get(1)? };
            let distance = asked.elapsed();
            if distance > limits::POSTGRES_NEAR {
                // A distant client needs longer between one statement and the next.
                let longest = (limits::POSTGRES_IDLE_IN_TRANSACTION + distance * 4).as_millis();
                let set = format!("SET idle_in_transaction_session_timeout = {longest}");
                sqlx::query(&set).persistent(false).execute(&mut connection).await?;
            }
            Ok::<_, sqlx::Error>(PooledConnection { connection, backend, distance, silences })
        };
        let connected = timeout(patience, connecting).await;
        let (least, most) = limits::POSTGRES_CONNECT;
        let next = match &connected {
            Ok(Ok(_)) => (began.elapsed() * 4).clamp(least, most),
            Ok(Err(_)) => patience,
            Err(_) => (patience * 2).min(most),
        };
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = next;
        match connected {
            Ok(connected) => connected.map_err(|error: sqlx::Error| (error::connecting(&error), error::unreachable(&error))),
            Err(elapsed) => Err((failed(&elapsed), true)),
        }
    }

    /// Ends the transaction that was left open on a connection, and takes it back: to make another one takes the server far longer. Where it does
    /// not say at once that the transaction has ended, the connection is closed.
    async fn take_back(&self, mut connection: PooledConnection) {
        let limit = limits::POSTGRES_TRUSTED + connection.distance * 2;
        let ended = timeout(limit, connection.connection.execute("ROLLBACK")).await;
        if matches!(ended, Ok(Ok(_))) {
            self.give_back(connection);
        }
    }

    /// Takes a clean connection back. Those that have not been used for long are closed.
    fn give_back(&self, connection: PooledConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = idle.iter().take_while(|idle| idle.since.elapsed() > limits::POSTGRES_IDLE).count();
        idle.drain(..old);
        idle.push(Idle { connection, since: Instant::now() });
    }
}

impl Lease {
    /// The connection, for one statement. [`ended`](Self::ended) must follow.
    pub(super) fn begin(&mut self) -> Option<(&Arc<Pool>, &mut PooledConnection)> {
        self.running = true;
        Some((&self.pool, self.connection.as_mut()?))
    }

    /// A statement with this effect has ended, and the connection is ready for another.
    pub(super) fn ended(&mut self, effect: Effect, succeeded: bool) {
        self.running = false;
        self.tainted |= effect == Effect::LeavesTraces;
        let mut committed = false;
        match effect {
            Effect::Reads => {}
            Effect::Writes | Effect::LeavesTraces if self.in_transaction => self.wrote_in_transaction = true,
            Effect::Writes | Effect::LeavesTraces => committed = succeeded,
            // Even where it failed: a connection too many closed is better than one too few.
            Effect::Begins => self.in_transaction = true,
            Effect::Commits | Effect::RollsBack if !succeeded => {}
            Effect::Commits | Effect::RollsBack => {
                committed = effect == Effect::Commits && self.wrote_in_transaction;
                self.in_transaction = false;
                self.wrote_in_transaction = false;
            }
        }
        if committed {
            self.pool.commits.happened();
        }
    }

    /// The server went away under a statement.
    pub(super) fn lost(&self) {
        self.pool.breaker.failure();
    }

    /// A plan or a type that the connection remembers no longer fits the schema.
    pub(super) fn taint(&mut self) {
        self.tainted = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let is_clean = !self.running && !self.tainted;
        if is_clean && !self.in_transaction {
            self.pool.give_back(connection);
            return;
        }
        let (pool, place) = (Arc::clone(&self.pool), self.place.take());
        // Without a runtime, the socket is closed and the server notices.
        if let Ok(handle) = Handle::try_current() {
            handle.spawn(async move {
                if is_clean {
                    pool.take_back(connection).await;
                } else {
                    let _ = timeout(limits::POSTGRES_TRUSTED, connection.connection.close()).await;
                }
                drop(place);
            });
        }
    }
}

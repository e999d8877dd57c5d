//! The connections of one address.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgConnection},
};
use telemetry::Breaker;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Error, effect::Effect, error};
use crate::{Commits, limits};

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
}

struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// A connection in use, and what has to be known to give it back.
pub(super) struct Lease {
    pool: Arc<Pool>,
    connection: Option<PgConnection>,
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
        Self { options, idle: Mutex::default(), places, commits, breaker }
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Waits for a place, at most [`limits::POSTGRES_ACQUIRE`], and for a connection if there is none. Where the server could not be
    /// reached several times in a row, nobody waits for a while.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        let rejected = |rejected| Error::ConnectionFailed(format!("Postgres is left alone: {rejected}"));
        // Before the wait for a place, which whoever holds one may be waiting for in vain.
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

    async fn take_idle(&self) -> Option<PgConnection> {
        loop {
            let Idle { mut connection, since } = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < limits::POSTGRES_TRUSTED
                || matches!(timeout(limits::POSTGRES_TRUSTED, connection.ping()).await, Ok(Ok(())))
            {
                return Some(connection);
            }
        }
    }

    /// Also whether it was the server that could not be reached, and not its answer.
    async fn connect(&self) -> Result<PgConnection, (Error, bool)> {
        match timeout(limits::POSTGRES_CONNECT, self.options.connect()).await {
            Ok(connected) => connected.map_err(|error| (error::connecting(&error), error::unreachable(&error))),
            Err(elapsed) => Err((Error::ConnectionFailed(elapsed.to_string()), true)),
        }
    }

    /// Takes a clean connection back. Those that have not been used for long are closed.
    fn give_back(&self, connection: PgConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = idle.iter().take_while(|idle| idle.since.elapsed() > limits::POSTGRES_IDLE).count();
        idle.drain(..old);
        idle.push(Idle { connection, since: Instant::now() });
    }
}

impl Lease {
    /// The connection, for one statement. [`ended`](Self::ended) must follow.
    pub(super) fn begin(&mut self) -> Option<&mut PgConnection> {
        self.running = true;
        self.connection.as_mut()
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
        if !self.running && !self.in_transaction && !self.tainted {
            self.pool.give_back(connection);
            return;
        }
        let place = self.place.take();
        // Without a runtime, the socket is closed and the server notices.
        if let Ok(handle) = Handle::try_current() {
            handle.spawn(async move {
                let _ = timeout(limits::POSTGRES_CONNECT, connection.close()).await;
                drop(place);
            });
        }
    }
}

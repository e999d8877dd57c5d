//! Tells a connection that has fallen silent from a server that has much to do.
//!
//! A moved address, a lost NAT entry, a restarted firewall: what was sent on an established connection vanishes silently, and
//! new connections work. The server knows: on a connection of our own it is asked what the other one's backend does. One that has been idle for a while has
//! either never received the statement, or answered it in vain. One that is at a statement and waits for more of it, while we wait for the answer, has
//! received a part. It may hold locks, and no timeout of the server's counts while it reads; so what is given up is ended there as well.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions as _, Row as _,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::{
    sync::Mutex,
    time::{error::Elapsed, timeout},
};

use super::{error, pool::Pool};
use crate::limits;

/// What a backend does, whether it waits for its client to take what it says or to say the rest, and since when.
const ACTIVITY: &str = "SELECT state, COALESCE(wait_event IN ('ClientRead', 'ClientWrite'), FALSE), \
    CAST(EXTRACT(EPOCH FROM clock_timestamp() - state_change) * 1000 AS BIGINT) FROM pg_stat_activity WHERE pid = $1";
/// Ends a backend. Its number may be another one's by now, but not with the time when it began.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND \
    CAST(EXTRACT(EPOCH FROM backend_start) * 1000000 AS BIGINT) = $2";

/// The server's process behind a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    /// Its number.
    pub(super) pid: i32,
    /// When it began, in microseconds of the server's clock; none where the server does not say.
    pub(super) started_at: Option<i64>,
}

impl Backend {
    /// What a connection asks of its own one.
    pub(super) const OWN: &str = "SELECT pg_backend_pid(), (SELECT CAST(EXTRACT(EPOCH FROM backend_start) * 1000000 AS BIGINT) \
        FROM pg_stat_activity WHERE pid = pg_backend_pid())";
}

/// What is known of a statement that has not been answered for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerActivity {
    /// The server is working on it, or may be.
    Working,
    /// Both ends wait for each other: what the server says does not arrive, or what was said to it has not arrived whole.
    Interrupted,
    /// The server has nothing to do there: its answer, or the statement, was lost on the way.
    Silent,
    /// New connections are not answered either.
    Unreachable,
}

/// Asks about backends, on one connection: one question at a time.
pub(super) struct Probe {
    options: PgConnectOptions,
    connection: Mutex<Option<(PgConnection, Instant)>>,
}

impl Probe {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options: options.application_name("marquee-probe"), connection: Mutex::default() }
    }

    /// What this backend does. One that has been idle for less than so long may just have answered. An answer of the server takes as long as its distance.
    pub(super) async fn ask(&self, backend: Backend, for_less_than: Duration, distance: Duration) -> ServerActivity {
        let asking = async |connection: &mut PgConnection| {
            let row = sqlx::query(ACTIVITY).persistent(false).bind(backend.pid).fetch_optional(connection).await?;
            let activity = row.map(|row| {
                Ok::<_, sqlx::Error>((row.try_get::<Option<String>, _>(0)?, row.try_get(1)?, row.try_get::<Option<i64>, _>(2)?))
            });
            activity.transpose()
        };
        match self.on_connection(distance, asking).await {
            Ok(Ok(activity)) => judge(activity, for_less_than),
            Ok(Err(error)) if error::unreachable(&error) && error::code(&error) != Some(error::TOO_MANY) => {
                ServerActivity::Unreachable
            }
            // It is there, and does not let us look.
            Ok(Err(_)) => ServerActivity::Working,
            Err(_) => ServerActivity::Unreachable,
        }
    }

    /// Has the server end a backend whose client no longer hears it: what it has locked is free then.
    pub(super) async fn terminate(&self, backend: Backend, distance: Duration) {
        let ending = async |connection: &mut PgConnection| {
            let query = sqlx::query(TERMINATE).persistent(false).bind(backend.pid).bind(backend.started_at);
            query.execute(connection).await
        };
        let ended = self.on_connection(distance, ending).await;
        if !matches!(ended, Ok(Ok(_))) {
            tracing::debug!(
                backend = backend.pid,
                ?ended,
                "the server's end of a connection that is given up could not be ended"
            );
        }
    }

    /// Asks on the one connection, which is made if there is none, for as long as that may take; where this fails, it is closed. The turn is waited for
    /// before that.
    async fn on_connection<T>(
        &self,
        distance: Duration,
        asking: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<Result<T, sqlx::Error>, Elapsed> {
        let mut kept = self.connection.lock().await;
        // One that is older may have fallen silent with the others.
        let kept_one = kept.take().filter(|(_, made)| made.elapsed() < limits::POSTGRES_PROBE_KEPT);
        let answering = async {
            let (mut connection, made) = match kept_one {
                Some(kept) => kept,
                None => (self.options.connect().await?, Instant::now()),
            };
            let answer = asking(&mut connection).await?;
            Ok::<_, sqlx::Error>((answer, connection, made))
        };
        let answered = timeout(limits::POSTGRES_PROBE + distance * 6, answering).await?;
        Ok(answered.map(|(answer, connection, made)| {
            *kept = Some((connection, made));
            answer
        }))
    }
}

fn judge(activity: Option<(Option<String>, bool, Option<i64>)>, for_less_than: Duration) -> ServerActivity {
    match activity {
        // Its backend is gone, and this end has not noticed.
        None => ServerActivity::Silent,
        Some((Some(state), _, Some(milliseconds))) if state.starts_with("idle") => {
            let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
            if since < for_less_than { ServerActivity::Working } else { ServerActivity::Silent }
        }
        Some((_, true, _)) => ServerActivity::Interrupted,
        // Also where the server keeps no record of what its backends do.
        Some(_) => ServerActivity::Working,
    }
}

/// The connection has fallen silent; or the server cannot be reached at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionLost {
    pub(super) unreachable: bool,
}

/// Waits for an answer on a connection for as long as the server is at it, and not for one that will never come.
pub(super) async fn heard<T>(
    pool: &Arc<Pool>,
    backend: Backend,
    distance: Duration,
    answer: impl Future<Output = T>,
) -> Result<T, ConnectionLost> {
    let mut answer = pin!(answer);
    // No timer for what is there already.
    if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
        return Ok(answer);
    }
    let quiet = limits::POSTGRES_QUIET + distance * 2;
    let mut doubts = 0;
    loop {
        if let Ok(answer) = timeout(quiet, &mut answer).await {
            return Ok(answer);
        }
        let verdict = {
            let mut looking = pin!(pool.probe(backend, quiet / 2, distance));
            tokio::select! {
                biased;
                answer = &mut answer => return Ok(answer),
                verdict = &mut looking => verdict,
            }
        };
        let unreachable = verdict == ServerActivity::Unreachable;
        let lost = match verdict {
            ServerActivity::Working => {
                doubts = 0;
                false
            }
            ServerActivity::Silent => true,
            ServerActivity::Interrupted | ServerActivity::Unreachable => {
                doubts += 1;
                doubts >= limits::POSTGRES_LOOKS
            }
        };
        if lost {
            pool.fell_silent();
            if !unreachable {
                let pool = Arc::clone(pool);
                tokio::spawn(async move { pool.terminate(backend, distance).await });
            }
            tracing::warn!(backend = backend.pid, ?verdict, "a connection to Postgres has fallen silent and is given up");
            return Err(ConnectionLost { unreachable });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_connection_is_distinguished_from_a_busy_server() {
        let second = Duration::from_secs(1);
        let of = |state: &str, writes: bool, milliseconds: i64| {
            judge(Some((Some(state.to_owned()), writes, Some(milliseconds))), second)
        };
        // It decides, or waits for a lock: for however long.
        assert_eq!(of("active", false, 25_000), ServerActivity::Working);
        // It has just answered.
        assert_eq!(of("idle", false, 20), ServerActivity::Working);
        // It has answered long ago, or never received anything.
        assert_eq!(of("idle", false, 1_200), ServerActivity::Silent);
        assert_eq!(of("idle in transaction", false, 1_200), ServerActivity::Silent);
        assert_eq!(of("idle in transaction (aborted)", false, 1_200), ServerActivity::Silent);
        assert_eq!(judge(None, second), ServerActivity::Silent, "it is gone");
        // It waits for us to take its answer, or for the rest of the statement.
        assert_eq!(of("active", true, 3_000), ServerActivity::Interrupted);
        assert_eq!(judge(Some((None, false, None)), second), ServerActivity::Working, "nobody keeps a record");
    }
}

//! What only Postgres has.
//!
//! Whatever happens to the server or the network, a statement ends: the server bounds it, and where the server no longer answers, so
//! do we. A connection about which there is any doubt is closed, never used again.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgListener, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Column, Connection as _, Executor, Row as _, TypeInfo, ValueRef};
use telemetry::{limits as keep, secured, sqlstate};
use tokio::time::timeout;

use super::{Error, Purpose, Row, Value};
use crate::limits;

/// Microseconds since the Unix epoch.
pub(super) const CLOCK: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";
/// The cluster, its timeline and the database in it. A promotion begins a timeline, and so does a restore to a point in time; another cluster has another
/// identifier; a database that was dropped and made anew has another number. Everybody may call these functions, unless somebody has taken that away.
const HISTORY: &str = "SELECT control.system_identifier::TEXT || '.' || SUBSTR(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) || '.' || \
    (SELECT oid::TEXT FROM pg_database WHERE datname = current_database()) FROM pg_control_system() AS control";
/// The lock of a migration, here and in the kit, held until the end of the transaction. The number only has to be the same everywhere.
const MIGRATION_LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(7236827364)";
/// How long an answer is waited for that the server itself would have broken off.
const PATIENCE: Duration = limits::POSTGRES_STATEMENT.saturating_add(limits::POSTGRES_ACQUIRE);

/// A server's pool.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    /// How long an answer is waited for.
    patience: Duration,
}

/// A connection in use. Dropped before it is [`clean`](Self::clean) again, it is closed, which rolls back.
struct PooledConnection {
    connection: PoolConnection<sqlx::Postgres>,
    clean: bool,
    /// How long the next answer is waited for.
    patience: Duration,
}

/// An open transaction.
pub struct Transaction(PooledConnection);

/// Receives notifications of other nodes, on a connection of its own, which is reopened when lost.
pub struct Listener {
    options: PgConnectOptions,
    channel: &'static str,
    live: Option<PgListener>,
}

impl Postgres {
    pub(super) async fn connect(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = secured::postgres(url).parse().map_err(error)?;
        let milliseconds = |duration: Duration| duration.as_millis().to_string();
        let options = options.application_name("marquee-region").options([
            ("statement_timeout", milliseconds(limits::POSTGRES_STATEMENT)),
            ("lock_timeout", milliseconds(limits::POSTGRES_LOCK)),
            ("idle_in_transaction_session_timeout", milliseconds(limits::POSTGRES_IDLE_IN_TRANSACTION)),
            // The server's end: it finds a client that is gone, and what that has locked is free again.
            ("tcp_keepalives_idle", keep::KEEPALIVE.as_secs().to_string()),
            ("tcp_keepalives_interval", keep::KEEPALIVE_INTERVAL.as_secs().to_string()),
            ("tcp_keepalives_count", keep::KEEPALIVE_PROBES.to_string()),
            ("tcp_user_timeout", milliseconds(keep::UNACKNOWLEDGED)),
        ]);
        let pool = pool(limits::POSTGRES_CONNECTIONS).before_acquire(|connection, rested| {
            Box::pin(async move {
                // One that was idle is tested first, with a short timeout: a dead network path is not reported otherwise.
                let tried = rested.idle_for < limits::POSTGRES_TRUSTED
                    || matches!(timeout(limits::POSTGRES_TRUSTED, connection.ping()).await, Ok(Ok(())));
                Ok(tried)
            })
        });
        Ok(Self { pool: pool.connect_with(options).await.map_err(error)?, patience: PATIENCE })
    }

    pub(super) fn apart(&self, patience: Duration) -> Self {
        // Not tested before each use: its user retries anyway.
        Self { pool: pool(1).connect_lazy_with((*self.pool.connect_options()).clone()), patience }
    }

    pub(super) fn listen(&self, channel: &'static str) -> Listener {
        Listener { options: (*self.pool.connect_options()).clone(), channel, live: None }
    }

    pub(super) async fn ask(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let mut used = PooledConnection::take(self).await?;
        let rows = used.query(statement, parameters).await?;
        used.clean = true;
        Ok(rows)
    }

    pub(super) async fn history(&self) -> Result<Option<String>, Error> {
        static TOLD: std::sync::Once = std::sync::Once::new();
        match self.ask(HISTORY, &[]).await {
            Ok(rows) => rows.into_iter().next().map(|mut row| row.text()).transpose(),
            Err(Error::Refused(reason)) => {
                TOLD.call_once(|| {
                    tracing::warn!(
                        reason,
                        "Postgres does not say which history it has: after a restore or a failover that lost commits, run `marquee epoch --new`"
                    );
                });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Transaction, Error> {
        let mut used = PooledConnection::take(self).await?;
        used.run("BEGIN").await?;
        match purpose {
            Purpose::Read => used.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            Purpose::Write => {}
            // However long another node takes for its migrations, and this one for what is left of them.
            Purpose::Migrate => {
                used.patience = limits::MIGRATION;
                for setting in ["statement_timeout", "lock_timeout"] {
                    used.run(&format!("SET LOCAL {setting} = {}", limits::MIGRATION.as_millis())).await?;
                }
                used.run(MIGRATION_LOCK).await?;
            }
        }
        Ok(Transaction(used))
    }
}

impl PooledConnection {
    async fn take(Postgres { pool, patience }: &Postgres) -> Result<Self, Error> {
        let connection = pool.acquire().await.map_err(error)?;
        Ok(Self { connection, clean: false, patience: *patience })
    }

    async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let query = parameters.iter().fold(sqlx::query(statement), bind);
        let rows = bounded(self.patience, query.fetch_all(&mut *self.connection)).await?;
        rows.iter().map(row).collect()
    }

    async fn run(&mut self, statement: &str) -> Result<(), Error> {
        bounded(self.patience, self.connection.execute(statement)).await.map(drop)
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if !self.clean {
            self.connection.close_on_drop();
        }
    }
}

impl Transaction {
    pub(super) async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        self.0.query(statement, parameters).await
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.0.run("COMMIT").await?;
        self.0.clean = true;
        Ok(())
    }
}

impl Listener {
    /// Returns when a notification came, or may have been missed. Lost when dropped midway: only a hint.
    ///
    /// # Errors
    /// Where there is no connection; the next call makes one.
    pub async fn heard(&mut self) -> Result<(), Error> {
        if let Some(live) = &mut self.live {
            // None: the connection was lost, and made anew.
            let heard = live.try_recv().await;
            if heard.is_err() {
                self.live = None;
            }
            return heard.map(drop).map_err(error);
        }
        let connecting = async {
            let pool = pool(1).max_lifetime(None).idle_timeout(None).connect_with(self.options.clone()).await?;
            let mut live = PgListener::connect_with(&pool).await?;
            live.listen(self.channel).await?;
            Ok(live)
        };
        self.live = Some(bounded(limits::POSTGRES_ACQUIRE, connecting).await?);
        Ok(())
    }
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(limits::POSTGRES_ACQUIRE).test_before_acquire(false)
}

/// Waits for an answer, and not for ever: a server that is gone does not say so.
async fn bounded<T>(patience: Duration, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(error),
        Err(_) => Err(Error::Unavailable(format!("no answer within {} s", patience.as_secs()))),
    }
}

fn bind<'q>(query: Query<'q, sqlx::Postgres, PgArguments>, value: &Value) -> Query<'q, sqlx::Postgres, PgArguments> {
    match value {
        Value::Null => query.bind(None::<String>),
        Value::Integer(number) => query.bind(*number),
        Value::Text(text) => query.bind(text.clone()),
    }
}

fn row(row: &PgRow) -> Result<Row, Error> {
    let values = row.columns().iter().map(|column| {
        let at = column.ordinal();
        if row.try_get_raw(at).map_err(error)?.is_null() {
            return Ok(Value::Null);
        }
        match column.type_info().name() {
            "INT8" => row.try_get(at).map(Value::Integer).map_err(error),
            "INT4" => row.try_get::<i32, _>(at).map(|number| Value::Integer(number.into())).map_err(error),
            "TEXT" | "VARCHAR" => row.try_get(at).map(Value::Text).map_err(error),
            other => Err(Error::Row(format!("a column of type {other}"))),
        }
    });
    values.collect::<Result<_, _>>().map(Row::new)
}

fn error(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(error) => {
            let passes = error.code().is_some_and(|code| sqlstate::passes(&code));
            let text = error.message().to_owned();
            if passes { Error::Unavailable(text) } else { Error::Refused(text) }
        }
        sqlx::Error::Tls(_) => Error::Unavailable(format!("{error}; {}", secured::POSTGRES_HINT)),
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Error::Unavailable(error.to_string()),
        // Its text may quote the URL, and the URL may hold a password.
        sqlx::Error::Configuration(_) => Error::Unavailable("the URL is not one of a Postgres server".to_owned()),
        other => Error::Refused(other.to_string()),
    }
}

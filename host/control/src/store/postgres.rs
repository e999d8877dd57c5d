//! Connections. Whatever happens to the server or the network, a statement ends: the server bounds it, and where the server no longer answers, so do we. A
//! connection about which there is any doubt is closed, never used again.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Executor as _, Row as _};
use telemetry::rollouts::ControlPlane;
use telemetry::{limits as keep, secured, sqlstate};
use tokio::time::timeout;

use crate::error::Error;
use crate::limits;

/// The migrations, numbered from 1. Never edit one that was released: add another.
const MIGRATIONS: [&str; 2] =
    [include_str!("../../migrations/0001_control.sql"), include_str!("../../migrations/0002_declarations.sql")];
const VERSION_TABLE: &str = "CREATE TABLE IF NOT EXISTS control_schema_version (number BIGINT PRIMARY KEY)";
/// The lock of a migration, held until the end of the transaction. The number only has to be the same everywhere.
const MIGRATION_LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(7236827365)";

type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: PgPool,
    metrics: ControlPlane,
}

/// An open transaction. Dropped before it is committed, its connection is closed, which rolls back.
pub(super) struct Transaction {
    connection: PoolConnection<sqlx::Postgres>,
    clean: bool,
    patience: Duration,
    metrics: ControlPlane,
}

impl Store {
    /// Connects at once, so that a wrong address is found out at start.
    pub(crate) async fn connect(url: &str, metrics: ControlPlane) -> Result<Self, Error> {
        let options: PgConnectOptions = secured::postgres(url).parse().map_err(error)?;
        let milliseconds = |duration: Duration| duration.as_millis().to_string();
        let options = options.application_name("marquee-control").options([
            ("statement_timeout", milliseconds(limits::POSTGRES_STATEMENT)),
            ("lock_timeout", milliseconds(limits::POSTGRES_LOCK)),
            ("idle_in_transaction_session_timeout", milliseconds(limits::POSTGRES_IDLE_IN_TRANSACTION)),
            // The server's end: it finds a client that is gone, and what that has locked is free again.
            ("tcp_keepalives_idle", keep::KEEPALIVE.as_secs().to_string()),
            ("tcp_keepalives_interval", keep::KEEPALIVE_INTERVAL.as_secs().to_string()),
            ("tcp_keepalives_count", keep::KEEPALIVE_PROBES.to_string()),
            ("tcp_user_timeout", milliseconds(keep::UNACKNOWLEDGED)),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(limits::POSTGRES_CONNECTIONS)
            .acquire_timeout(limits::POSTGRES_ACQUIRE)
            .connect_with(options);
        Ok(Self { pool: pool.await.map_err(error)?, metrics })
    }

    /// Applies what is missing of the migrations, in one transaction that only one instance can be in at a time.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        transaction.patience = limits::MIGRATION;
        for setting in ["statement_timeout", "lock_timeout"] {
            transaction.run(&format!("SET LOCAL {setting} = {}", limits::MIGRATION.as_millis())).await?;
        }
        transaction.run(MIGRATION_LOCK).await?;
        transaction.run(VERSION_TABLE).await?;
        let version = "SELECT COALESCE(MAX(number), 0) AS number FROM control_schema_version";
        let rows = transaction.ask(sqlx::query(version)).await?;
        let database = rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>("number").map_err(error))?;
        let program = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if database > program {
            return Err(Error::Newer { database, program });
        }
        for (number, migration) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > database) {
            transaction.run(migration).await?;
            transaction.ask(sqlx::query("INSERT INTO control_schema_version (number) VALUES ($1)").bind(number)).await?;
        }
        transaction.commit().await
    }

    /// Runs one statement by itself. One that writes is committed when this returns; after an error it may or may not be.
    pub(super) async fn ask(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        let mut transaction = Transaction::take(self).await?;
        let rows = transaction.ask(statement).await?;
        transaction.clean = true;
        Ok(rows)
    }

    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        let mut transaction = Transaction::take(self).await?;
        transaction.run("BEGIN").await?;
        Ok(transaction)
    }
}

impl Transaction {
    async fn take(Store { pool, metrics }: &Store) -> Result<Self, Error> {
        let connection = pool.acquire().await.map_err(error).inspect_err(|error| count(metrics, error))?;
        Ok(Self { connection, clean: false, patience: limits::PATIENCE, metrics: metrics.clone() })
    }

    pub(super) async fn ask(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Error> {
        let answer = bounded(self.patience, statement.fetch_all(&mut *self.connection)).await;
        answer.inspect_err(|error| count(&self.metrics, error))
    }

    /// Runs statements without parameters, one or more.
    async fn run(&mut self, statements: &str) -> Result<(), Error> {
        let answer = bounded(self.patience, self.connection.execute(sqlx::raw_sql(statements))).await;
        answer.map(drop).inspect_err(|error| count(&self.metrics, error))
    }

    /// Makes it so. After an error it may or may not be so.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.run("COMMIT").await?;
        self.clean = true;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.clean {
            self.connection.close_on_drop();
        }
    }
}

fn count(metrics: &ControlPlane, error: &Error) {
    metrics.database_error(if error.is_away() { "away" } else { "refused" });
}

/// Waits for an answer, and not for ever: a server that is gone does not say so.
async fn bounded<T>(patience: Duration, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(error),
        Err(_) => Err(Error::Unavailable(format!("no answer within {} s", patience.as_secs()))),
    }
}

/// A number as the database has it: our numbers count, and none comes near the end.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column that is never negative.
pub(super) fn unsigned(row: &PgRow, column: &str) -> Result<u64, Error> {
    let value: i64 = row.try_get(column).map_err(error)?;
    u64::try_from(value).map_err(|_| Error::row("control", format!("{column} is {value}")))
}

pub(super) fn error(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(error) => {
            let passes = error.code().is_some_and(|code| sqlstate::passes(&code));
            let text = error.message().to_owned();
            if passes { Error::Unavailable(text) } else { Error::Database(text) }
        }
        sqlx::Error::Tls(_) => Error::Unavailable(format!("{error}; {}", secured::POSTGRES_HINT)),
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Error::Unavailable(error.to_string()),
        // Its text may quote the URL, and the URL may hold a password.
        sqlx::Error::Configuration(_) => Error::Database("the URL is not one of a Postgres server".to_owned()),
        other => Error::Database(other.to_string()),
    }
}

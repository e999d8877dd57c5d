//! What only Postgres has.

use sqlx::postgres::{PgArguments, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Column, Executor, Row as _, TypeInfo, ValueRef};

use super::{Error, Purpose, Row, Value};
use crate::limits;

/// Microseconds since the Unix epoch.
pub(super) const CLOCK: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";
/// Held by whoever migrates, here and in the kit, until the end of the transaction. The number only has to be the same everywhere.
const MIGRATION_LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(7236827364)";

/// A server's pool.
#[derive(Clone)]
pub struct Postgres(PgPool);

/// An open transaction.
pub struct Transaction(sqlx::Transaction<'static, sqlx::Postgres>);

impl Postgres {
    pub(super) async fn connect(url: &str) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(limits::POSTGRES_CONNECTIONS)
            .acquire_timeout(limits::POSTGRES_ACQUIRE)
            .connect(url)
            .await
            .map_err(error)?;
        Ok(Self(pool))
    }

    pub(super) async fn ask(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let query = parameters.iter().fold(sqlx::query(statement), bind);
        let rows = query.fetch_all(&self.0).await.map_err(error)?;
        rows.iter().map(row).collect()
    }

    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Transaction, Error> {
        let mut transaction = self.0.begin().await.map_err(error)?;
        let first = match purpose {
            Purpose::Read => "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Purpose::Write => return Ok(Transaction(transaction)),
            Purpose::Migrate => MIGRATION_LOCK,
        };
        transaction.execute(first).await.map_err(error)?;
        Ok(Transaction(transaction))
    }
}

impl Transaction {
    pub(super) async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let query = parameters.iter().fold(sqlx::query(statement), bind);
        let rows = query.fetch_all(&mut *self.0).await.map_err(error)?;
        rows.iter().map(row).collect()
    }

    pub(super) async fn commit(self) -> Result<(), Error> {
        self.0.commit().await.map_err(error)
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
        sqlx::Error::Database(error) => Error::Refused(error.message().to_owned()),
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
            Error::Unavailable(error.to_string())
        }
        // Its text may quote the URL, and the URL may hold a password.
        sqlx::Error::Configuration(_) => Error::Unavailable("the URL is not one of a Postgres server".to_owned()),
        other => Error::Refused(other.to_string()),
    }
}

//! What only Postgres has: its clock, its SQLSTATE codes, and statements that commit by themselves.

use super::{Error, FromRow, RowReader, Value};
use crate::problem::Problem;
use spin_sdk::pg::{self, DbValue, ParameterValue, PgError, QueryError};

/// A parameter of a [`Session`]'s statement; unlike a [`Value`] it may be an array.
pub use spin_sdk::pg::ParameterValue as Parameter;

/// Microseconds since the Unix epoch.
pub(super) const CLOCK: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";

/// The lock of a migration, held until the end of its transaction. The number only has to be the same everywhere.
pub(super) const MIGRATION_LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(7236827364)";

/// Compares texts as bytes, whatever the database's own order is.
pub(super) const BYTEWISE: &str = " COLLATE \"C\"";

/// Keeps rows as they are; what others have changed meanwhile is seen as it is now.
pub(super) const SHARED_LOCK: &str = " FOR SHARE";

/// The same, and waits for every other lock on them but those of foreign keys.
pub(super) const EXCLUSIVE_LOCK: &str = " FOR NO KEY UPDATE";

pub(super) struct Connection(pg::Connection);

impl Connection {
    pub(super) async fn open(address: &str) -> Result<Self, Error> {
        pg::Connection::open(address).await.map(Self).map_err(error)
    }

    pub(super) async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, Error> {
        let parameters: Vec<ParameterValue> = parameters.into_iter().map(Into::into).collect();
        values(self.rows_of(statement, parameters).await.map_err(error)?)
    }

    async fn rows(&self, statement: &str, parameters: Vec<Parameter>) -> Result<Vec<Vec<Value>>, Failure> {
        // Rows that cannot be read leave open what became of the statement.
        values(self.rows_of(statement, parameters).await?).map_err(|error| Failure::Broken(error.to_string()))
    }

    async fn rows_of(&self, statement: &str, parameters: Vec<ParameterValue>) -> Result<Vec<Vec<DbValue>>, pg::Error> {
        let mut result = self.0.query(statement, parameters).await?;
        let mut rows = Vec::new();
        while let Some(row) = result.rows().next().await {
            rows.push(row);
        }
        result.result().await?;
        Ok(rows)
    }

    pub(super) async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error> {
        let parameters: Vec<ParameterValue> = parameters.into_iter().map(Into::into).collect();
        self.0.execute(statement, parameters).await.map_err(error)
    }
}

/// A connection whose every statement is a transaction of its own, for statements that only Postgres understands. What is set on it stays: our
/// host never reuses such a session, stock Spin would.
pub struct Session(Connection);

impl Session {
    /// A session with the database that the variable `database` names, its migrations applied; none where that is SQLite.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub async fn open() -> Result<Option<Self>, Problem> {
        Ok(match super::connect().await? {
            super::Connection::Postgres(connection) => Some(Self(connection)),
            super::Connection::Sqlite(_) => None,
            #[cfg(feature = "testing")]
            super::Connection::Testing(_) => None,
        })
    }

    /// The rows of a statement that changes nothing, or nothing that matters where the answer is lost.
    ///
    /// # Errors
    /// As usual; where the connection broke, [`Error::Unavailable`].
    pub async fn all<T: FromRow>(&self, statement: &str, parameters: Vec<Parameter>) -> Result<Vec<T>, Error> {
        let rows = self.0.rows(statement, parameters).await.map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Broken(text) => Error::Unavailable(text),
        })?;
        rows.into_iter().map(|row| T::from_row(&mut RowReader::new(row))).collect()
    }

    /// As [`Self::all`], of a statement that writes. After [`Error::CommitUnknown`] it may or may not have been committed; after any other
    /// error it was not.
    ///
    /// # Errors
    /// As usual.
    pub async fn commit<T: FromRow>(&self, statement: &str, parameters: Vec<Parameter>) -> Result<Vec<T>, Error> {
        let rows = self.0.rows(statement, parameters).await.map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Broken(text) => Error::CommitUnknown(text),
        })?;
        let rows = rows.into_iter().map(|row| T::from_row(&mut RowReader::new(row))).collect::<Result<_, _>>();
        rows.map_err(|error| Error::CommitUnknown(error.to_string()))
    }
}

/// How a statement that is a transaction of its own failed.
enum Failure {
    /// The server said so, and undid it.
    Refused(Error),
    /// No word of the server's, or its last one.
    Broken(String),
}

impl From<pg::Error> for Failure {
    fn from(failure: pg::Error) -> Self {
        match &failure {
            // A backend that is ended (FATAL) may have committed before.
            pg::Error::PgError(PgError::QueryFailed(QueryError::DbError(of_server))) if of_server.severity == "ERROR" => {
                Self::Refused(error(failure))
            }
            pg::Error::PgError(PgError::BadParameter(_)) => Self::Refused(error(failure)),
            _ => Self::Broken(failure.to_string()),
        }
    }
}

impl From<Value> for ParameterValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::DbNull,
            Value::Integer(number) => Self::Int64(number),
            Value::Text(text) => Self::Str(text),
        }
    }
}

fn values(rows: Vec<Vec<DbValue>>) -> Result<Vec<Vec<Value>>, Error> {
    rows.into_iter().map(|row| row.into_iter().map(TryInto::try_into).collect()).collect()
}

impl TryFrom<DbValue> for Value {
    type Error = Error;

    fn try_from(value: DbValue) -> Result<Self, Error> {
        match value {
            DbValue::DbNull => Ok(Self::Null),
            DbValue::Int64(number) => Ok(Self::Integer(number)),
            DbValue::Int32(number) => Ok(Self::Integer(number.into())),
            DbValue::Str(text) => Ok(Self::Text(text)),
            other => Err(Error::Other(format!("a column is neither BIGINT nor TEXT: {other:?}"))),
        }
    }
}

fn error(error: pg::Error) -> Error {
    match error {
        pg::Error::PgError(PgError::ConnectionFailed(text)) => Error::Unavailable(text),
        pg::Error::PgError(PgError::QueryFailed(QueryError::DbError(error))) => classify(&error.code, error.as_text),
        // No word of the server's: the connection broke, and what was not committed on it never will be.
        pg::Error::PgError(PgError::QueryFailed(QueryError::Text(text))) => Error::Unavailable(text),
        other => Error::Other(other.to_string()),
    }
}

/// By SQLSTATE (PostgreSQL manual, appendix A).
pub(super) fn classify(code: &str, text: String) -> Error {
    match code {
        "23505" => Error::Unique(text),
        // Integrity constraints.
        _ if code.starts_with("23") => Error::Constraint(text),
        // Serialization failure, deadlock, lock or statement timeout.
        "40001" | "40P01" | "55P03" | "57014" => Error::Busy,
        // Connection lost, out of resources, shutting down, idle in transaction for too long.
        "57P01" | "57P02" | "57P03" | "25P03" => Error::Unavailable(text),
        _ if code.starts_with("08") || code.starts_with("53") => Error::Unavailable(text),
        _ => Error::Other(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_map_to_error_kinds() {
        for (code, wanted) in
            [("23505", "unique: x"), ("23514", "constraint: x"), ("40001", "busy"), ("08006", "unavailable: x"), ("42601", "x")]
        {
            assert_eq!(classify(code, "x".into()).to_string(), wanted, "{code}");
        }
    }
}

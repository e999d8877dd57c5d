//! What only Postgres has: its clock and its SQLSTATE codes.

use super::{Error, Value};
use spin_sdk::pg::{self, DbValue, ParameterValue, PgError, QueryError};

/// Microseconds since the Unix epoch.
pub(super) const CLOCK: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";

/// Held by whoever migrates, until the end of its transaction. The number only has to be the same everywhere.
pub(super) const MIGRATION_LOCK: &str = "SELECT 1 FROM pg_advisory_xact_lock(7236827364)";

pub(super) struct Connection(pg::Connection);

impl Connection {
    pub(super) async fn open(address: &str) -> Result<Self, Error> {
        pg::Connection::open(address).await.map(Self).map_err(error)
    }

    pub(super) async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, Error> {
        let parameters: Vec<ParameterValue> = parameters.into_iter().map(Into::into).collect();
        let mut result = self.0.query(statement, parameters).await.map_err(error)?;
        let mut rows = Vec::new();
        while let Some(row) = result.rows().next().await {
            rows.push(row.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?);
        }
        result.result().await.map_err(error)?;
        Ok(rows)
    }

    pub(super) async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error> {
        let parameters: Vec<ParameterValue> = parameters.into_iter().map(Into::into).collect();
        self.0.execute(statement, parameters).await.map_err(error)
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
        other => Error::Other(other.to_string()),
    }
}

/// By SQLSTATE (PostgreSQL manual, appendix A).
fn classify(code: &str, text: String) -> Error {
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
    fn codes_become_errors_to_act_on() {
        for (code, wanted) in
            [("23505", "unique: x"), ("23514", "constraint: x"), ("40001", "busy"), ("08006", "unavailable: x"), ("42601", "x")]
        {
            assert_eq!(classify(code, "x".into()).to_string(), wanted, "{code}");
        }
    }
}

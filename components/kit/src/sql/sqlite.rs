//! What only SQLite has: its clock, its parameters' form, its errors' texts.

use super::{Error, Value};
use crate::limits;
use spin_sdk::sqlite;

/// Microseconds since the Unix epoch; SQLite's clock has milliseconds.
pub(super) const CLOCK: &str = "SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

pub(super) struct Connection(sqlite::Connection);

impl Connection {
    pub(super) async fn open() -> Result<Self, Error> {
        let connection = Self(sqlite::Connection::open_default().await.map_err(error)?);
        connection.query(&format!("PRAGMA busy_timeout = {}", limits::SQLITE_BUSY_MILLISECONDS), Vec::new()).await?;
        Ok(connection)
    }

    /// Rows are drained and the result awaited before anything else may use the connection.
    pub(super) async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, Error> {
        let result = self.0.execute(numbered(statement), parameters.into_iter().map(Into::into)).await.map_err(error)?;
        let rows = result.collect().await.map_err(error)?;
        rows.into_iter().map(|row| row.values.into_iter().map(TryInto::try_into).collect()).collect()
    }

    pub(super) async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error> {
        self.query(statement, parameters).await?;
        Ok(self.0.changes().await)
    }
}

/// `$2` as `?2`: SQLite numbers `$n` by first appearance, not by n.
pub(super) fn numbered(statement: &str) -> String {
    let mut text = String::with_capacity(statement.len());
    let mut quoted = false;
    for character in statement.chars() {
        quoted ^= character == '\'';
        text.push(if character == '$' && !quoted { '?' } else { character });
    }
    text
}

impl From<Value> for sqlite::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text),
        }
    }
}

impl TryFrom<sqlite::Value> for Value {
    type Error = Error;

    fn try_from(value: sqlite::Value) -> Result<Self, Error> {
        match value {
            sqlite::Value::Null => Ok(Self::Null),
            sqlite::Value::Integer(number) => Ok(Self::Integer(number)),
            sqlite::Value::Text(text) => Ok(Self::Text(text)),
            sqlite::Value::Real(_) | sqlite::Value::Blob(_) => Err(Error::Other("REAL and BLOB are not used here".into())),
        }
    }
}

fn error(error: sqlite::Error) -> Error {
    match error {
        sqlite::Error::Io(text) => classify(&text),
        other => Error::Unavailable(other.to_string()),
    }
}

/// Constraints and locks are only told apart by their text.
pub(super) fn classify(text: &str) -> Error {
    if text.contains("UNIQUE constraint failed") {
        Error::Unique(text.to_owned())
    } else if text.contains("constraint failed") {
        Error::Constraint(text.to_owned())
    } else if text.contains("is locked") || text.contains("busy") {
        Error::Busy
    } else if text.contains("unable to open")
        || text.contains("disk I/O")
        || text.contains("is full")
        || text.contains("readonly")
    {
        Error::Unavailable(text.to_owned())
    } else {
        Error::Other(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_rewritten_outside_of_literals() {
        assert_eq!(numbered("UPDATE t SET a = $2, b = '$9' WHERE c = $1"), "UPDATE t SET a = ?2, b = '$9' WHERE c = ?1");
    }

    #[test]
    fn error_texts_map_to_error_kinds() {
        assert!(matches!(classify("UNIQUE constraint failed: users.email"), Error::Unique(_)));
        assert!(matches!(classify("CHECK constraint failed: held >= 0"), Error::Constraint(_)));
        assert!(matches!(classify("database is locked"), Error::Busy));
        assert!(matches!(classify("near \"SELEC\": syntax error"), Error::Other(_)));
    }
}

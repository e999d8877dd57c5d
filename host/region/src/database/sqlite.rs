//! What only SQLite has.

use storage::sqlite::{Connection, Error as EngineError, SqliteDatabases, Value as EngineValue};

use super::{Error, Purpose, Row, Value};
use crate::limits;

/// Microseconds since the Unix epoch; SQLite's clock has milliseconds.
pub(super) const CLOCK: &str = "CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

/// A database by its label.
#[derive(Clone)]
pub struct Sqlite {
    databases: SqliteDatabases,
    label: String,
}

/// A handle whose transaction is open. Dropping it closes the connection, which rolls back.
pub struct Transaction(Connection);

impl Sqlite {
    pub(super) fn new(databases: SqliteDatabases, label: &str) -> Self {
        Self { databases, label: label.to_owned() }
    }

    pub(super) async fn ask(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let connection = self.databases.open(&self.label).map_err(error)?;
        run(&connection, &numbered(statement), parameters).await
    }

    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Transaction, Error> {
        let connection = self.databases.open(&self.label).map_err(error)?;
        run(&connection, &format!("PRAGMA busy_timeout = {}", limits::SQLITE_BUSY_MS), &[]).await?;
        // A transaction that reads first and writes later may lose its lock to another: who will write says so at once.
        let begin = if purpose == Purpose::Read { "BEGIN" } else { "BEGIN IMMEDIATE" };
        run(&connection, begin, &[]).await?;
        Ok(Transaction(connection))
    }
}

impl Transaction {
    pub(super) async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        run(&self.0, &numbered(statement), parameters).await
    }

    pub(super) async fn commit(self) -> Result<(), Error> {
        run(&self.0, "COMMIT", &[]).await.map(drop)
    }
}

async fn run(connection: &Connection, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
    let parameters = parameters
        .iter()
        .map(|value| match value {
            Value::Null => EngineValue::Null,
            Value::Integer(number) => EngineValue::Integer(*number),
            Value::Text(text) => EngineValue::Text(text.clone()),
        })
        .collect();
    let result = connection.execute(statement.to_owned(), parameters).await.map_err(error)?;
    result.rows.into_iter().map(|row| row.values.into_iter().map(value).collect::<Result<_, _>>().map(Row::new)).collect()
}

fn value(value: EngineValue) -> Result<Value, Error> {
    match value {
        EngineValue::Null => Ok(Value::Null),
        EngineValue::Integer(number) => Ok(Value::Integer(number)),
        EngineValue::Text(text) => Ok(Value::Text(text)),
        EngineValue::Real(_) | EngineValue::Blob(_) => Err(Error::Row("neither a number nor a text".to_owned())),
    }
}

/// `$2` as `?2`: SQLite numbers `$n` by first appearance, not by n.
fn numbered(statement: &str) -> String {
    let mut quoted = false;
    statement
        .chars()
        .map(|character| {
            quoted ^= character == '\'';
            if character == '$' && !quoted { '?' } else { character }
        })
        .collect()
}

fn error(error: EngineError) -> Error {
    match error {
        EngineError::Io(text) if text.contains("is locked") || text.contains("unable to open") || text.contains("disk I/O") => {
            Error::Unavailable(text)
        }
        EngineError::Io(text) => Error::Refused(text),
        other => Error::Unavailable(other.to_string()),
    }
}

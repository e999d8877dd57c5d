//! Typed SQL over `spin:sqlite` or `spin:postgres`, one text for both.
//!
//! Parameters are `$1`, `$2`, …; a transaction lives on one connection of its own, and one that is dropped without
//! [`Tx::commit`] is rolled back by the host. What only one engine has is in the file named for it.

mod migrate;
pub mod postgres;
mod row;
mod sqlite;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod value;

pub use row::{FromRow, RowReader};
pub use value::Value;

use crate::{config, problem::Problem};
use migrations::Engine;
use std::sync::OnceLock;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row with this key is there already. The text names the constraint, in the engine's own words.
    #[error("unique: {0}")]
    Unique(String),
    /// A CHECK, NOT NULL or foreign key refused it: the database's own guard held.
    #[error("constraint: {0}")]
    Constraint(String),
    /// Somebody else's lock, or a serialization failure: rolled back, and worth another try.
    #[error("busy")]
    Busy,
    /// The database cannot be reached: nothing was done.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The commit was sent and no answer came.
    #[error("commit unknown: {0}")]
    CommitUnknown(String),
    /// A row does not fit the struct it is read into, or the statement is wrong: a fault of ours.
    #[error("{0}")]
    Other(String),
}

/// A transaction, on a connection of its own.
pub struct Tx {
    connection: Connection,
    now: i64,
    trace: Option<String>,
}

enum Connection {
    Sqlite(sqlite::Connection),
    Postgres(postgres::Connection),
    #[cfg(feature = "testing")]
    Testing(testing::Connection),
}

/// The variable `database`: read once an instance, since it never changes under it.
static ADDRESS: OnceLock<String> = OnceLock::new();

async fn address() -> Result<&'static str, Problem> {
    Ok(match ADDRESS.get() {
        Some(address) => address,
        None => {
            let address = config::get("database").await?;
            ADDRESS.get_or_init(|| address)
        }
    })
}

/// Whether the database is Postgres.
pub async fn on_postgres() -> Result<bool, Problem> {
    Ok(!address().await?.is_empty())
}

async fn connect() -> Result<Connection, Problem> {
    #[cfg(feature = "testing")]
    if let Some(connection) = testing::connect()? {
        return Ok(Connection::Testing(connection));
    }
    let address = address().await?;
    let connection = if address.is_empty() {
        Connection::Sqlite(sqlite::Connection::open().await?)
    } else {
        Connection::Postgres(postgres::Connection::open(address).await?)
    };
    migrate::once(&connection).await?;
    Ok(connection)
}

/// Begins a transaction that may write: on SQLite it takes the write lock at once, so that no later statement meets another's.
pub async fn write() -> Result<Tx, Problem> {
    begin(true).await
}

/// Begins a transaction that only reads: one snapshot of everything.
pub async fn read() -> Result<Tx, Problem> {
    begin(false).await
}

async fn begin(write: bool) -> Result<Tx, Problem> {
    let connection = connect().await?;
    let engine = connection.engine();
    if engine == Engine::Postgres && !connections_come_clean() {
        // Spin pools connections as they are left: one whose transaction was dropped may come back with it still open. Outside of a
        // transaction this is a warning in the server's log, for every transaction.
        connection.run("ROLLBACK", Vec::new()).await?;
    }
    let (begin, clock) = match (engine, write) {
        (Engine::Sqlite, true) => ("BEGIN IMMEDIATE", sqlite::CLOCK),
        (Engine::Sqlite, false) => ("BEGIN", sqlite::CLOCK),
        (Engine::Postgres, true) => ("BEGIN", postgres::CLOCK),
        (Engine::Postgres, false) => ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", postgres::CLOCK),
    };
    connection.run(begin, Vec::new()).await?;
    let mut tx = Tx { connection, now: 0, trace: None };
    (tx.now,) = tx.one(clock, []).await?.ok_or_else(|| Error::Other("the database has no clock".into()))?;
    #[cfg(feature = "testing")]
    if let Some(now) = testing::now() {
        tx.now = now;
    }
    Ok(tx)
}

/// Whether the host hands out no connection with a transaction open: Marquee's promises that.
fn connections_come_clean() -> bool {
    crate::config::own_host()
}

impl Tx {
    /// The database's clock when this transaction began: what every decision in it goes by.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// What the journal's rows of this transaction are part of: the `traceparent` of the request that causes them.
    pub fn part_of(&mut self, trace: Option<String>) {
        self.trace = trace;
    }

    /// What a SELECT ends with so that nobody changes its rows before this transaction ends, while others may lock them alike. On SQLite
    /// nothing: a transaction that writes is alone there.
    pub fn shared_lock(&self) -> &'static str {
        self.lock(postgres::SHARED_LOCK)
    }

    /// As [`Self::shared_lock`], with nobody else's lock on the rows.
    pub fn exclusive_lock(&self) -> &'static str {
        self.lock(postgres::EXCLUSIVE_LOCK)
    }

    /// What follows a text that is compared or sorted byte by byte, as everything outside of the database does it. SQLite does so anyway.
    pub fn bytewise(&self) -> &'static str {
        self.lock(postgres::BYTEWISE)
    }

    fn lock(&self, on_postgres: &'static str) -> &'static str {
        match self.connection.engine() {
            Engine::Postgres => on_postgres,
            Engine::Sqlite => "",
        }
    }

    /// See [`Self::part_of`].
    pub(crate) fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    /// All rows of a query.
    pub async fn all<T: FromRow>(
        &mut self,
        statement: &str,
        parameters: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.connection.query(statement, parameters.into_iter().collect()).await?;
        rows.into_iter().map(|row| T::from_row(&mut RowReader::new(row))).collect()
    }

    /// The first row of a query, if there is one.
    pub async fn one<T: FromRow>(
        &mut self,
        statement: &str,
        parameters: impl IntoIterator<Item = Value>,
    ) -> Result<Option<T>, Error> {
        Ok(self.all(statement, parameters).await?.into_iter().next())
    }

    /// Runs a statement; gives how many rows it inserted, changed or deleted.
    pub async fn execute(&mut self, statement: &str, parameters: impl IntoIterator<Item = Value>) -> Result<u64, Error> {
        self.connection.execute(statement, parameters.into_iter().collect()).await
    }

    /// Makes it durable. After [`Error::CommitUnknown`] it may or may not be.
    pub async fn commit(self) -> Result<(), Error> {
        match self.connection.run("COMMIT", Vec::new()).await {
            Ok(()) => Ok(()),
            // A refused commit is known not to have happened; anything else may have.
            Err(error @ (Error::Busy | Error::Unique(_) | Error::Constraint(_))) => Err(error),
            Err(error) => Err(Error::CommitUnknown(error.to_string())),
        }
    }

    /// Undoes it. To drop the transaction does the same; this waits for it, and the connection can be used again at once.
    pub async fn rollback(self) -> Result<(), Error> {
        self.connection.run("ROLLBACK", Vec::new()).await
    }
}

impl Connection {
    fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
            #[cfg(feature = "testing")]
            Self::Testing(connection) => connection.engine(),
        }
    }

    async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Vec<Vec<Value>>, Error> {
        match self {
            Self::Sqlite(connection) => connection.query(statement, parameters).await,
            Self::Postgres(connection) => connection.query(statement, parameters).await,
            #[cfg(feature = "testing")]
            Self::Testing(connection) => connection.query(statement, &parameters).map(|(rows, _)| rows),
        }
    }

    async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error> {
        match self {
            Self::Sqlite(connection) => connection.execute(statement, parameters).await,
            Self::Postgres(connection) => connection.execute(statement, parameters).await,
            #[cfg(feature = "testing")]
            Self::Testing(connection) => connection.query(statement, &parameters).map(|(_, changed)| changed),
        }
    }

    /// Runs a statement whose count of rows means nothing.
    async fn run(&self, statement: &str, parameters: Vec<Value>) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.query(statement, parameters).await.map(drop),
            Self::Postgres(connection) => connection.execute(statement, parameters).await.map(drop),
            #[cfg(feature = "testing")]
            Self::Testing(connection) => connection.query(statement, &parameters).map(drop),
        }
    }
}

/// `($1,$2),($3,$4)` for so many rows of so many columns: the VALUES of a multi-row insert.
pub fn rows(rows: usize, columns: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            if column > 0 {
                text.push(',');
            }
            text.push('$');
            text.push_str(&(row * columns + column + 1).to_string());
        }
        text.push(')');
    }
    text
}

/// Repeats the last row until their number is a power of two, for statements where a repetition changes nothing (`ON CONFLICT … DO NOTHING`): a
/// database then prepares a few of them, and not one for every number of rows. Returns the [`rows`].
pub fn padded_rows(parameters: &mut Vec<Value>, columns: usize) -> String {
    let count = parameters.len() / columns.max(1);
    let Some(last) = parameters.len().checked_sub(columns) else { return rows(count, columns) };
    for _ in count..count.next_power_of_two() {
        parameters.extend_from_within(last..last + columns);
    }
    rows(count.next_power_of_two(), columns)
}

/// `$3,$4,$5`: so many parameters from a number on, for `IN (…)`.
pub fn list(from: usize, count: usize) -> String {
    (from..from + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn placeholders_are_numbered_consecutively() {
        assert_eq!(super::rows(2, 3), "($1,$2,$3),($4,$5,$6)");
        assert_eq!(super::list(3, 2), "$3,$4");
        let mut parameters: Vec<super::Value> = (1..=6).map(super::Value::Integer).collect();
        assert_eq!(super::padded_rows(&mut parameters, 2), super::rows(4, 2));
        assert_eq!(parameters[6..], [super::Value::Integer(5), super::Value::Integer(6)]);
    }
}

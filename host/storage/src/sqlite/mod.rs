//! SQLite: named databases, each a file, with a bounded pool of connections.
//!
//! A handle takes a connection from the pool with its first statement and keeps it until the handle is
//! dropped, so transactions and settings stay where they were made. Then the connection goes back if it is clean; one
//! with an open transaction is closed, which rolls it back. Statements run on blocking threads. Error texts are
//! SQLite's own, as in Spin.

mod connection;
mod pool;
mod session;
mod statement;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

pub use connection::{Connection, RunningStatement};
use pool::Database;

use crate::{Commits, limits};

/// What a column of a row holds, and what is bound to a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A 64-bit number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text, UTF-8.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A row: a value for each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// In the columns' order.
    pub values: Vec<Value>,
}

/// All that a statement answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// In the order in which they came.
    pub rows: Vec<Row>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No database has this label.
    #[error("there is no such database")]
    NoSuchDatabase,
    /// In SQLite's own words.
    #[error("{0}")]
    Io(String),
}

/// A role's SQLite databases by label. Cheap to clone; clones share the pools.
#[derive(Clone)]
pub struct SqliteDatabases {
    databases: Arc<BTreeMap<String, Arc<Database>>>,
    commits: Commits,
}

impl SqliteDatabases {
    /// Databases by label. A file is made when its database is first used; its folder must exist.
    #[must_use]
    pub fn new(files: BTreeMap<String, PathBuf>) -> Self {
        Self::bounded(files, limits::SQLITE_CONNECTIONS, limits::SQLITE_ACQUIRE)
    }

    fn bounded(files: BTreeMap<String, PathBuf>, connections: usize, acquire: Duration) -> Self {
        let commits = Commits::new();
        let open = |(label, file)| (label, Arc::new(Database::new(file, commits.clone(), connections, acquire)));
        Self { databases: Arc::new(files.into_iter().map(open).collect()), commits }
    }

    /// Word of every commit made through these databases by components.
    #[must_use]
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// To be called when nothing uses them any more: writes each database's log into its file and empties it. Else what was deleted stays in one of
    /// both until the process that opens them next has written enough.
    ///
    /// # Errors
    /// The first database that is still used, or cannot be written.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        for database in self.databases.values() {
            let database = Arc::clone(database);
            let done = tokio::task::spawn_blocking(move || database.checkpoint()).await.map_err(io)?.map_err(io)?;
            if !done {
                return Err(Error::Io("database is locked".into()));
            }
        }
        Ok(())
    }

    /// A new handle on the database called `label`.
    ///
    /// # Errors
    /// [`Error::NoSuchDatabase`].
    pub fn open(&self, label: &str) -> Result<Connection, Error> {
        self.databases.get(label).map(Connection::new).ok_or(Error::NoSuchDatabase)
    }
}

/// SQLite's own text, as Spin gives it.
fn io(error: impl std::fmt::Display) -> Error {
    Error::Io(error.to_string())
}

/// The error of a statement whose outcome is unknown.
#[must_use]
pub fn lost() -> Error {
    Error::Io("the statement was abandoned".into())
}

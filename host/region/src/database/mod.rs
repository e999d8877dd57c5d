//! The region's own look at its database: one text for SQLite and Postgres, `$1…` for parameters.
//!
//! On SQLite it goes through the same pool as the components' statements, so that it waits its turn among their writes.

mod distance;
mod postgres;
mod row;
mod sqlite;

pub(crate) use distance::Distance;
pub use postgres::Listener;
pub use row::{Row, Value};

use std::time::Duration;

use migrations::Engine;
use storage::sqlite::SqliteDatabases;

#[cfg(test)]
use crate::simulation::postgres as simulated;

/// Why a statement failed. The text is the engine's own, and never holds a parameter.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, it is busy, or it gave this transaction up for another's sake: try again.
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// The statement failed.
    #[error("the database refused: {0}")]
    Refused(String),
    /// A row is not what it must be: a fault of ours, or of who wrote it.
    #[error("a row is not as expected: {0}")]
    Row(String),
}

/// The database of a region. Cheap to clone.
#[derive(Clone)]
pub enum Database {
    /// An embedded one.
    Sqlite(sqlite::Sqlite),
    /// A server.
    Postgres(postgres::Postgres),
    /// What a simulation has in a server's place.
    #[cfg(test)]
    Simulated(simulated::Client),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Database::Sqlite",
            Self::Postgres(_) => "Database::Postgres",
            #[cfg(test)]
            Self::Simulated(_) => "Database::Simulated",
        })
    }
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// One view of everything; writes nothing.
    Read,
    /// Writes; on SQLite alone.
    Write,
    /// Changes the tables themselves; alone among its kind on Postgres as well.
    Migrate,
}

/// A transaction; dropped without [`Transaction::commit`] it is rolled back.
pub enum Transaction {
    /// See [`Database::Sqlite`].
    Sqlite(sqlite::Transaction),
    /// See [`Database::Postgres`].
    Postgres(postgres::Transaction),
    /// See `Database::Simulated`.
    #[cfg(test)]
    Simulated(simulated::Transaction),
}

impl Database {
    /// The database with this label, whatever components may do with it.
    #[must_use]
    pub fn sqlite(databases: SqliteDatabases, label: &str) -> Self {
        Self::Sqlite(sqlite::Sqlite::new(databases, label))
    }

    /// A server, by its URL. Connects at once, so that a wrong address is found out at start.
    ///
    /// # Errors
    /// Where it cannot be reached.
    pub async fn postgres(url: &str) -> Result<Self, Error> {
        Ok(Self::Postgres(postgres::Postgres::connect(url).await?))
    }

    /// The same database over a connection of its own, for what must not wait for other transactions; an answer on it is waited for so long
    /// and no longer. On SQLite there is no such thing: it waits its turn as everybody does.
    #[must_use]
    pub fn apart(&self, patience: Duration) -> Self {
        match self {
            Self::Sqlite(database) => Self::Sqlite(database.clone()),
            Self::Postgres(database) => Self::Postgres(database.apart(patience)),
            #[cfg(test)]
            Self::Simulated(database) => Self::Simulated(database.clone()),
        }
    }

    /// Whose SQL it speaks.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
            #[cfg(test)]
            Self::Simulated(_) => Engine::Postgres,
        }
    }

    /// An expression for the database's clock: microseconds since the Unix epoch, UTC, at the moment at which it is evaluated.
    #[must_use]
    pub fn clock(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite::CLOCK,
            Self::Postgres(_) => postgres::CLOCK,
            #[cfg(test)]
            Self::Simulated(_) => simulated::CLOCK,
        }
    }

    /// What the server says of its history: another after every promotion or restore by which commits may have been lost. None where it says nothing.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn history(&self) -> Result<Option<String>, Error> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(database) => database.history().await,
            #[cfg(test)]
            Self::Simulated(database) => {
                let rows = database.ask("SELECT history()", &[]).await?;
                rows.into_iter().next().map(|mut row| row.text()).transpose()
            }
        }
    }

    /// Listens for what other nodes [tell](Self::tell). None on SQLite, which has one process.
    #[must_use]
    pub fn listen(&self, channel: &'static str) -> Option<Listener> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(database) => Some(database.listen(channel)),
            #[cfg(test)]
            Self::Simulated(_) => None,
        }
    }

    /// Notifies the listeners of this channel. It may get lost: listeners poll, too.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn tell(&self, channel: &'static str) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(database) => database.ask("SELECT pg_notify($1, '')::TEXT", &[channel.into()]).await.map(drop),
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    /// Runs one statement by itself. One that writes is committed when this returns; after an error it may or may not be.
    ///
    /// # Errors
    /// Where it fails.
    pub async fn ask(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite(database) => database.ask(statement, parameters).await,
            Self::Postgres(database) => database.ask(statement, parameters).await,
            #[cfg(test)]
            Self::Simulated(database) => database.ask(statement, parameters).await,
        }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Where there is no connection, or the lock is not to be had.
    pub async fn begin(&self, purpose: Purpose) -> Result<Transaction, Error> {
        Ok(match self {
            Self::Sqlite(database) => Transaction::Sqlite(database.begin(purpose).await?),
            Self::Postgres(database) => Transaction::Postgres(database.begin(purpose).await?),
            #[cfg(test)]
            Self::Simulated(database) => Transaction::Simulated(database.begin(purpose).await?),
        })
    }
}

impl Transaction {
    /// Runs a statement and returns all of its rows.
    ///
    /// # Errors
    /// Where it fails.
    pub async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite(transaction) => transaction.query(statement, parameters).await,
            Self::Postgres(transaction) => transaction.query(statement, parameters).await,
            #[cfg(test)]
            Self::Simulated(transaction) => transaction.query(statement, parameters).await,
        }
    }

    /// The database's clock: microseconds since the Unix epoch, UTC.
    ///
    /// # Errors
    /// Where it does not say.
    pub async fn now(&mut self) -> Result<i64, Error> {
        let clock = match self {
            Self::Sqlite(_) => sqlite::CLOCK,
            Self::Postgres(_) => postgres::CLOCK,
            #[cfg(test)]
            Self::Simulated(_) => simulated::CLOCK,
        };
        let rows = self.query(&format!("SELECT {clock}"), &[]).await?;
        rows.into_iter().next().ok_or_else(|| Error::Row("the clock gave none".to_owned()))?.integer()
    }

    /// Makes it so. After an error it may or may not be so.
    ///
    /// # Errors
    /// Where the database does not confirm it.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
            #[cfg(test)]
            Self::Simulated(transaction) => transaction.commit().await,
        }
    }
}

/// As the database counts time.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

//! A handle on a database.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, oneshot},
    task::spawn_blocking,
};

use super::{
    Error, Row, Rows, Value, lost,
    pool::{Database, Lease},
    statement::{FirstRows, InterruptSlot, Reader, Remainder, begins_writing, row_bytes, run},
};
use crate::batches::{Batches, Completion, too_long};

/// A handle on a database. Statements on one handle run one after the other.
#[derive(Clone)]
pub struct Connection {
    database: Arc<Database>,
    /// Locked while a statement runs, and while rows of it are still to come.
    lease: Arc<Mutex<Option<Lease>>>,
}

/// A statement that has begun: what it said so far, and where the rest comes from.
pub struct RunningStatement {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Batches<Row>,
    /// How it ended.
    pub ending: Completion<Error>,
}

impl Connection {
    pub(super) fn new(database: &Arc<Database>) -> Self {
        Self { database: Arc::clone(database), lease: Arc::default() }
    }

    /// Runs one statement to its end.
    ///
    /// # Errors
    /// [`Error::Io`] with SQLite's own text.
    pub async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        let RunningStatement { columns, rows, ending } = self.start(statement, parameters).await?;
        let rows = rows.collect(row_bytes).await.ok_or_else(|| Error::Io(too_long()))?;
        ending.get(lost).await?;
        Ok(Rows { columns, rows })
    }

    /// Begins one statement. An error of the statement itself is in its ending, as in Spin.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn start(&self, statement: String, parameters: Vec<Value>) -> Result<RunningStatement, Error> {
        let mut guard = Arc::clone(&self.lease).lock_owned().await;
        let lease = match &mut *guard {
            Some(lease) => lease,
            none => none.insert(self.database.lease().await?),
        };
        if begins_writing(&statement) {
            lease.take_turn().await?;
        }
        let (reply, started) = oneshot::channel();
        let running = Arc::new(InterruptSlot::default());
        // Dropping this call before its end stops the statement.
        let reader = Reader(Arc::clone(&running));
        spawn_blocking(move || run(guard, &statement, parameters, &running, reply));
        let FirstRows { columns, rows, more } = started.await.map_err(|_| lost())?;
        Ok(match more {
            Remainder::Nothing(outcome) => {
                RunningStatement { columns, rows: Batches::all(rows), ending: Completion::Known(outcome) }
            }
            Remainder::Coming { rest, ending } => RunningStatement {
                columns,
                rows: Batches::streamed(rows, rest, Box::new(reader)),
                ending: Completion::Later(ending),
            },
        })
    }

    /// The rowid of the last insert through this handle, 0 where there was none.
    pub async fn last_insert_rowid(&self) -> i64 {
        self.after_writing(rusqlite::Connection::last_insert_rowid).await.unwrap_or(0)
    }

    /// Rows changed by the last statement of this handle that changed any, 0 where there was none.
    pub async fn changes(&self) -> u64 {
        self.after_writing(rusqlite::Connection::changes).await.unwrap_or(0)
    }

    async fn after_writing<T>(&self, read: impl FnOnce(&rusqlite::Connection) -> T) -> Option<T> {
        let guard = self.lease.lock().await;
        let session = guard.as_ref()?.opened().filter(|session| session.has_changed_rows())?;
        Some(read(&session.sqlite))
    }
}

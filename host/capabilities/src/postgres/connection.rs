//! A guest's handle, and how its statements run.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use futures::{
    StreamExt as _,
    future::{BoxFuture, Either, select},
};
use sqlx::{Either as Item, Executor as _, Statement as _};
use storage::batches::{Batcher, Batches, Completion, too_long};
use storage::limits::{BATCHES_AHEAD, RESULT_BYTES};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, mpsc, oneshot},
    time::timeout,
};

use super::{
    Column, DbValue, Error, ParameterValue, QueryError, RowSet, decode,
    decode::row_bytes,
    effect::Effect,
    encode,
    error::{self, FEATURE_NOT_SUPPORTED},
    pool::{Lease, PooledConnection},
    probe,
};
use crate::limits;

type Row = Vec<DbValue>;

/// A handle on a connection. Statements on one handle run one after the other.
#[derive(Clone)]
pub struct Connection {
    /// Locked while a statement runs, and while rows of it are still to come.
    lease: Arc<Mutex<Lease>>,
}

/// A statement that has begun: what it said so far, and where the rest comes from.
pub(super) struct RunningStatement {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Batches<Row>,
    pub(super) ending: Completion<Error>,
    /// Rows inserted, changed or deleted, once it has ended.
    affected: Arc<AtomicU64>,
}

impl Connection {
    pub(super) fn new(lease: Lease) -> Self {
        Self { lease: Arc::new(Mutex::new(lease)) }
    }

    /// Runs one statement to its end, for its rows.
    ///
    /// # Errors
    /// [`Error::BadParameter`], [`Error::QueryFailed`] with the server's own words, [`Error::ValueConversionFailed`].
    pub async fn query(&self, statement: String, parameters: Vec<ParameterValue>) -> Result<RowSet, Error> {
        let RunningStatement { columns, rows, ending, .. } = self.start(statement, parameters).await?;
        let rows = rows.collect(|row| row_bytes(row)).await.ok_or_else(|| failed(too_long()))?;
        ending.get(lost).await?;
        Ok(RowSet { columns, rows })
    }

    /// Runs one statement to its end; gives how many rows it inserted, changed or deleted.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn execute(&self, statement: String, parameters: Vec<ParameterValue>) -> Result<u64, Error> {
        let RunningStatement { rows, ending, affected, .. } = self.start(statement, parameters).await?;
        rows.discard().await;
        ending.get(lost).await?;
        Ok(affected.load(Relaxed))
    }

    /// Begins one statement. An error that comes after it was accepted is in its ending, as in Spin.
    pub(super) async fn start(&self, statement: String, parameters: Vec<ParameterValue>) -> Result<RunningStatement, Error> {
        let guard = Arc::clone(&self.lease).lock_owned().await;
        let affected = Arc::new(AtomicU64::new(0));
        let (reply, first) = oneshot::channel();
        let work: BoxFuture<'static, ()> = Box::pin(run(guard, statement, parameters, Arc::clone(&affected), reply));
        // A short answer is complete when the work is: it needs no task. A long one continues in a task of its own.
        // Dropping this call before that drops the work with it, and closes its connection.
        let answer = match select(first, work).await {
            Either::Left((answer, work)) => {
                tokio::spawn(work);
                answer.map_err(|_| lost())?
            }
            Either::Right(((), mut first)) => first.try_recv().map_err(|_| lost())?,
        };
        let FirstRows { columns, rows, more } = answer?;
        let (rows, ending) = match more {
            Remainder::Nothing(outcome) => (Batches::all(rows), Completion::Known(outcome)),
            Remainder::Coming { rest, ending } => (Batches::streamed(rows, rest, Box::new(())), Completion::Later(ending)),
        };
        Ok(RunningStatement { columns, rows, ending, affected })
    }
}

/// The first piece of an answer.
struct FirstRows {
    columns: Vec<Column>,
    rows: Vec<Row>,
    more: Remainder,
}

enum Remainder {
    /// That was all, and this is how it ended.
    Nothing(Result<(), Error>),
    Coming {
        rest: mpsc::Receiver<Vec<Row>>,
        ending: oneshot::Receiver<Result<(), Error>>,
    },
}

/// Where further pieces go, and how it ended.
type RemainderSender = (mpsc::Sender<Vec<Row>>, oneshot::Sender<Result<(), Error>>);

/// Where a statement's rows go: into a first piece, then, if there are more, into a channel.
struct RowSink {
    /// None until the statement was accepted.
    columns: Option<Vec<Column>>,
    batcher: Batcher<Row>,
    first: Option<oneshot::Sender<Result<FirstRows, Error>>>,
    rest: Option<RemainderSender>,
}

impl RowSink {
    async fn row(&mut self, row: Row) -> Result<(), Error> {
        let bytes = row_bytes(&row);
        if bytes > RESULT_BYTES {
            return Err(failed(too_long()));
        }
        match self.batcher.push(row, bytes) {
            Some(batch) => self.send(batch).await,
            None => Ok(()),
        }
    }

    /// Waits while the guest has not read what was sent before.
    async fn send(&mut self, batch: Vec<Row>) -> Result<(), Error> {
        let nobody_reads = || failed("the rows are no longer read".into());
        if let Some(first) = self.first.take() {
            let (rest, more) = mpsc::channel(BATCHES_AHEAD);
            let (end, ending) = oneshot::channel();
            self.rest = Some((rest, end));
            let columns = self.columns.take().unwrap_or_default();
            let progress = FirstRows { columns, rows: batch, more: Remainder::Coming { rest: more, ending } };
            return first.send(Ok(progress)).map_err(|_| nobody_reads());
        }
        match &self.rest {
            Some((rest, _)) => rest.send(batch).await.map_err(|_| nobody_reads()),
            None => Ok(()),
        }
    }

    /// Sends the rest and the outcome; a receiver that has gone away is ignored.
    async fn finish(mut self, outcome: Result<(), Error>) {
        let batch = self.batcher.take();
        if let Some(first) = self.first.take() {
            let _ = first.send(match (self.columns, outcome) {
                (None, Err(error)) => Err(error),
                (columns, outcome) => {
                    Ok(FirstRows { columns: columns.unwrap_or_default(), rows: batch, more: Remainder::Nothing(outcome) })
                }
            });
        } else if let Some((rest, end)) = self.rest.take() {
            if !batch.is_empty() {
                let _ = rest.send(batch).await;
            }
            let _ = end.send(outcome);
        }
    }
}

/// Why a statement failed, and whether its connection can be used for another.
struct Failure {
    error: Error,
    connection_is_good: bool,
    schema_changed: bool,
    /// The server was lost.
    unreachable: bool,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self {
            connection_is_good: error::leaves_connection(&error),
            schema_changed: error::code(&error) == Some(FEATURE_NOT_SUPPORTED),
            unreachable: error::unreachable(&error),
            error: error::query(error),
        }
    }
}

async fn run(
    mut lease: OwnedMutexGuard<Lease>,
    statement: String,
    parameters: Vec<ParameterValue>,
    affected: Arc<AtomicU64>,
    reply: oneshot::Sender<Result<FirstRows, Error>>,
) {
    let effect = Effect::of(&statement);
    let mut output = RowSink { columns: None, batcher: Batcher::default(), first: Some(reply), rest: None };
    let outcome = step(&mut lease, &statement, parameters, &affected, &mut output).await;
    let outcome = match outcome {
        Ok(()) => {
            lease.ended(effect, true);
            Ok(())
        }
        Err(Failure { error, connection_is_good, schema_changed, unreachable }) => {
            if unreachable {
                lease.lost();
            }
            if connection_is_good {
                lease.ended(effect, false);
            }
            if schema_changed {
                lease.taint();
            }
            Err(error)
        }
    };
    // The handle is free before the outcome is sent, so that its next statement does not wait.
    drop(lease);
    output.finish(outcome).await;
}

async fn step(
    lease: &mut Lease,
    statement: &str,
    parameters: Vec<ParameterValue>,
    affected: &AtomicU64,
    output: &mut RowSink,
) -> Result<(), Failure> {
    let unread = |error| Failure { error, connection_is_good: false, schema_changed: false, unreachable: false };
    let silent = |probe::ConnectionLost { unreachable }| Failure {
        error: lost(),
        connection_is_good: false,
        schema_changed: false,
        unreachable,
    };
    let (pool, PooledConnection { connection, backend, distance, .. }) = lease.begin().ok_or_else(|| unread(lost()))?;
    let (backend, distance) = (*backend, *distance);
    let prepared = probe::heard(pool, backend, distance, connection.prepare(statement)).await.map_err(silent)??;
    let types = match prepared.parameters() {
        Some(Item::Left(types)) => types,
        _ => &[],
    };
    let arguments =
        encode::arguments(types, parameters).map_err(|error| Failure { connection_is_good: true, ..unread(error) })?;
    output.columns = Some(decode::columns(prepared.columns()));
    let mut items = connection.fetch_many(prepared.query_with(arguments));
    loop {
        // Once no call waits for it, a silent server must not occupy the connection's slot for good.
        let next = match output.rest {
            None => probe::heard(pool, backend, distance, items.next()).await.map_err(silent)?,
            Some(_) => timeout(limits::POSTGRES_SILENCE, items.next())
                .await
                .map_err(|_| Failure { unreachable: true, ..unread(lost()) })?,
        };
        let Some(item) = next else { break };
        match item? {
            Item::Left(result) => affected.store(result.rows_affected(), Relaxed),
            Item::Right(row) => output.row(decode::row(&row).map_err(unread)?).await.map_err(unread)?,
        }
    }
    Ok(())
}

fn failed(text: String) -> Error {
    Error::QueryFailed(QueryError::Text(text))
}

/// The error of a statement whose outcome is unknown.
pub(super) fn lost() -> Error {
    failed("the statement was abandoned".into())
}

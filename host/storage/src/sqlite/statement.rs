//! How a statement runs, on a blocking thread.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{
    InterruptHandle,
    types::{Value as SqliteValue, ValueRef},
};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

use super::{Error, Row, Value, io, pool::Lease, session::Session};
use crate::{
    batches::{Batcher, too_long},
    limits,
};

/// The first piece of an answer.
pub(super) struct FirstRows {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) more: Remainder,
}

pub(super) enum Remainder {
    /// That was all, and this is how it ended.
    Nothing(Result<(), Error>),
    Coming {
        rest: mpsc::Receiver<Vec<Row>>,
        ending: oneshot::Receiver<Result<(), Error>>,
    },
}

/// The means to stop a statement, there only while it runs: a moment later its connection may be somebody else's.
#[derive(Default)]
pub(super) struct InterruptSlot(Mutex<Option<InterruptHandle>>);

impl InterruptSlot {
    fn set(&self, handle: Option<InterruptHandle>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }
}

/// The caller of a statement. Dropped, it stops the statement if that still runs.
pub(super) struct Reader(pub(super) Arc<InterruptSlot>);

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(handle) = &*self.0.0.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }
}

/// Where further pieces go, and how it ended.
type RemainderSender = (mpsc::Sender<Vec<Row>>, oneshot::Sender<Result<(), Error>>);

/// Where a statement's rows go: into a first piece, then, if there are more, into a channel.
struct RowSink {
    columns: Vec<String>,
    batcher: Batcher<Row>,
    first: Option<oneshot::Sender<FirstRows>>,
    rest: Option<RemainderSender>,
}

impl RowSink {
    fn row(&mut self, row: Row) -> Result<(), Error> {
        let bytes = row_bytes(&row);
        if bytes > limits::RESULT_BYTES {
            return Err(Error::Io(too_long()));
        }
        match self.batcher.push(row, bytes) {
            Some(batch) => self.send(batch),
            None => Ok(()),
        }
    }

    /// Blocks while the guest has not read what was sent before.
    fn send(&mut self, batch: Vec<Row>) -> Result<(), Error> {
        let nobody_reads = || Error::Io("the rows are no longer read".into());
        if let Some(first) = self.first.take() {
            let (rest, more) = mpsc::channel(limits::BATCHES_AHEAD);
            let (end, ending) = oneshot::channel();
            self.rest = Some((rest, end));
            let progress = FirstRows {
                columns: std::mem::take(&mut self.columns),
                rows: batch,
                more: Remainder::Coming { rest: more, ending },
            };
            return first.send(progress).map_err(|_| nobody_reads());
        }
        match &self.rest {
            Some((rest, _)) => rest.blocking_send(batch).map_err(|_| nobody_reads()),
            None => Ok(()),
        }
    }

    /// Sends the rest and the outcome; a receiver that has gone away is ignored.
    fn finish(mut self, outcome: Result<(), Error>) {
        let batch = self.batcher.take();
        if let Some(first) = self.first.take() {
            let _ = first.send(FirstRows { columns: self.columns, rows: batch, more: Remainder::Nothing(outcome) });
        } else if let Some((rest, end)) = self.rest.take() {
            if !batch.is_empty() {
                let _ = rest.blocking_send(batch);
            }
            let _ = end.send(outcome);
        }
    }
}

/// Runs one statement to its end. Blocks.
pub(super) fn run(
    mut guard: OwnedMutexGuard<Option<Lease>>,
    statement: &str,
    parameters: Vec<Value>,
    running: &InterruptSlot,
    reply: oneshot::Sender<FirstRows>,
) {
    let Some(lease) = &mut *guard else { return };
    let mut output = RowSink { columns: Vec::new(), batcher: Batcher::default(), first: Some(reply), rest: None };
    let outcome = lease.session().and_then(|session| {
        running.set(Some(session.sqlite.get_interrupt_handle()));
        let outcome = step(session, statement, parameters, &mut output);
        running.set(None);
        outcome
    });
    lease.after_statement();
    // The handle is free before the outcome is sent, so that its next statement does not wait.
    drop(guard);
    output.finish(outcome);
}

fn step(session: &Session, statement: &str, parameters: Vec<Value>, output: &mut RowSink) -> Result<(), Error> {
    let mut prepared = session.sqlite.prepare_cached(statement).map_err(io)?;
    output.columns = prepared.column_names().into_iter().map(str::to_owned).collect();
    let columns = output.columns.len();
    let mut rows = prepared.query(rusqlite::params_from_iter(parameters.into_iter().map(to_sqlite))).map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        let values = (0..columns).map(|column| from_sqlite(row.get_ref(column).map_err(io)?)).collect::<Result<_, Error>>()?;
        output.row(Row { values })?;
    }
    if first_word_is(statement, "pragma") {
        session.bound_busy_timeout().map_err(io)?;
    }
    Ok(())
}

fn to_sqlite(value: Value) -> SqliteValue {
    match value {
        Value::Null => SqliteValue::Null,
        Value::Integer(number) => SqliteValue::Integer(number),
        Value::Real(number) => SqliteValue::Real(number),
        Value::Text(text) => SqliteValue::Text(text),
        Value::Blob(bytes) => SqliteValue::Blob(bytes),
    }
}

fn from_sqlite(value: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8(text.to_vec()).map_err(io)?),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

/// What a row costs in memory.
pub(super) fn row_bytes(row: &Row) -> usize {
    let value_bytes = |value: &Value| {
        size_of::<Value>()
            + match value {
                Value::Text(text) => text.len(),
                Value::Blob(bytes) => bytes.len(),
                Value::Null | Value::Integer(_) | Value::Real(_) => 0,
            }
    };
    row.values.iter().map(value_bytes).sum()
}

fn first_word_is(statement: &str, word: &str) -> bool {
    statement.split_ascii_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word))
}

/// Whether a statement asks for the write lock at once, so that it may as well wait for it in order.
pub(super) fn begins_writing(statement: &str) -> bool {
    let second = statement.split_ascii_whitespace().nth(1).map(|word| word.trim_end_matches(';'));
    first_word_is(statement, "begin")
        && second.is_some_and(|word| word.eq_ignore_ascii_case("immediate") || word.eq_ignore_ascii_case("exclusive"))
}

//! Rows on their way to who asked for them: what is short goes over in one piece, what is long is streamed in pieces.

use std::{
    any::Any,
    task::{Context, Poll},
};

use tokio::sync::{mpsc, oneshot};

use crate::limits;

/// A stream of `T`, made elsewhere piece by piece.
pub struct Batches<T> {
    ready: Vec<T>,
    rest: Option<mpsc::Receiver<Vec<T>>>,
    /// Dropped when the reader is gone.
    _reader: Option<Box<dyn Any + Send>>,
}

/// How a stream ended, once it has.
pub enum Completion<E> {
    /// It has.
    Known(Result<(), E>),
    /// Who makes the rows will say.
    Later(oneshot::Receiver<Result<(), E>>),
}

impl<E> Completion<E> {
    /// Waits for the outcome; `lost` is the answer where the sender of the rows is gone without one.
    pub async fn get(self, lost: impl FnOnce() -> E) -> Result<(), E> {
        match self {
            Self::Known(outcome) => outcome,
            Self::Later(outcome) => outcome.await.unwrap_or_else(|_| Err(lost())),
        }
    }
}

impl<T> Batches<T> {
    /// Everything there is.
    #[must_use]
    pub fn all(rows: Vec<T>) -> Self {
        Self { ready: rows, rest: None, _reader: None }
    }

    /// The first piece, and where the others come from. `reader` is dropped when the rows are no longer read.
    #[must_use]
    pub fn streamed(first: Vec<T>, rest: mpsc::Receiver<Vec<T>>, reader: Box<dyn Any + Send>) -> Self {
        Self { ready: first, rest: Some(rest), _reader: Some(reader) }
    }

    /// Everything in one piece, up to [`limits::RESULT_BYTES`]; beyond that, none.
    pub async fn collect(mut self, bytes: impl Fn(&T) -> usize) -> Option<Vec<T>> {
        let mut rows = std::mem::take(&mut self.ready);
        let mut total: usize = rows.iter().map(&bytes).sum();
        if let Some(rest) = &mut self.rest {
            while let Some(mut batch) = rest.recv().await {
                total = batch.iter().map(&bytes).fold(total, usize::saturating_add);
                if total > limits::RESULT_BYTES {
                    return None;
                }
                rows.append(&mut batch);
            }
        }
        Some(rows)
    }

    /// The next piece; none: that was all.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<T>>> {
        if !self.ready.is_empty() {
            return Poll::Ready(Some(std::mem::take(&mut self.ready)));
        }
        match &mut self.rest {
            Some(rest) => rest.poll_recv(context),
            None => Poll::Ready(None),
        }
    }

    /// Whether it is certain that no further piece comes.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ready.is_empty() && self.rest.is_none()
    }

    /// Waits for the end and keeps nothing.
    pub async fn discard(mut self) {
        if let Some(rest) = &mut self.rest {
            while rest.recv().await.is_some() {}
        }
    }
}

/// Gathers rows into pieces of at most [`limits::BATCH_ROWS`] rows and about [`limits::BATCH_BYTES`] bytes.
pub struct Batcher<T> {
    rows: Vec<T>,
    bytes: usize,
}

impl<T> Default for Batcher<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), bytes: 0 }
    }
}

impl<T> Batcher<T> {
    /// Adds a row; a piece, when it is full.
    pub fn push(&mut self, row: T, bytes: usize) -> Option<Vec<T>> {
        self.rows.push(row);
        self.bytes = self.bytes.saturating_add(bytes);
        (self.rows.len() >= limits::BATCH_ROWS || self.bytes >= limits::BATCH_BYTES).then(|| self.take())
    }

    /// What has gathered since the last full piece.
    pub fn take(&mut self) -> Vec<T> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

/// What Spin says of an answer that is too long.
#[must_use]
pub fn too_long() -> String {
    format!("query result exceeds limit of {} bytes", limits::RESULT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_by_rows_and_bytes() {
        let mut batcher = Batcher::default();
        let full = (0..).find_map(|row| batcher.push(row, 1)).unwrap();
        assert_eq!(full.len(), limits::BATCH_ROWS);
        assert!(batcher.push(0, limits::BATCH_BYTES - 1).is_none());
        assert_eq!(batcher.push(1, 1), Some(vec![0, 1]));
        assert!(batcher.take().is_empty());
    }

    #[tokio::test]
    async fn collecting_stops_at_the_limit() {
        let (tx, rx) = mpsc::channel(4);
        tx.try_send(vec![limits::RESULT_BYTES]).unwrap();
        tx.try_send(vec![1]).unwrap();
        drop(tx);
        let rows = Batches::streamed(vec![0], rx, Box::new(()));
        assert_eq!(rows.collect(|bytes| *bytes).await, None);
        assert_eq!(Batches::all(vec![1, 2]).collect(|bytes| *bytes).await, Some(vec![1, 2]));
    }
}

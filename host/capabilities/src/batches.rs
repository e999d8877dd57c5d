//! Rows on their way to a guest: what is short goes over in one piece, what is long is streamed in pieces.

use std::{
    any::Any,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::{mpsc, oneshot};
use wasmtime::{
    StoreContextMut,
    component::{Destination, StreamProducer, StreamResult, VecBuffer},
};

use crate::limits;

/// A stream of `T`, made elsewhere piece by piece.
pub(crate) struct Batches<T> {
    ready: Vec<T>,
    rest: Option<mpsc::Receiver<Vec<T>>>,
    /// Dropped when nobody reads any more.
    _reader: Option<Box<dyn Any + Send>>,
}

/// How a stream ended, once it has.
pub(crate) enum Ending<E> {
    Known(Result<(), E>),
    Later(oneshot::Receiver<Result<(), E>>),
}

impl<E> Ending<E> {
    /// Waits for the end; `lost` is the answer where whoever made the rows is gone without a word.
    pub(crate) async fn get(self, lost: impl FnOnce() -> E) -> Result<(), E> {
        match self {
            Self::Known(outcome) => outcome,
            Self::Later(outcome) => outcome.await.unwrap_or_else(|_| Err(lost())),
        }
    }
}

impl<T> Batches<T> {
    /// Everything there is.
    pub(crate) fn all(rows: Vec<T>) -> Self {
        Self { ready: rows, rest: None, _reader: None }
    }

    /// The first piece, and where the others come from. `reader` is dropped when nobody reads any more.
    pub(crate) fn streamed(first: Vec<T>, rest: mpsc::Receiver<Vec<T>>, reader: Box<dyn Any + Send>) -> Self {
        Self { ready: first, rest: Some(rest), _reader: Some(reader) }
    }

    /// Everything in one piece, up to [`limits::RESULT_BYTES`]; beyond that, none.
    pub(crate) async fn collect(mut self, bytes: impl Fn(&T) -> usize) -> Option<Vec<T>> {
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

    /// Waits for the end and keeps nothing.
    pub(crate) async fn discard(mut self) {
        if let Some(rest) = &mut self.rest {
            while rest.recv().await.is_some() {}
        }
    }
}

impl<D, T: Send + Sync + Unpin + 'static> StreamProducer<D> for Batches<T> {
    type Item = T;
    type Buffer = VecBuffer<T>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, VecBuffer<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        // A read of nothing asks whether there is something; the next one finds out.
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        if !this.ready.is_empty() {
            destination.set_buffer(std::mem::take(&mut this.ready).into());
            return Poll::Ready(Ok(if this.rest.is_some() { StreamResult::Completed } else { StreamResult::Dropped }));
        }
        let Some(rest) = &mut this.rest else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        match rest.poll_recv(cx) {
            Poll::Ready(Some(batch)) => {
                destination.set_buffer(batch.into());
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Gathers rows into pieces of at most [`limits::BATCH_ROWS`] rows and about [`limits::BATCH_BYTES`] bytes.
pub(crate) struct Batcher<T> {
    rows: Vec<T>,
    bytes: usize,
}

impl<T> Batcher<T> {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), bytes: 0 }
    }

    /// Adds a row; a piece, when it is full.
    pub(crate) fn push(&mut self, row: T, bytes: usize) -> Option<Vec<T>> {
        self.rows.push(row);
        self.bytes = self.bytes.saturating_add(bytes);
        (self.rows.len() >= limits::BATCH_ROWS || self.bytes >= limits::BATCH_BYTES).then(|| self.take())
    }

    /// What has gathered since the last full piece.
    pub(crate) fn take(&mut self) -> Vec<T> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }
}

/// What Spin says of an answer that is too long.
pub(crate) fn too_long() -> String {
    format!("query result exceeds limit of {} bytes", limits::RESULT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_full_by_rows_or_by_bytes() {
        let mut batcher = Batcher::new();
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

//! Rows on their way into a guest, piece by piece.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use storage::batches::Batches;
use wasmtime::{
    StoreContextMut,
    component::{Destination, StreamProducer, StreamResult, VecBuffer},
};

/// A stream of `T`, each made of a row as it was read.
pub(crate) struct Rows<R, T> {
    batches: Batches<R>,
    row: fn(R) -> T,
}

impl<R, T> Rows<R, T> {
    pub(crate) fn new(batches: Batches<R>, row: fn(R) -> T) -> Self {
        Self { batches, row }
    }
}

impl<D, R, T> StreamProducer<D> for Rows<R, T>
where
    R: Send + Sync + Unpin + 'static,
    T: Send + Sync + Unpin + 'static,
{
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
        match this.batches.poll_next(cx) {
            Poll::Ready(Some(batch)) => {
                destination.set_buffer(batch.into_iter().map(this.row).collect::<Vec<_>>().into());
                Poll::Ready(Ok(if this.batches.is_over() { StreamResult::Dropped } else { StreamResult::Completed }))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

//! A body that counts as a request being worked on until the last of it has gone.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

/// See the module.
pub(crate) struct PermitBody<B> {
    body: B,
    _permit: OwnedSemaphorePermit,
}

impl<B> PermitBody<B> {
    pub(crate) fn new(body: B, permit: OwnedSemaphorePermit) -> Self {
        Self { body, _permit: permit }
    }
}

impl<B: Body + Unpin> Body for PermitBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! Bodies on their way into and out of an instance.

use super::Ticket;
use bytes::Bytes;
use contracts::{BodyError, RequestBody};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// A request's body, as instances read it.
pub(super) fn readable(body: RequestBody) -> WasiBody {
    if body.is_end_stream() { empty() } else { body.map_err(broken_off).boxed_unsync() }
}

/// No body.
pub(super) fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn broken_off(error: BodyError) -> Error {
    Error::InternalError(Some(error.to_string()))
}

/// A response's body, as the guest sends it. While it lives the request counts as being worked on.
pub struct ResponseBody {
    inner: WasiBody,
    _ticket: Arc<Ticket>,
}

impl ResponseBody {
    pub(super) fn new(inner: WasiBody, ticket: Arc<Ticket>) -> Self {
        Self { inner, _ticket: ticket }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    /// An instance that ends amid a body ends it with an error, too.
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

//! Bodies on their way through: requests' within their limit, answers' with what ends when they end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use runtime::{RequestBody, ResponseBody};
use wasmtime_wasi_http::Error;

use crate::connection::Busy;
use crate::limits::{BODY_BYTES, SETTLED, SETTLED_BYTES, UNREAD, UNREAD_BYTES};

/// A request's body that is known.
#[must_use]
pub fn known(bytes: Bytes) -> RequestBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A request's body as another node sends it, within [`BODY_BYTES`].
#[must_use]
pub fn received(body: hyper::body::Incoming) -> RequestBody {
    if body.is_end_stream() { runtime::empty() } else { Limited::new(body, Overrun::default()).boxed_unsync() }
}

/// Reads what a client goes on sending, up to [`UNREAD_BYTES`] and [`UNREAD`], and forgets it.
pub(crate) async fn drain<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) {
    let reading = async {
        let mut left = UNREAD_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    };
    // Whether all of it came or not, the refusal is next.
    _ = tokio::time::timeout(UNREAD, reading).await;
}

/// A body off the wire. Where it is dropped before its end, by a component that has read enough to refuse it, the rest is read all the
/// same: else the connection would close on a client that is still writing, and that never sees the answer.
#[derive(Debug)]
pub(crate) struct Received<B: HttpBody<Data = Bytes> + Unpin + Send + 'static>(Option<B>);

impl<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> Received<B> {
    /// Takes over a body.
    pub(crate) fn new(body: B) -> Self {
        Self(Some(body))
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> Drop for Received<B> {
    fn drop(&mut self) {
        if let Some(rest) = self.0.take().filter(|body| !body.is_end_stream())
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(drain(rest));
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> HttpBody for Received<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.0.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(B::size_hint).unwrap_or_default()
    }
}

/// Says, after the fact, whether a body was cut off at its limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrun(Arc<AtomicBool>);

impl Overrun {
    /// Whether it was.
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A body that fails once it is longer than [`BODY_BYTES`].
#[derive(Debug)]
pub(crate) struct Limited<B> {
    inner: B,
    left: u64,
    overrun: Overrun,
}

impl<B> Limited<B> {
    /// Limits `inner`; `overrun` hears if that was necessary.
    pub(crate) fn new(inner: B, overrun: Overrun) -> Self {
        Self { inner, left: BODY_BYTES, overrun }
    }
}

impl<B> HttpBody for Limited<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match std::task::ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        let length = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
        match self.left.checked_sub(length) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(frame)))
            }
            None => {
                self.left = 0;
                self.overrun.0.store(true, Ordering::Release);
                Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(BODY_BYTES)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// Dropped with the body: that is how the connection knows when an answer has been sent.
    busy: Option<Busy>,
}

#[derive(Debug)]
enum Content {
    Whole(Full<Bytes>),
    Component(Begun<ResponseBody>),
    Remote(RequestBody),
}

/// A body of which some has come already.
#[derive(Debug)]
struct Begun<B> {
    first: VecDeque<Frame<Bytes>>,
    rest: B,
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// A body that is known.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        Self { content: Content::Whole(Full::new(bytes)), busy: None }
    }

    /// What another node answers, as it comes.
    #[must_use]
    pub fn remote<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        Self { content: Content::Remote(body.map_err(Error::from).boxed_unsync()), busy: None }
    }

    /// What a component answers. One that is short and comes at once is known as a whole: then its length is, and it leaves in one
    /// write with its head, where a connection would else carry three.
    ///
    /// # Errors
    /// Where the body breaks off before anything of the answer was sent.
    pub(crate) async fn settled(body: ResponseBody) -> Result<Self, Error> {
        let content = match settled(body).await? {
            Settled::Whole(bytes) => Content::Whole(Full::new(bytes)),
            Settled::Begun(begun) => Content::Component(begun),
        };
        Ok(Self { content, busy: None })
    }

    pub(crate) fn holding(&mut self, busy: Busy) {
        self.busy = Some(busy);
    }
}

enum Settled<B> {
    Whole(Bytes),
    Begun(Begun<B>),
}

/// All of a body, or what of it came at once and the rest.
async fn settled<B>(mut rest: B) -> Result<Settled<B>, B::Error>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let mut first = VecDeque::new();
    let mut bytes = 0;
    let coming = async {
        while bytes <= SETTLED_BYTES {
            let Some(frame) = rest.frame().await.transpose()? else { return Ok(true) };
            bytes += frame.data_ref().map_or(0, Bytes::len);
            let trailers = frame.is_trailers();
            first.push_back(frame);
            if trailers {
                break;
            }
        }
        Ok(false)
    };
    // Who sends bit by bit is not held up.
    if !tokio::time::timeout(SETTLED, coming).await.unwrap_or(Ok(false))? {
        return Ok(Settled::Begun(Begun { first, rest }));
    }
    let mut frames = first.into_iter().filter_map(|frame| frame.into_data().ok());
    let whole = match (frames.next(), frames.next()) {
        (None, _) => Bytes::new(),
        (Some(only), None) => only,
        (Some(one), Some(two)) => [one, two].into_iter().chain(frames).flatten().collect(),
    };
    Ok(Settled::Whole(whole))
}

impl<B> HttpBody for Begun<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.first.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_end_stream()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.content {
            Content::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Content::Component(body) => Pin::new(body).poll_frame(context),
            Content::Remote(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(body) => body.is_end_stream(),
            Content::Component(body) => body.is_end_stream(),
            Content::Remote(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(body) => body.size_hint(),
            Content::Component(body) => body.size_hint(),
            Content::Remote(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt as _, stream};
    use http_body_util::StreamBody;

    fn pieces(count: usize, bytes: usize) -> impl HttpBody<Data = Bytes, Error = std::convert::Infallible> + Unpin {
        StreamBody::new(stream::iter((0..count).map(move |_| Ok(Frame::data(Bytes::from(vec![0; bytes]))))))
    }

    #[tokio::test]
    async fn a_body_within_its_limit_passes() {
        let overrun = Overrun::default();
        let body = Limited::new(pieces(16, 64 * 1024), overrun.clone());
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 1024 * 1024);
        assert!(!overrun.happened());
    }

    #[tokio::test]
    async fn what_is_short_and_comes_at_once_is_known_as_a_whole() {
        for (count, bytes) in [(0, 0), (1, 10), (3, 10)] {
            let Ok(Settled::Whole(whole)) = settled(pieces(count, bytes)).await else { panic!("{count} pieces") };
            assert_eq!(whole.len(), count * bytes);
        }
    }

    #[tokio::test]
    async fn what_is_long_or_slow_goes_on_as_it_comes() {
        let long = settled(pieces(9, SETTLED_BYTES / 4)).await;
        let slow =
            settled(StreamBody::new(pieces(1, 10).into_data_stream().map(|data| data.map(Frame::data)).chain(stream::pending())))
                .await;
        let (Ok(Settled::Begun(long)), Ok(Settled::Begun(mut slow))) = (long, slow) else { panic!("not known as a whole") };
        assert_eq!(long.collect().await.unwrap().to_bytes().len(), 9 * (SETTLED_BYTES / 4));
        assert_eq!(slow.frame().await.unwrap().unwrap().into_data().unwrap().len(), 10);
    }

    #[tokio::test]
    async fn a_short_one_that_breaks_off_is_an_error() {
        let frames = [Ok(Frame::data(Bytes::from_static(b"half"))), Err("gone")];
        assert_eq!(settled(StreamBody::new(stream::iter(frames))).await.err(), Some("gone"));
    }

    #[tokio::test]
    async fn a_longer_one_is_cut_off_and_says_so() {
        let overrun = Overrun::default();
        let body = Limited::new(pieces(17, 64 * 1024), overrun.clone());
        assert!(matches!(body.collect().await.unwrap_err(), Error::HttpRequestBodySize(Some(BODY_BYTES))));
        assert!(overrun.happened());
    }
}

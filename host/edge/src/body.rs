//! Bodies on their way through. A request's is read whole before anything is taken for it, and an answer's is taken from whoever makes it before its
//! client takes it: so nothing scarce waits for a client.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contracts::{BodyError, BoxError, RequestBody};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::connection::{ActiveRequest, ClientTimeouts};
use crate::limits::{
    ANSWER_BYTES, ANSWERS_BYTES, BODIES_BYTES, BODY_BYTES, BODY_RATE, FILE_BYTES, FILES_BYTES, SETTLED, SETTLED_BYTES, UNREAD,
    UNREAD_BYTES,
};
use crate::problem::Problem;

// Requests -----------------------------------------------------------------------------------------------------------

/// A request's body that is known.
#[must_use]
pub fn known(bytes: Bytes) -> RequestBody {
    if bytes.is_empty() { contracts::empty() } else { Full::new(bytes).map_err(|never| match never {}).boxed_unsync() }
}

/// Room for bodies that are still coming, in bytes.
struct Room {
    bodies: Semaphore,
    /// For what files have beyond [`BODY_BYTES`].
    files: Semaphore,
}

impl Room {
    const fn new() -> Self {
        Self { bodies: Semaphore::const_new(BODIES_BYTES), files: Semaphore::const_new(FILES_BYTES) }
    }

    /// Room for a piece of a body of which so much has come with it; none: there is none.
    fn take(&self, piece: usize, come: u64) -> Option<SemaphorePermit<'_>> {
        let of = if come > BODY_BYTES { &self.files } else { &self.bodies };
        of.try_acquire_many(u32::try_from(piece).unwrap_or(u32::MAX)).ok()
    }
}

static ROOM: Room = Room::new();

/// A request's body as another node sends it, whole: see `whole`. That node knows its route, and how much that permits.
///
/// # Errors
/// As `whole`.
pub async fn received(body: hyper::body::Incoming) -> Result<RequestBody, Problem> {
    whole(body, FILE_BYTES, &ClientTimeouts::default()).await.map(known).map_err(|(problem, _)| problem)
}

/// Reads a request's body, within so many bytes and as fast as it must come. With the problem comes what has not been read.
pub(crate) async fn whole<B>(body: B, most: u64, timeouts: &ClientTimeouts) -> Result<Bytes, (Problem, B)>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    whole_in(&ROOM, body, most, timeouts).await
}

async fn whole_in<B>(all: &Room, mut body: B, most: u64, timeouts: &ClientTimeouts) -> Result<Bytes, (Problem, B)>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let (began, longest) = (Instant::now(), if most > BODY_BYTES { timeouts.file } else { timeouts.body });
    let (mut first, mut rest, mut length) = (Bytes::new(), BytesMut::new(), 0_usize);
    let mut room: Vec<SemaphorePermit<'_>> = Vec::new();
    loop {
        let earned = Duration::from_millis(u64::try_from(length).unwrap_or(u64::MAX).saturating_mul(1_000) / BODY_RATE);
        let until = began + longest.min(timeouts.body_grace + earned);
        let data = match tokio::time::timeout_at(until, body.frame()).await {
            Err(_) => return Err((Problem::TooSlow, body)),
            Ok(None) => break,
            // Who does not send all of it has asked nothing.
            Ok(Some(Err(_))) => return Err((Problem::TooSlow, body)),
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        length += data.len();
        let come = u64::try_from(length).unwrap_or(u64::MAX);
        if come > most {
            return Err((Problem::TooLarge, body));
        }
        if body.is_end_stream() && rest.is_empty() && first.is_empty() {
            return Ok(data);
        }
        match all.take(data.len(), come) {
            Some(taken) => room.push(taken),
            None => return Err((Problem::Unavailable(crate::limits::RETRY_AFTER_SECONDS), body)),
        }
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Drains a body that is not used, up to [`UNREAD_BYTES`] and [`UNREAD`], while the refusal is sent: else the connection would close on a client that is still
/// writing, and that never sees it.
pub fn drain<B: HttpBody<Data = Bytes> + Unpin + Send + 'static>(mut body: B) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(tokio::time::timeout(UNREAD, async move {
        let mut left = UNREAD_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    }));
}

// Answers ------------------------------------------------------------------------------------------------------------

/// An answer's body.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// Dropped with the body: that is how the connection knows when an answer has been sent.
    busy: Option<ActiveRequest>,
}

#[derive(Debug)]
enum Content {
    Whole(Full<Bytes>),
    Streamed(Streamed),
    Live(Live),
}

/// What is made as it is taken, and does not end by itself.
struct Live(Mutex<BoxStream<'static, Bytes>>);

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
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

    /// A body that is made as its client takes it.
    pub(crate) fn live(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self { content: Content::Live(Live(Mutex::new(pieces.boxed()))), busy: None }
    }

    /// What a component or another node answers. One that is short and comes at once is known as a whole: then its length is, and it leaves in one
    /// write with its head, where a connection would else carry three. Of any other up to [`ANSWER_BYTES`] are taken before its reader takes them.
    /// `body` is dropped once all of it has been taken, and what it holds with it.
    ///
    /// # Errors
    /// Where the body breaks off before anything of the answer was sent.
    pub async fn taken<B>(mut body: B) -> Result<Self, BodyError>
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let hint = body.size_hint();
        let (first, over) = settle(&mut body).await.map_err(BodyError::new)?;
        if over {
            return Ok(Self::full(joined(first)));
        }
        Ok(Self { content: Content::Streamed(Streamed::of(body, first, hint)), busy: None })
    }

    /// Drops `held` once this body is complete and only has to be read.
    pub fn until_made(&self, held: impl Send + 'static) {
        if let Content::Streamed(streamed) = &self.content {
            let mut until = streamed.until.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(until) = &mut *until {
                until.push(Box::new(held));
            }
        }
    }

    /// Its client has to take it from now on, on the connection that this is a request of.
    pub(crate) fn holding(&mut self, mut busy: ActiveRequest) {
        busy.answered();
        self.busy = Some(busy);
    }
}

/// What of a body comes at once, and whether that is all of it.
async fn settle<B>(body: &mut B) -> Result<(Vec<Frame<Bytes>>, bool), B::Error>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (mut first, mut bytes) = (Vec::new(), 0);
    let streamed = async {
        while bytes <= SETTLED_BYTES {
            let Some(frame) = body.frame().await.transpose()? else { return Ok(true) };
            bytes += frame.data_ref().map_or(0, Bytes::len);
            let trailers = frame.is_trailers();
            first.push(frame);
            if trailers {
                break;
            }
        }
        Ok(false)
    };
    // Who sends bit by bit is not held up.
    let over = tokio::time::timeout(SETTLED, streamed).await.unwrap_or(Ok(false))?;
    Ok((first, over))
}

fn joined(frames: Vec<Frame<Bytes>>) -> Bytes {
    let mut frames = frames.into_iter().filter_map(|frame| frame.into_data().ok());
    match (frames.next(), frames.next()) {
        (None, _) => Bytes::new(),
        (Some(only), None) => only,
        (Some(one), Some(two)) => [one, two].into_iter().chain(frames).flatten().collect(),
    }
}

/// Room for answers that wait for their clients, in bytes.
static WAITING: Semaphore = Semaphore::const_new(ANSWERS_BYTES);

/// What is to be dropped when a body has been made; none: it has.
type HeldResources = Arc<Mutex<Option<Vec<Box<dyn Any + Send>>>>>;

/// A body of which some waits here, and the rest is still being made.
#[derive(Debug)]
struct Streamed {
    pieces: mpsc::UnboundedReceiver<Result<Chunk, BodyError>>,
    /// Bytes that may still be taken before the reader takes some.
    room: Arc<Semaphore>,
    until: HeldResources,
    hint: SizeHint,
    over: bool,
}

#[derive(Debug)]
struct Chunk {
    frame: Frame<Bytes>,
    room: usize,
    _waiting: Option<SemaphorePermit<'static>>,
}

impl Streamed {
    fn of<B>(body: B, first: Vec<Frame<Bytes>>, hint: SizeHint) -> Self
    where
        B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (sender, pieces) = mpsc::unbounded_channel();
        let (room, until): (_, HeldResources) = (Arc::new(Semaphore::new(ANSWER_BYTES)), Arc::new(Mutex::new(Some(Vec::new()))));
        let (of_task, done) = (Arc::clone(&room), Arc::clone(&until));
        tokio::spawn(async move {
            take(body, first, sender, &of_task).await;
            drop(done.lock().unwrap_or_else(PoisonError::into_inner).take());
        });
        Self { pieces, room, until, hint, over: false }
    }
}

/// Takes a body, as far as there is room, until it ends or nobody wants it any more.
async fn take<B>(mut body: B, first: Vec<Frame<Bytes>>, sender: mpsc::UnboundedSender<Result<Chunk, BodyError>>, room: &Semaphore)
where
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut first = first.into_iter();
    loop {
        let frame = match first.next() {
            Some(frame) => frame,
            None => {
                let next = tokio::select! {
                    next = body.frame() => next,
                    () = sender.closed() => None,
                };
                match next {
                    Some(Ok(frame)) => frame,
                    Some(Err(error)) => {
                        drop(body);
                        _ = sender.send(Err(BodyError::new(error)));
                        return;
                    }
                    // Its reader sees the end when `sender` is gone, which is after the body.
                    None => return drop(body),
                }
            }
        };
        let length = u32::try_from(frame.data_ref().map_or(0, Bytes::len)).unwrap_or(u32::MAX);
        let waiting = WAITING.try_acquire_many(length).ok();
        // Where there is no memory for more, one piece at a time.
        let most = u32::try_from(ANSWER_BYTES).unwrap_or(u32::MAX);
        let cost = if waiting.is_some() { length.min(most) } else { most };
        let granted = tokio::select! {
            granted = room.acquire_many(cost) => granted,
            () = sender.closed() => return,
        };
        // Its reader gives it back.
        let Ok(()) = granted.map(SemaphorePermit::forget) else { return };
        if sender.send(Ok(Chunk { frame, room: cost as usize, _waiting: waiting })).is_err() {
            return;
        }
    }
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(match ready!(self.pieces.poll_recv(context)) {
            Some(Ok(piece)) => {
                self.room.add_permits(piece.room);
                Some(Ok(piece.frame))
            }
            Some(Err(error)) => Some(Err(error)),
            None => {
                self.over = true;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut self.content {
            Content::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Content::Streamed(body) => Pin::new(body).poll_frame(context),
            Content::Live(Live(pieces)) => {
                let pieces = pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
                pieces.poll_next_unpin(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
        };
        if let Some(busy) = &self.busy {
            match &polled {
                Poll::Ready(Some(Ok(frame))) => busy.took(Some(frame.data_ref().map_or(0, Bytes::len))),
                Poll::Ready(_) => {}
                Poll::Pending => busy.took(None),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(body) => body.is_end_stream(),
            Content::Streamed(body) => body.is_end_stream(),
            Content::Live(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(body) => body.size_hint(),
            Content::Streamed(body) => body.size_hint(),
            Content::Live(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use http_body_util::StreamBody;

    type Never = std::convert::Infallible;

    fn pieces(count: usize, bytes: usize) -> impl HttpBody<Data = Bytes, Error = BodyError> + Unpin + Send + 'static {
        StreamBody::new(stream::iter((0..count).map(move |_| Ok(Frame::data(Bytes::from(vec![0; bytes]))))))
    }

    /// A body that stalls after its beginning.
    fn stuck(count: usize, bytes: usize) -> impl HttpBody<Data = Bytes, Error = Never> + Unpin + Send + 'static {
        let begun = (0..count).map(move |_| Ok(Frame::data(Bytes::from(vec![0; bytes]))));
        StreamBody::new(stream::iter(begun).chain(stream::pending()))
    }

    /// Says when it is dropped.
    struct DropSignal(Option<tokio::sync::oneshot::Sender<()>>);

    impl Drop for DropSignal {
        fn drop(&mut self) {
            _ = self.0.take().map(|sender| sender.send(()));
        }
    }

    fn held() -> (DropSignal, tokio::sync::oneshot::Receiver<()>) {
        let (sender, dropped) = tokio::sync::oneshot::channel();
        (DropSignal(Some(sender)), dropped)
    }

    #[tokio::test]
    async fn a_body_within_its_limit_is_read_whole() {
        const PIECE: usize = 64 * 1024;
        let (timeouts, room) = (ClientTimeouts::default(), Room::new());
        for (count, bytes) in [(0, 0), (1, 10), (2, 10), (16, PIECE)] {
            let body = whole_in(&room, pieces(count, bytes), BODY_BYTES, &timeouts).await;
            assert_eq!(body.ok().unwrap().len(), count * bytes);
        }
        let (problem, rest) = whole_in(&room, pieces(18, PIECE), BODY_BYTES, &timeouts).await.err().unwrap();
        assert_eq!((problem, rest.collect().await.unwrap().to_bytes().len()), (Problem::TooLarge, PIECE));
        let broken = StreamBody::new(stream::iter([Ok(Frame::data(Bytes::from_static(b"half"))), Err("gone")]));
        assert_eq!(whole_in(&room, broken, BODY_BYTES, &timeouts).await.err().unwrap().0, Problem::TooSlow);
        assert_eq!((room.bodies.available_permits(), room.files.available_permits()), (BODIES_BYTES, FILES_BYTES));
    }

    #[tokio::test]
    async fn a_file_may_have_more_and_takes_nobody_elses_room() {
        const PIECE: usize = 64 * 1024;
        let (timeouts, room) = (ClientTimeouts::default(), Room::new());
        let ask = async |count: usize, most: u64| {
            let whole = whole_in(&room, pieces(count, PIECE), most, &timeouts).await;
            whole.map(|body| body.len()).map_err(|(problem, _)| problem)
        };
        assert_eq!(ask(32, 2 * BODY_BYTES).await, Ok(32 * PIECE));
        assert_eq!(ask(33, 2 * BODY_BYTES).await, Err(Problem::TooLarge));
        let others = room.files.try_acquire_many(u32::try_from(FILES_BYTES).unwrap()).unwrap();
        assert!(matches!(ask(17, FILE_BYTES).await, Err(Problem::Unavailable(_))));
        assert_eq!((ask(16, FILE_BYTES).await, ask(16, BODY_BYTES).await), (Ok(16 * PIECE), Ok(16 * PIECE)));
        drop(others);
        assert_eq!(ask(17, FILE_BYTES).await, Ok(17 * PIECE));
        assert_eq!((room.bodies.available_permits(), room.files.available_permits()), (BODIES_BYTES, FILES_BYTES));
        assert_eq!(FILE_BYTES, u64::from(*manifest::limits::BODY_MIB.end()) << 20, "as much as any route may permit");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_arrives_times_out() {
        let timeouts = ClientTimeouts::default();
        let began = Instant::now();
        assert_eq!(whole(stuck(0, 0), BODY_BYTES, &timeouts).await.err().unwrap().0, Problem::TooSlow);
        assert_eq!(began.elapsed(), timeouts.body_grace);
        // What has come earns its time, up to a limit.
        let began = Instant::now();
        let second = usize::try_from(BODY_RATE).unwrap();
        assert_eq!(whole(stuck(2, second), BODY_BYTES, &timeouts).await.err().unwrap().0, Problem::TooSlow);
        assert_eq!(began.elapsed(), timeouts.body_grace + Duration::from_secs(2));
        for (most, all) in [(BODY_BYTES, timeouts.body), (FILE_BYTES, timeouts.file)] {
            let began = Instant::now();
            let begun = if most > BODY_BYTES { stuck(10, 200_000) } else { stuck(10, 100_000) };
            assert_eq!(whole(begun, most, &timeouts).await.err().unwrap().0, Problem::TooSlow);
            assert_eq!(began.elapsed(), all);
        }
    }

    #[tokio::test]
    async fn a_short_body_that_is_ready_is_read_whole() {
        for (count, bytes) in [(0, 0), (1, 10), (3, 10)] {
            let body = Body::taken(pieces(count, bytes)).await.unwrap();
            assert!(matches!(body.content, Content::Whole(_)));
            assert_eq!(body.size_hint().exact(), Some(u64::try_from(count * bytes).unwrap()));
        }
    }

    #[tokio::test]
    async fn a_long_or_slow_body_is_streamed() {
        let long = Body::taken(pieces(9, SETTLED_BYTES / 4)).await.unwrap();
        let mut slow = Body::taken(stuck(1, 10)).await.unwrap();
        assert!(matches!((&long.content, &slow.content), (Content::Streamed(_), Content::Streamed(_))));
        assert_eq!(long.collect().await.unwrap().to_bytes().len(), 9 * (SETTLED_BYTES / 4));
        assert_eq!(slow.frame().await.unwrap().unwrap().into_data().unwrap().len(), 10);
    }

    #[tokio::test]
    async fn an_unread_answer_holds_no_resources() {
        let (guard, dropped) = held();
        let body = pieces(ANSWER_BYTES / SETTLED_BYTES, SETTLED_BYTES).map_frame(move |frame| {
            let _ = &guard;
            frame
        });
        let unread = Body::taken(body).await.unwrap();
        dropped.await.unwrap();
        // What comes after that is dropped at once, and before it when the time has come.
        let (late, dropped) = held();
        unread.until_made(late);
        dropped.await.unwrap();
        assert_eq!(unread.collect().await.unwrap().to_bytes().len(), ANSWER_BYTES);
        // Other tests have answers that wait, too.
        let given_back = async {
            while WAITING.available_permits() < ANSWERS_BYTES {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), given_back).await.unwrap();
    }

    #[tokio::test]
    async fn a_long_body_is_read_ahead_up_to_the_limit() {
        let (guard, mut dropped) = held();
        let mut long = Body::taken(pieces(3 * ANSWER_BYTES / SETTLED_BYTES, SETTLED_BYTES)).await.unwrap();
        long.until_made(guard);
        let mut length = 0;
        while length < ANSWER_BYTES {
            assert!(dropped.try_recv().is_err(), "it is still being made");
            length += long.frame().await.unwrap().unwrap().into_data().unwrap().len();
        }
        length += long.collect().await.unwrap().to_bytes().len();
        assert_eq!(length, 3 * ANSWER_BYTES);
        dropped.await.unwrap();
    }

    #[tokio::test]
    async fn dropping_a_body_releases_what_it_holds() {
        let (guard, dropped) = held();
        let body = Body::taken(stuck(1, 10)).await.unwrap();
        body.until_made(guard);
        drop(body);
        dropped.await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error() {
        let frames = || [Ok(Frame::data(Bytes::from(vec![0; SETTLED_BYTES + 1]))), Err(BodyError::new("gone"))].into_iter();
        assert!(Body::taken(StreamBody::new(stream::iter(frames().skip(1)))).await.is_err());
        let begun = Body::taken(StreamBody::new(stream::iter(frames()))).await.unwrap();
        assert_eq!(begun.collect().await.err().unwrap().to_string(), "gone");
    }
}

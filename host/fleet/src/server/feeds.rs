//! The feed for many: a batch is encoded once, and nodes that come together share a snapshot.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use edge::feed::{Batch, Cursor, Error, Source, Subscription};
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::routes::Body;
use crate::limits;
use crate::wire::feed;

/// What readers of the feed share.
pub(super) struct Feeds {
    source: Arc<dyn Source>,
    readers: Arc<Semaphore>,
    /// The last snapshot, for as long as a reader has it.
    snapshot: tokio::sync::Mutex<Option<(Instant, Weak<Snapshot>)>>,
    encoded: Mutex<EncodedBatches>,
}

/// A snapshot in frames.
struct Snapshot {
    frames: Vec<Bytes>,
    cursor: Cursor,
}

/// Batches in the form that all readers get.
#[derive(Default)]
struct EncodedBatches {
    /// With the batch, so that no other can have its address.
    batches: VecDeque<(Arc<Batch>, Bytes)>,
    bytes: usize,
}

impl Feeds {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Self {
            source,
            readers: Arc::new(Semaphore::new(limits::FEEDS)),
            snapshot: tokio::sync::Mutex::default(),
            encoded: Mutex::default(),
        }
    }

    /// A feed as a body. It ends with its reader, its source, or `stop`. What a reader does not take stays with the source, which
    /// bounds it: a reader that is too slow gets an error, and resumes with its cursor.
    pub(super) async fn open(feeds: &Arc<Self>, cursor: Option<Cursor>, stop: CancellationToken) -> Result<Body, Error> {
        let full = |_| Error::Unavailable("too many feeds are open".to_owned());
        let permit = Arc::clone(&feeds.readers).try_acquire_owned().map_err(full)?;
        let (first, batches) = match cursor {
            Some(cursor) => feeds.resume(cursor).await?,
            None => feeds.begin().await?,
        };
        let reading = FeedReader { feeds: Arc::clone(feeds), first, next: 0, batches, stop, over: false, _permit: permit };
        let frames = stream::unfold(reading, |mut reading| async move {
            let bytes = reading.next().await?;
            Some((Ok(Frame::data(bytes)), reading))
        });
        Ok(StreamBody::new(frames).boxed_unsync())
    }

    async fn resume(&self, cursor: Cursor) -> Result<(Arc<Snapshot>, Batches), Error> {
        let Subscription { snapshot, batches } = self.source.open(Some(cursor.clone())).await?;
        let frames = snapshot.map_or_else(|| vec![feed::resumed()], |snapshot| feed::snapshot(&snapshot));
        Ok((Arc::new(Snapshot { frames, cursor }), batches))
    }

    /// A snapshot, and what follows. One is read at a time; who has waited for it meanwhile takes it as well.
    async fn begin(&self) -> Result<(Arc<Snapshot>, Batches), Error> {
        let mut last = self.snapshot.lock().await;
        if let Some((read, snapshot)) = &*last
            && read.elapsed() < limits::SNAPSHOT_SHARED
            && let Some(snapshot) = snapshot.upgrade()
            && let Ok(Subscription { snapshot: None, batches }) = self.source.open(Some(snapshot.cursor.clone())).await
        {
            return Ok((snapshot, batches));
        }
        let Subscription { snapshot, batches } = self.source.open(None).await?;
        // It was asked for.
        let snapshot = snapshot.ok_or(Error::Ended)?;
        let cursor = Cursor { epoch: Arc::clone(&snapshot.epoch), position: snapshot.position };
        let snapshot = Arc::new(Snapshot { frames: feed::snapshot(&snapshot), cursor });
        *last = Some((Instant::now(), Arc::downgrade(&snapshot)));
        Ok((snapshot, batches))
    }

    /// A batch as bytes: those that it had for the reader before.
    fn encode(&self, batch: &Arc<Batch>) -> Bytes {
        let mut encoded = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        // Readers are near the end of the feed, nearly always.
        if let Some((_, bytes)) = encoded.batches.iter().rev().find(|(other, _)| Arc::ptr_eq(other, batch)) {
            return bytes.clone();
        }
        let bytes = feed::batch(batch);
        encoded.bytes += bytes.len();
        encoded.batches.push_back((Arc::clone(batch), bytes.clone()));
        while (encoded.batches.len() > limits::ENCODED || encoded.bytes > limits::ENCODED_BYTES)
            && let Some((_, oldest)) = encoded.batches.pop_front()
        {
            encoded.bytes -= oldest.len();
        }
        bytes
    }
}

type Batches = BoxStream<'static, Result<Arc<Batch>, Error>>;

/// One reader.
struct FeedReader {
    feeds: Arc<Feeds>,
    first: Arc<Snapshot>,
    /// Of `first`'s frames.
    next: usize,
    batches: Batches,
    stop: CancellationToken,
    over: bool,
    _permit: OwnedSemaphorePermit,
}

impl FeedReader {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        if let Some(frame) = self.first.frames.get(self.next) {
            self.next += 1;
            return Some(frame.clone());
        }
        if self.next > 0 {
            // All of it has been read: a snapshot is large, and a feed is open for days.
            self.next = 0;
            let cursor = self.first.cursor.clone();
            self.first = Arc::new(Snapshot { frames: Vec::new(), cursor });
        }
        let next = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Error::Ended),
            batch = self.batches.next() => batch.unwrap_or(Err(Error::Ended)),
        };
        Some(match next {
            Ok(batch) => self.feeds.encode(&batch),
            Err(error) => {
                self.over = true;
                feed::over(&error)
            }
        })
    }
}

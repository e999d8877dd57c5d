//! The feed: a snapshot, or the journal from a cursor on; then what the sequencer publishes.

use std::sync::Arc;

use edge::feed::{Batch, Cursor, Error, Source, Subscription};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::database::{self, Database};
use crate::limits;
use crate::sequencer::{self, FeedStart, PublishedBatch, Sequencer};
use crate::snapshot;
use crate::snapshot_cache::SnapshotCache;

type Batches = BoxStream<'static, Result<Arc<Batch>, Error>>;

/// A region's feed. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    database: Database,
    facts: broadcast::Sender<PublishedBatch>,
    kept: Option<SnapshotCache>,
}

impl Feed {
    /// The feed of what `sequencer` publishes.
    #[must_use]
    pub fn new(database: Database, sequencer: &Sequencer) -> Self {
        Self { database, facts: sequencer.facts(), kept: None }
    }

    /// The same, whose snapshots are cached there.
    #[must_use]
    pub fn keeping(self, kept: Option<SnapshotCache>) -> Self {
        Self { kept, ..self }
    }

    /// What follows the cursor: from the journal up to its current end, then what is received live.
    async fn resume(&self, cursor: Cursor, heard: broadcast::Receiver<PublishedBatch>) -> Result<Subscription, Error> {
        let kept = sequencer::kept(&self.database).await.map_err(unavailable)?;
        let until = position_to_reach(kept, &cursor)?;
        let journal = journal(self.database.clone(), cursor.position, until);
        // After an error nothing follows, what is live neither: it would leave a gap.
        Ok(Subscription { snapshot: None, batches: up_to_an_error(journal.chain(live(heard, cursor.epoch)).boxed()) })
    }
}

impl Source for Feed {
    fn open(&self, cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, Error>> {
        Box::pin(async {
            // First subscribe, then read: what is published in between is received, and what was published before is in what is read.
            let heard = self.facts.subscribe();
            if let Some(cursor) = cursor {
                return self.resume(cursor, heard).await;
            }
            let snapshot = match &self.kept {
                Some(kept) => kept.read(&self.database).await?,
                None => snapshot::read(&self.database).await.map_err(unavailable)?,
            };
            let batches = live(heard, Arc::clone(&snapshot.epoch));
            Ok(Subscription { snapshot: Some(snapshot), batches })
        })
    }
}

pub(crate) fn unavailable(error: database::Error) -> Error {
    Error::Unavailable(error.to_string())
}

/// How far the journal has to be read for who is at this cursor.
pub(crate) fn position_to_reach(kept: Option<FeedStart>, cursor: &Cursor) -> Result<i64, Error> {
    let Some(FeedStart { counter, oldest }) = kept else { return Err(Error::Gone) };
    // Ahead of the journal: it is of a life of the database that has been undone.
    let possible = cursor.epoch == counter.epoch && cursor.position <= counter.position;
    let behind = counter.position - cursor.position;
    let there = behind == 0 || oldest.is_some_and(|oldest| oldest <= cursor.position + 1);
    if possible && there && behind <= limits::RESUME_ROWS { Ok(counter.position) } else { Err(Error::Gone) }
}

/// The journal's pages after a position, until one.
pub(crate) fn journal(database: Database, after: i64, until: i64) -> Batches {
    let pages = futures::stream::try_unfold((database, after), move |(database, at)| async move {
        if at >= until {
            return Ok(None);
        }
        let batch = sequencer::page(&database, at).await.map_err(unavailable)?;
        match batch {
            Some(batch) if batch.after <= at => {
                let at = batch.position;
                Ok(Some((Arc::new(batch), (database, at))))
            }
            // What was there a moment ago has been deleted meanwhile.
            _ => Err(Error::Gone),
        }
    });
    pages.into_stream().boxed()
}

/// What is published from now on, of this epoch: where another begins, only a snapshot helps.
fn live(heard: broadcast::Receiver<PublishedBatch>, epoch: Arc<str>) -> Batches {
    let batches = futures::stream::unfold((heard, epoch), |(mut heard, epoch)| async move {
        let batch = match heard.recv().await {
            Ok(published) if published.epoch == epoch => Ok(published.batch),
            Ok(_) => Err(Error::Gone),
            Err(RecvError::Lagged(_)) => Err(Error::Lagged),
            Err(RecvError::Closed) => Err(Error::Ended),
        };
        Some((batch, (heard, epoch)))
    });
    up_to_an_error(batches.boxed())
}

fn up_to_an_error(batches: Batches) -> Batches {
    let batches = futures::stream::unfold(Some(batches), |batches| async move {
        let mut batches = batches?;
        let next = batches.next().await?;
        let rest = next.is_ok().then_some(batches);
        Some((next, rest))
    });
    batches.boxed()
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;

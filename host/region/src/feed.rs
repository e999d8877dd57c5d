//! The feed, in this process: a snapshot, then what the sequencer publishes.

use std::sync::Arc;

use edge::feed::{Batch, Error, Source, Subscription};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::database::Database;
use crate::sequencer::Sequencer;
use crate::snapshot;

/// A region's feed. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    database: Database,
    facts: broadcast::Sender<Arc<Batch>>,
}

impl Feed {
    /// The feed of what `sequencer` publishes.
    #[must_use]
    pub fn new(database: Database, sequencer: &Sequencer) -> Self {
        Self { database, facts: sequencer.facts() }
    }
}

impl Source for Feed {
    fn open(&self) -> BoxFuture<'_, Result<Subscription, Error>> {
        Box::pin(async {
            // First listen, then look: what is published in between is heard, and what was published before is in the snapshot.
            let heard = self.facts.subscribe();
            let snapshot = snapshot::read(&self.database).await.map_err(|error| Error::Unavailable(error.to_string()))?;
            let batches = futures::stream::unfold(Some(heard), |heard| async move {
                let mut heard = heard?;
                Some(match heard.recv().await {
                    Ok(batch) => (Ok(batch), Some(heard)),
                    Err(RecvError::Lagged(_)) => (Err(Error::Lagged), None),
                    Err(RecvError::Closed) => (Err(Error::Ended), None),
                })
            });
            Ok(Subscription { snapshot, batches: batches.boxed() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::testing::databases;

    fn batch(position: i64) -> Arc<Batch> {
        Arc::new(Batch { after: position - 1, position, facts: vec![] })
    }

    #[tokio::test]
    async fn a_reader_hears_all_or_is_told_that_it_has_not() {
        for scratch in databases(true).await {
            let sequencer = Sequencer::new(scratch.database.clone(), vec![]);
            let feed = Feed::new(scratch.database.clone(), &sequencer);
            let mut quick = feed.open().await.unwrap();
            let mut slow = feed.open().await.unwrap();
            let count = i64::try_from(limits::FEED_BATCHES).unwrap() * 2;
            for position in 1..=count {
                sequencer.facts().send(batch(position)).unwrap();
                assert_eq!(quick.batches.next().await.unwrap().unwrap().position, position);
            }
            assert_eq!(slow.batches.next().await.unwrap().unwrap_err(), Error::Lagged);
            assert!(slow.batches.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn who_falls_behind_takes_a_new_snapshot_and_goes_on() {
        for scratch in databases(true).await {
            let sequencer = Sequencer::new(scratch.database.clone(), vec![]);
            let facts = sequencer.facts();
            let follower = edge::Follower::new("edge-0", Arc::new(Feed::new(scratch.database.clone(), &sequencer)));
            let replica = follower.replica().clone();
            let stop = tokio_util::sync::CancellationToken::new();
            let following = tokio::spawn(follower.run(stop.clone()));
            while replica.age().is_none() {
                tokio::task::yield_now().await;
            }
            // All at once, while nobody reads: the follower has no chance, and then starts over.
            for position in 1..=i64::try_from(limits::FEED_BATCHES).unwrap() * 2 {
                facts.send(batch(position)).unwrap();
            }
            let fact = read_model::Fact::Key { kid: "k".to_owned(), public_key: "p".to_owned() };
            while replica.position() < 1 {
                // It is at position 0 again, by its snapshot of an empty journal, once it has opened the feed anew.
                _ = facts.send(Arc::new(Batch { after: 0, position: 1, facts: vec![fact.clone()] }));
                tokio::task::yield_now().await;
            }
            stop.cancel();
            following.await.unwrap();
        }
    }
}

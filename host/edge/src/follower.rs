//! Keeps a node's replica and identity up to date with the feed, for as long as the node lives.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use telemetry::{Finding, Health, Metrics, Needed};
use tokio_util::sync::CancellationToken;

use crate::feed::{self, Batch, Source, Subscription};
use crate::identity::{self, Identity};
use crate::limits;
use crate::replica::{self, Replica};

/// Follows a feed.
pub struct Follower {
    node: Arc<str>,
    source: Arc<dyn Source>,
    replica: Replica,
    identity: Identity,
}

/// Why following stopped.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Feed(#[from] feed::Error),
    #[error("the feed has said nothing for {} seconds", limits::FEED_SILENCE.as_secs())]
    Silent,
    #[error("the feed goes on after position {after}, this node is at {at}")]
    Gap { after: i64, at: i64 },
    #[error("the feed holds more than this node may: {0}")]
    Events(#[from] replica::Full),
    #[error("the feed holds more than this node may: {0}")]
    Identity(#[from] identity::Full),
}

impl Follower {
    /// Follows `source` for the node of this name, which metrics and health speak of.
    #[must_use]
    pub fn new(node: &str, source: Arc<dyn Source>) -> Self {
        Self { node: node.into(), source, replica: Replica::default(), identity: Identity::default() }
    }

    /// What it keeps up to date.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// What it keeps up to date.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Registers what can be said about it: it is ready once it has a snapshot and keys, and degraded when it is stale.
    pub fn register(&self, health: &Health, metrics: &Metrics) {
        let replica = self.replica.clone();
        health.register(format!("{}-replica", self.node), Needed::Ready, move || match replica.age() {
            None => Finding::down("no snapshot yet"),
            Some(age) if age > limits::STALE => Finding::degraded(format!("{} s old", age.as_secs())),
            Some(_) => Finding::up(format!("{} events, at position {}", replica.events(), replica.position())),
        });
        let identity = self.identity.clone();
        health.register(format!("{}-identity", self.node), Needed::Ready, move || {
            if identity.ready() { Finding::up("has keys and revocations") } else { Finding::down("no public keys yet") }
        });
        let (node, replica) = (Arc::clone(&self.node), self.replica.clone());
        metrics.before_scrape(move |metrics| metrics.replica(&node, replica.position(), replica.age()));
    }

    /// Follows until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let (first, longest) = limits::FEED_RETRY;
        let mut pause = first;
        loop {
            let error = tokio::select! {
                () = stop.cancelled() => return,
                Err(error) = self.follow(&mut pause) => error,
            };
            // Being too slow once is no fault; the rest is.
            if matches!(error, Error::Feed(feed::Error::Lagged)) {
                tracing::info!(node = &*self.node, "the feed was faster than this node: taking a new snapshot");
            } else {
                tracing::warn!(node = &*self.node, %error, "the feed was lost and is opened again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Follows until something goes wrong.
    async fn follow(&self, pause: &mut Duration) -> Result<std::convert::Infallible, Error> {
        let Subscription { snapshot, mut batches } = in_time(self.source.open()).await??;
        self.identity.replace(&snapshot.facts)?;
        self.replica.replace(snapshot.position, snapshot.facts)?;
        *pause = limits::FEED_RETRY.0;
        let mut at = snapshot.position;
        loop {
            let batch = in_time(batches.next()).await?.unwrap_or(Err(feed::Error::Ended))?;
            self.apply(&batch, &mut at)?;
        }
    }

    fn apply(&self, batch: &Batch, at: &mut i64) -> Result<(), Error> {
        if batch.after > *at {
            return Err(Error::Gap { after: batch.after, at: *at });
        }
        // Revocations first: what a reader sees is never newer than who may see it.
        self.identity.apply(&batch.facts)?;
        self.replica.apply(batch.position, &batch.facts)?;
        *at = batch.position.max(*at);
        Ok(())
    }
}

async fn in_time<T>(waiting: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(limits::FEED_SILENCE, waiting).await.map_err(|_| Error::Silent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Snapshot;
    use crate::testing::{availability, event};
    use futures::future::BoxFuture;
    use read_model::Fact;
    use std::sync::Mutex;
    use tokio::sync::mpsc;

    type Step = Result<Arc<Batch>, feed::Error>;

    /// A feed by script: each opening takes the next snapshot and stream.
    struct Script(Mutex<Vec<(Snapshot, mpsc::Receiver<Step>)>>);

    impl Source for Script {
        fn open(&self) -> BoxFuture<'_, Result<Subscription, feed::Error>> {
            let next = { self.0.lock().unwrap().pop() };
            Box::pin(async move {
                let (snapshot, steps) = next.ok_or(feed::Error::Unavailable("no more".to_owned()))?;
                let batches = futures::stream::unfold(steps, |mut steps| async { Some((steps.recv().await?, steps)) });
                Ok(Subscription { snapshot, batches: batches.boxed() })
            })
        }
    }

    fn snapshot(position: i64, facts: Vec<Fact>) -> Snapshot {
        Snapshot { epoch: "e".into(), position, facts }
    }

    fn batch(after: i64, position: i64, facts: Vec<Fact>) -> Step {
        Ok(Arc::new(Batch { after, position, facts }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_feed_is_opened_again_with_a_snapshot() {
        for lost in [Err(feed::Error::Lagged), Err(feed::Error::Ended), batch(99, 100, vec![])] {
            let (first, steps) = mpsc::channel(4);
            let (second, more) = mpsc::channel(4);
            let script = Script(Mutex::new(vec![
                (snapshot(50, vec![event("eu_1", 2), availability("eu_1", 30, 1)]), more),
                (snapshot(10, vec![event("eu_1", 2), availability("eu_1", 7, 5)]), steps),
            ]));
            let follower = Follower::new("edge-0", Arc::new(script));
            let replica = follower.replica().clone();
            let stop = CancellationToken::new();
            let following = tokio::spawn(follower.run(stop.clone()));
            first.send(batch(8, 11, vec![availability("eu_1", 8, 4)])).await.unwrap();
            replica.until(11).await;
            first.send(lost).await.unwrap();
            replica.until(50).await;
            second.send(batch(50, 51, vec![availability("eu_1", 31, 0)])).await.unwrap();
            replica.until(51).await;
            stop.cancel();
            following.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_feed_is_opened_again() {
        let (_first, steps) = mpsc::channel(4);
        let (_second, more) = mpsc::channel(4);
        let script = Script(Mutex::new(vec![(snapshot(50, vec![]), more), (snapshot(10, vec![]), steps)]));
        let follower = Follower::new("edge-0", Arc::new(script));
        let replica = follower.replica().clone();
        let stop = CancellationToken::new();
        let following = tokio::spawn(follower.run(stop.clone()));
        replica.until(10).await;
        tokio::time::sleep(limits::FEED_SILENCE * 2).await;
        replica.until(50).await;
        stop.cancel();
        following.await.unwrap();
    }
}

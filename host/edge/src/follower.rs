//! Keeps a node's replica and identity up to date with a region's feed, for as long as the node lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use telemetry::{Finding, Health, Metrics, Needed};
use tokio_util::sync::CancellationToken;

use crate::feed::{self, Batch, Cursor, Snapshot, Source, Subscription};
use crate::identity::{self, Identity};
use crate::limits;
use crate::replica::Replica;

/// Follows the feed of a region.
pub struct Follower {
    node: Arc<str>,
    region: Arc<str>,
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
    #[error("the feed continues after position {after}, this node is at {at}")]
    Gap { after: i64, at: i64 },
    #[error(
        "the snapshot is of position {position}, this node was at {at} of the same epoch: the database was put back, and the region has not noticed yet"
    )]
    Behind { position: i64, at: i64 },
    #[error("the feed holds more than this node may: {0}")]
    Identity(#[from] identity::CapacityError),
}

/// How far a follower has come, even if its cursor was dropped since.
#[derive(Default)]
struct FollowerProgress {
    cursor: Option<Cursor>,
    /// Since when snapshots are refused for being behind that.
    refusing: Option<tokio::time::Instant>,
}

impl FollowerProgress {
    /// Refuses a snapshot of the same epoch that is behind, by its position or by a version of something in it: its database was put back, and as soon as
    /// the region notices there is one of a new epoch. A position alone says too little: what follows in the database that was put back soon has as high ones.
    /// Where the region does not notice, because none of its nodes remembers more, an older view is better than none for ever.
    fn admit(&mut self, snapshot: &Snapshot, replica: &Replica) -> Result<(), Error> {
        let same = self.cursor.as_ref().filter(|known| known.epoch == snapshot.epoch);
        let known = same.filter(|known| known.position > snapshot.position || replica.is_ahead_of(&snapshot.facts));
        if let Some(known) = known {
            let since = self.refusing.get_or_insert_with(tokio::time::Instant::now);
            if since.elapsed() < limits::FEED_BEHIND {
                return Err(Error::Behind { position: snapshot.position, at: known.position });
            }
        }
        self.refusing = None;
        Ok(())
    }
}

impl Follower {
    /// Follows `source`, the feed of `region`, for the node of this name, which metrics and health speak of; and keeps these up to date, which
    /// may be others' as well.
    #[must_use]
    pub fn new(node: &str, region: &str, source: Arc<dyn Source>, replica: &Replica, identity: &Identity) -> Self {
        Self { node: node.into(), region: region.into(), source, replica: replica.clone(), identity: identity.clone() }
    }

    /// Registers what can be said about it. A node is ready once it has a snapshot; of several regions it goes without those that cannot be
    /// had by then, and is marked stale; its health check is then degraded.
    pub fn register(&self, health: &Health, metrics: &Metrics) {
        let (region, replica, started) = (Arc::clone(&self.region), self.replica.clone(), Instant::now());
        health.register(format!("{}-replica-{region}", self.node), Needed::Ready, move || match replica.age(&region) {
            None if started.elapsed() > limits::FEED_FIRST && replica.has_any() => {
                Finding::degraded("no snapshot yet: what is in this region is not shown")
            }
            None => Finding::down("no snapshot yet"),
            Some(age) if age > limits::STALE => Finding::degraded(format!("{} s old", age.as_secs())),
            Some(_) => match replica.index_trouble() {
                Some(trouble) => Finding::degraded(format!("no text index, searches are slow: {trouble}")),
                None if replica.left_out() > 0 => Finding::degraded(format!(
                    "no room for {} events in {} MiB: lists lack them, their pages are answered by the region; raise replica_mib",
                    replica.left_out(),
                    replica.bytes().1 >> 20
                )),
                None => Finding::up(format!("at position {}", replica.position(&region))),
            },
        });
        let (node, region, replica) = (Arc::clone(&self.node), Arc::clone(&self.region), self.replica.clone());
        metrics.before_scrape(move |metrics| {
            metrics.replica(&node, &region, replica.position(&region), replica.age(&region));
            metrics.replica_size(&node, replica.bytes().0, replica.events(), replica.left_out());
        });
    }

    /// Follows until `stop`. A lost feed is resumed at its cursor; a snapshot is taken only where that fails.
    pub async fn run(self, stop: CancellationToken) {
        let (first, longest) = limits::FEED_RETRY;
        let mut pause = first;
        let (mut cursor, mut progress) = (None, FollowerProgress::default());
        loop {
            let error = tokio::select! {
                // So that a simulation of one seed is one run; below, too.
                biased;
                () = stop.cancelled() => return,
                Err(error) = self.follow(&mut cursor, &mut progress, &mut pause) => error,
            };
            if cursor.is_some() {
                progress.cursor.clone_from(&cursor);
            }
            match &error {
                // Being too slow once is no fault.
                Error::Feed(feed::Error::Lagged) => {
                    tracing::info!(
                        node = &*self.node,
                        region = &*self.region,
                        "the feed was faster than this node, which catches up"
                    );
                }
                Error::Feed(feed::Error::Gone) if cursor.is_some() => {
                    tracing::info!(
                        node = &*self.node,
                        region = &*self.region,
                        "the feed cannot resume where this node was: taking a snapshot"
                    );
                    cursor = None;
                    continue;
                }
                Error::Feed(_) | Error::Silent | Error::Behind { .. } => {
                    tracing::warn!(node = &*self.node, region = &*self.region, %error, "the feed was lost and is opened again");
                }
                Error::Gap { .. } | Error::Identity(_) => {
                    tracing::warn!(node = &*self.node, region = &*self.region, %error, "the feed is started over, with a snapshot");
                    cursor = None;
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(telemetry::jittered_for(&self.node, pause)) => {}
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// Follows until something goes wrong; `cursor` says from where, and how far it has come.
    async fn follow(
        &self,
        cursor: &mut Option<Cursor>,
        progress: &mut FollowerProgress,
        pause: &mut Duration,
    ) -> Result<std::convert::Infallible, Error> {
        let opened = in_time(limits::FEED_OPEN, self.source.open(cursor.clone())).await??;
        let Subscription { snapshot, mut batches } = opened;
        if let Some(snapshot) = snapshot {
            progress.admit(&snapshot, &self.replica)?;
            let stand = (read_model::epoch_number(&snapshot.epoch), snapshot.position);
            self.identity.replace(&self.region, &snapshot.facts)?;
            if snapshot.facts.len() < limits::INDEX_BEHIND {
                self.replica.replace_at(&self.region, stand, snapshot.facts);
            } else {
                let (replica, region) = (self.replica.clone(), Arc::clone(&self.region));
                // It takes seconds where there are many events: not on a thread that others need.
                let replaced = tokio::task::spawn_blocking(move || replica.replace_at(&region, stand, snapshot.facts)).await;
                replaced.map_err(|error| feed::Error::Unavailable(format!("the snapshot was not taken: {error}")))?;
            }
            *cursor = Some(Cursor { epoch: snapshot.epoch, position: stand.1 });
        }
        // Only a source that breaks its word gives neither.
        let Some(Cursor { position: at, .. }) = cursor else { return Err(feed::Error::Gone.into()) };
        loop {
            let batch = in_time(limits::FEED_SILENCE, batches.next()).await?.unwrap_or(Err(feed::Error::Ended))?;
            *pause = limits::FEED_RETRY.0;
            self.apply(&batch, at)?;
            if self.replica.index_lags() {
                let replica = self.replica.clone();
                // If it fails, searches do without.
                drop(tokio::task::spawn_blocking(move || replica.reindex()).await);
            }
        }
    }

    fn apply(&self, batch: &Batch, at: &mut i64) -> Result<(), Error> {
        if batch.after > *at {
            return Err(Error::Gap { after: batch.after, at: *at });
        }
        // Revocations first: what a reader sees is never newer than who may see it.
        self.identity.apply(&self.region, &batch.facts)?;
        self.replica.apply(&self.region, batch.position, &batch.facts);
        *at = batch.position.max(*at);
        Ok(())
    }
}

async fn in_time<T>(limit: Duration, waiting: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(limit, waiting).await.map_err(|_| Error::Silent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{availability, event};
    use futures::future::BoxFuture;
    use read_model::Fact;
    use std::sync::Mutex;
    use tokio::sync::mpsc;

    type Step = Result<Arc<Batch>, feed::Error>;
    type Opened = Result<(Option<Snapshot>, mpsc::Receiver<Step>), feed::Error>;

    /// A feed by script: each opening takes the next entry, and notes the cursor's position.
    #[derive(Default)]
    struct Script {
        entries: Mutex<Vec<Opened>>,
        cursors: Mutex<Vec<Option<i64>>>,
    }

    impl Source for Script {
        fn open(&self, cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, feed::Error>> {
            self.cursors.lock().unwrap().push(cursor.map(|cursor| {
                assert_eq!(&*cursor.epoch, "e");
                cursor.position
            }));
            let next = { self.entries.lock().unwrap().pop() };
            Box::pin(async move {
                let (snapshot, steps) = next.unwrap_or(Err(feed::Error::Unavailable("no more".to_owned())))?;
                let batches = futures::stream::unfold(steps, |mut steps| async { Some((steps.recv().await?, steps)) });
                Ok(Subscription { snapshot, batches: batches.boxed() })
            })
        }
    }

    fn snapshot(position: i64, facts: Vec<Fact>) -> Option<Snapshot> {
        Some(Snapshot { epoch: "e".into(), position, facts })
    }

    fn batch(after: i64, position: i64, facts: Vec<Fact>) -> Step {
        Ok(Arc::new(Batch { after, position, facts }))
    }

    /// A follower of a script whose entries stand in the order in which they are taken.
    fn following(mut entries: Vec<Opened>) -> (Replica, Arc<Script>, CancellationToken, tokio::task::JoinHandle<()>) {
        entries.reverse();
        let script = Arc::new(Script { entries: Mutex::new(entries), cursors: Mutex::default() });
        let (replica, stop) = (Replica::new(["eu"]), CancellationToken::new());
        let follower = Follower::new("edge-0", "eu", Arc::clone(&script) as Arc<dyn Source>, &replica, &Identity::new("eu"));
        let task = tokio::spawn(follower.run(stop.clone()));
        (replica, script, stop, task)
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_feed_resumes_at_its_cursor() {
        for lost in [Err(feed::Error::Lagged), Err(feed::Error::Ended)] {
            let (first, steps) = mpsc::channel(4);
            let (second, more) = mpsc::channel(4);
            let facts = vec![event("eu_1", 2), availability("eu_1", 7, 5)];
            let (replica, script, stop, task) = following(vec![Ok((snapshot(10, facts), steps)), Ok((None, more))]);
            first.send(batch(8, 11, vec![availability("eu_1", 8, 4)])).await.unwrap();
            replica.until(11).await;
            first.send(lost).await.unwrap();
            second.send(batch(11, 12, vec![availability("eu_1", 9, 3)])).await.unwrap();
            replica.until(12).await;
            assert_eq!((replica.events(), script.cursors.lock().unwrap().clone()), (1, vec![None, Some(11)]));
            stop.cancel();
            task.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_that_cannot_resume_starts_with_a_snapshot() {
        let (first, steps) = mpsc::channel(4);
        let (_second, more) = mpsc::channel(4);
        let last = snapshot(50, vec![event("eu_1", 2), event("eu_2", 1)]);
        let entries = vec![Ok((snapshot(10, vec![event("eu_1", 2)]), steps)), Err(feed::Error::Gone), Ok((last, more))];
        let (replica, script, stop, task) = following(entries);
        replica.until(10).await;
        first.send(Err(feed::Error::Ended)).await.unwrap();
        replica.until(50).await;
        assert_eq!((replica.events(), script.cursors.lock().unwrap().clone()), (2, vec![None, Some(10), None]));
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_in_positions_is_never_skipped() {
        let (first, steps) = mpsc::channel(4);
        let (_second, more) = mpsc::channel(4);
        let (replica, script, stop, task) = following(vec![Ok((snapshot(10, vec![]), steps)), Ok((snapshot(50, vec![]), more))]);
        replica.until(10).await;
        first.send(batch(11, 12, vec![event("eu_1", 2)])).await.unwrap();
        replica.until(50).await;
        assert_eq!((replica.events(), script.cursors.lock().unwrap().clone()), (0, vec![None, None]));
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_of_a_restored_database_is_refused_until_its_epoch_is_new() {
        let (first, steps) = mpsc::channel::<Step>(4);
        let (_second, more) = mpsc::channel(4);
        let closed = || mpsc::channel(1).1;
        let behind = |position| Ok((snapshot(position, vec![event("eu_1", 1)]), closed()));
        let new = Some(Snapshot { epoch: "another".into(), position: 4, facts: vec![event("eu_2", 1)] });
        drop(first);
        let entries = vec![
            Ok((snapshot(10, vec![event("eu_1", 2)]), steps)),
            Err(feed::Error::Gone),
            behind(4),
            behind(12),
            Ok((new, more)),
        ];
        let (replica, script, stop, task) = following(entries);
        replica.until(10).await;
        while replica.position("eu") == 10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!((replica.events(), script.cursors.lock().unwrap().len()), (1, 5));
        assert_eq!(replica.position("eu"), 4);
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_feed_is_opened_again() {
        let (_first, steps) = mpsc::channel(4);
        let (second, more) = mpsc::channel(4);
        let (replica, script, stop, task) = following(vec![Ok((snapshot(10, vec![]), steps)), Ok((None, more))]);
        second.send(batch(10, 50, vec![])).await.unwrap();
        replica.until(50).await;
        assert_eq!(*script.cursors.lock().unwrap(), [None, Some(10)]);
        stop.cancel();
        task.await.unwrap();
    }
}

//! What readers of the feed see: all of it, or word that they have not.

use super::*;
use crate::database::{Purpose, Value};
use crate::testing::{Scratch, databases};
use read_model::Fact;
use tokio_util::sync::CancellationToken;

/// In an epoch as it is before the first row was numbered.
fn published(position: i64) -> PublishedBatch {
    PublishedBatch { epoch: "".into(), batch: Arc::new(Batch { after: position - 1, position, facts: vec![] }) }
}

fn revoked(n: i64) -> Fact {
    Fact::SessionRevoked { session: format!("s{n}"), until: i64::MAX }
}

/// Writes rows with a fact each.
async fn write(database: &Database, numbers: std::ops::RangeInclusive<i64>) {
    let mut transaction = database.begin(Purpose::Write).await.unwrap();
    for n in numbers {
        let facts = serde_json::to_string(&[revoked(n)]).unwrap();
        let values: [Value; 2] = [format!("{n:06}").as_str().into(), facts.as_str().into()];
        let insert = "INSERT INTO journal_batches (id, at, entries, facts) VALUES ($1, 1, 1, $2)";
        transaction.query(insert, &values).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn delete_up_to(database: &Database, position: i64) {
    let mut transaction = database.begin(Purpose::Write).await.unwrap();
    transaction.query("DELETE FROM journal_batches WHERE position <= $1", &[position.into()]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A feed whose sequencer runs, and has numbered so many rows.
struct Scene {
    feed: Feed,
    database: Database,
    wake: sequencer::SequencerWaker,
    epoch: Arc<str>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

async fn scene(database: &Database, rows: i64) -> Scene {
    write(database, 1..=rows).await;
    let sequencer = Sequencer::new(database.clone(), vec![]);
    let (feed, wake, stop) = (Feed::new(database.clone(), &sequencer), sequencer.wake(), CancellationToken::new());
    let running = tokio::spawn(sequencer.run(stop.clone()));
    let epoch = loop {
        match sequencer::kept(database).await.unwrap() {
            Some(kept) if kept.counter.position == rows => break kept.counter.epoch,
            _ => tokio::task::yield_now().await,
        }
    };
    Scene { feed, database: database.clone(), wake, epoch, stop, running }
}

impl Scene {
    async fn open(&self, position: i64) -> Result<Subscription, Error> {
        self.feed.open(Some(Cursor { epoch: Arc::clone(&self.epoch), position })).await
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// Reads facts until a position, and sees that there is no gap.
async fn read(subscription: &mut Subscription, after: i64, until: i64) -> Vec<Fact> {
    let (mut at, mut facts) = (after, Vec::new());
    while at < until {
        let batch = subscription.batches.next().await.unwrap().unwrap();
        assert!(batch.after <= at, "{} after {at}", batch.after);
        if batch.position > at {
            // What comes twice is left out, as a replica does by version.
            let known = facts.len();
            facts.extend(batch.facts.iter().cloned());
            facts.drain(known..known + usize::try_from(at - batch.after).unwrap().min(batch.facts.len()));
            at = batch.position;
        }
    }
    facts
}

#[tokio::test]
async fn a_reader_gets_every_batch_or_an_error() {
    for scratch in databases(true).await {
        let sequencer = Sequencer::new(scratch.database.clone(), vec![]);
        let feed = Feed::new(scratch.database.clone(), &sequencer);
        let mut quick = feed.open(None).await.unwrap();
        let mut slow = feed.open(None).await.unwrap();
        let count = i64::try_from(limits::FEED_BATCHES).unwrap() * 2;
        for position in 1..=count {
            sequencer.facts().send(published(position)).unwrap();
            assert_eq!(quick.batches.next().await.unwrap().unwrap().position, position);
        }
        assert_eq!(slow.batches.next().await.unwrap().unwrap_err(), Error::Lagged);
        assert!(slow.batches.next().await.is_none());
    }
}

#[tokio::test]
async fn a_cursor_resumes_from_the_journal_and_then_live() {
    for Scratch { database, .. } in databases(true).await {
        // More than a page, so that the pages are seen to join.
        let rows = limits::SEQUENCE_BATCHES + 20;
        let scene = scene(&database, rows).await;
        let mut readers = Vec::new();
        for position in [0, 7, rows] {
            let subscription = scene.open(position).await.unwrap();
            assert!(subscription.snapshot.is_none());
            readers.push((position, subscription));
        }
        write(&scene.database, rows + 1..=rows + 5).await;
        scene.wake.now();
        for (position, mut subscription) in readers {
            let expected: Vec<_> = (position + 1..=rows + 5).map(revoked).collect();
            assert_eq!(read(&mut subscription, position, rows + 5).await, expected, "from {position}");
        }
        scene.end().await;
    }
}

#[tokio::test]
async fn a_cursor_of_another_epoch_or_of_deleted_rows_is_refused() {
    for Scratch { database, .. } in databases(true).await {
        let scene = scene(&database, 20).await;
        let other = Cursor { epoch: "another".into(), position: 5 };
        assert_eq!(scene.feed.open(Some(other)).await.err(), Some(Error::Gone));
        assert_eq!(scene.open(21).await.err(), Some(Error::Gone), "ahead of the journal");
        delete_up_to(&database, 10).await;
        assert_eq!(scene.open(9).await.err(), Some(Error::Gone), "row 10 is gone");
        let mut next = scene.open(10).await.unwrap();
        assert_eq!(read(&mut next, 10, 20).await.len(), 10);
        delete_up_to(&database, 20).await;
        assert!(scene.open(20).await.is_ok(), "nothing follows, and nothing is missing");
        assert_eq!(scene.open(19).await.err(), Some(Error::Gone));
        scene.end().await;
    }
}

#[tokio::test]
async fn deleting_unread_rows_ends_the_feed() {
    for Scratch { database, .. } in databases(true).await {
        let rows = limits::SEQUENCE_BATCHES + 20;
        let scene = scene(&database, rows).await;
        let mut reader = scene.open(0).await.unwrap();
        assert_eq!(reader.batches.next().await.unwrap().unwrap().position, limits::SEQUENCE_BATCHES);
        delete_up_to(&database, limits::SEQUENCE_BATCHES + 5).await;
        assert_eq!(reader.batches.next().await.unwrap().unwrap_err(), Error::Gone);
        assert!(reader.batches.next().await.is_none());
        scene.end().await;
    }
}

#[tokio::test]
async fn a_slow_reader_catches_up_from_the_journal() {
    for Scratch { database, .. } in databases(true).await {
        let scene = scene(&database, 0).await;
        let replica = edge::Replica::new(["eu"]);
        let follower = edge::Follower::new("edge-0", "eu", Arc::new(scene.feed.clone()), &replica, &edge::Identity::new("eu"));
        let stop = CancellationToken::new();
        let following = tokio::spawn(follower.run(stop.clone()));
        while replica.age("eu").is_none() {
            tokio::task::yield_now().await;
        }
        // All at once, while nobody reads: the follower falls behind, and then resumes from its cursor.
        for _ in 0..limits::FEED_BATCHES * 2 {
            let batch = Arc::new(Batch { after: 0, position: 0, facts: vec![] });
            scene.feed.facts.send(PublishedBatch { epoch: Arc::clone(&scene.epoch), batch }).unwrap();
        }
        write(&database, 1..=10).await;
        scene.wake.now();
        while replica.position("eu") < 10 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        following.await.unwrap();
        scene.end().await;
    }
}

#[tokio::test]
async fn a_feed_ends_where_another_epoch_begins() {
    for Scratch { database, .. } in databases(true).await {
        let scene = scene(&database, 5).await;
        let mut reader = scene.feed.open(None).await.unwrap();
        let mut resumed = scene.open(3).await.unwrap();
        let epoch = sequencer::begin_epoch(&database).await.unwrap();
        scene.wake.now();
        for reader in [&mut reader, &mut resumed] {
            let error = loop {
                if let Err(error) = reader.batches.next().await.unwrap() {
                    break error;
                }
            };
            assert_eq!(error, Error::Gone);
        }
        assert_eq!(scene.open(5).await.err(), Some(Error::Gone));
        assert_eq!(*scene.feed.open(None).await.unwrap().snapshot.unwrap().epoch, *epoch);
        scene.end().await;
    }
}

//! The feed: whole, in order, resumed where it can be, and cheap for many.

use std::sync::Arc;

use edge::feed::{Cursor, Error, Source, Subscription};
use edge::{Follower, Identity, Replica};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::fakes::HEARD;
use crate::scene::Scene;

fn cursor(epoch: &str, position: i64) -> Option<Cursor> {
    Some(Cursor { epoch: epoch.into(), position })
}

async fn positions(subscription: &mut Subscription, count: usize) -> Vec<i64> {
    let mut positions = Vec::new();
    while positions.len() < count {
        positions.push(subscription.batches.next().await.unwrap().unwrap().position);
    }
    positions
}

#[tokio::test]
async fn a_feed_begins_with_a_snapshot_and_continues_with_changes() {
    let scene = Scene::new(1).await;
    // More than one piece.
    (0..300).for_each(|_| scene.source.publish(2_000));
    let mut feed = scene.edge.region.open(None).await.unwrap();
    let snapshot = feed.snapshot.take().unwrap();
    assert_eq!((&*snapshot.epoch, snapshot.position, snapshot.facts.len()), ("one", 300, 300));
    scene.source.publish(10);
    scene.source.heartbeat();
    let changed = feed.batches.next().await.unwrap().unwrap();
    assert_eq!((changed.after, changed.position, changed.facts.len()), (300, 301, 1));
    let alive = feed.batches.next().await.unwrap().unwrap();
    assert_eq!((alive.after, alive.position, alive.facts.len()), (301, 301, 0));
}

#[tokio::test]
async fn a_cursor_resumes_and_an_expired_one_is_refused() {
    let scene = Scene::new(2).await;
    (0..10).for_each(|_| scene.source.publish(10));
    let mut feed = scene.edge.region.open(cursor("one", 7)).await.unwrap();
    assert!(feed.snapshot.is_none());
    scene.source.publish(10);
    assert_eq!(positions(&mut feed, 4).await, [8, 9, 10, 11]);
    assert_eq!(scene.edge.region.open(cursor("another & one", 7)).await.err(), Some(Error::Gone));
    *scene.source.oldest.lock().unwrap() = 9;
    assert_eq!(scene.edge.region.open(cursor("one", 7)).await.err(), Some(Error::Gone));
    assert!(scene.edge.region.open(cursor("one", 8)).await.is_ok());
}

#[tokio::test]
async fn a_slow_reader_is_disconnected_and_catches_up() {
    let scene = Scene::new(1).await;
    let mut slow = scene.edge.region.open(None).await.unwrap();
    let mut quick = scene.edge.region.open(None).await.unwrap();
    // More than the wire and all buffers hold.
    let count = HEARD * 2;
    for position in (1..).take(count) {
        scene.source.publish(100_000);
        assert_eq!(positions(&mut quick, 1).await, [position], "nobody waits for the slow one");
    }
    let mut at = 0;
    let error = loop {
        match slow.batches.next().await.unwrap() {
            Ok(batch) => at = batch.position,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::Lagged);
    assert!(slow.batches.next().await.is_none());
    let mut again = scene.edge.region.open(cursor("one", at)).await.unwrap();
    let rest = count - usize::try_from(at).unwrap();
    assert_eq!(positions(&mut again, rest).await.last(), Some(&i64::try_from(count).unwrap()));
}

#[tokio::test]
async fn a_follower_resumes_at_another_node() {
    let mut scene = Scene::new(2).await;
    (0..5).for_each(|_| scene.source.publish(10));
    let (replica, stop) = (Replica::new(["eu"]), CancellationToken::new());
    let follower = Follower::new("edge-0", "eu", Arc::new(scene.edge.region.clone()), &replica, &Identity::new("eu"));
    let following = tokio::spawn(follower.run(stop.clone()));
    let until = async |position| {
        while replica.position("eu") < position {
            tokio::task::yield_now().await;
        }
    };
    until(5).await;
    scene.nodes.remove(0).wire.cut();
    (0..5).for_each(|_| scene.source.publish(10));
    until(10).await;
    // What is said live, as well.
    scene.source.publish(10);
    until(11).await;
    assert_eq!(*scene.source.snapshots.lock().unwrap(), 1, "one snapshot was enough");
    stop.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn a_silent_feed_is_closed() {
    let scene = Scene::new(1).await;
    let mut feed = scene.edge.region.open(None).await.unwrap();
    scene.nodes[0].wire.hold();
    assert!(matches!(feed.batches.next().await.unwrap(), Err(Error::Unavailable(_))));
    assert!(feed.batches.next().await.is_none());
}

#[tokio::test]
async fn concurrent_readers_share_a_snapshot() {
    let scene = Scene::new(1).await;
    (0..300).for_each(|_| scene.source.publish(2_000));
    let opening = (0..50).map(|_| scene.edge.region.open(None));
    let feeds = futures::future::join_all(opening).await;
    scene.source.publish(10);
    for feed in feeds {
        let mut feed = feed.unwrap();
        assert_eq!(feed.snapshot.take().unwrap().facts.len(), 300);
        assert_eq!(positions(&mut feed, 1).await, [301]);
    }
    assert!(*scene.source.snapshots.lock().unwrap() < 50);
}

#[tokio::test]
async fn an_unreachable_node_has_no_feed() {
    let scene = Scene::new(1).await;
    scene.nodes[0].wire.cut();
    while scene.edge.region.reachable() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(scene.edge.region.open(None).await.err(), Some(Error::Unavailable(_))));
}

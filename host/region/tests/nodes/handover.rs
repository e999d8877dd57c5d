use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;

use crate::support::{CallerCounts, PARTITIONS, Region, finish, load, until, until_led};

const CALLERS: usize = 40;

/// A node leaves while everybody goes on: nothing is lost, doubled or left open, whichever node one asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_node_hands_over_under_load() {
    let region = Region::new().await;
    let (a, b) = (region.node("a").await, region.node("b").await);
    until_led(&[&a, &b], &[8, 8]).await;
    let (seen, stop) = (Arc::<CallerCounts>::default(), CancellationToken::new());
    let callers = load(&[a.coordinator.clone(), b.coordinator.clone()], CALLERS, &seen, &stop);
    let answered = || seen.answered.load(Ordering::Relaxed);
    until("some load", || answered() > 10 * CALLERS).await;
    a.coordinator.drain().await;
    assert_eq!(a.led(), 0);
    until_led(&[&b], &[PARTITIONS]).await;
    // The one that has left hands on.
    let before = answered();
    until("more load", || answered() > before + 10 * CALLERS).await;
    finish(callers, &stop, &region).await;
    eprintln!("{} answered, {} asked to try again", answered(), seen.unavailable.load(Ordering::Relaxed));
    a.ended().await;
    b.ended().await;
}

/// Nodes come, go and are told to stop, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_replaced_node_by_node_under_load() {
    let region = Region::new().await;
    let stays = region.node("stays").await;
    until_led(&[&stays], &[PARTITIONS]).await;
    let (seen, stop) = (Arc::<CallerCounts>::default(), CancellationToken::new());
    let callers = load(std::slice::from_ref(&stays.coordinator), CALLERS, &seen, &stop);
    for round in 0..3 {
        let comes = region.node(&format!("node-{round}")).await;
        until_led(&[&stays, &comes], &[8, 8]).await;
        let before = seen.answered.load(Ordering::Relaxed);
        until("more load", || seen.answered.load(Ordering::Relaxed) > before + 5 * CALLERS).await;
        comes.ended().await;
        until_led(&[&stays], &[PARTITIONS]).await;
    }
    finish(callers, &stop, &region).await;
    eprintln!(
        "{} answered, {} asked to try again",
        seen.answered.load(Ordering::Relaxed),
        seen.unavailable.load(Ordering::Relaxed)
    );
    stays.ended().await;
}

//! What a caller hears when a node fails: nothing is done twice, and `unavailable` is never said of what may have been done.

use std::sync::atomic::Ordering;

use vocabulary::booking::{Command, Rejection};

use crate::fakes::command;
use crate::scene::Scene;

#[tokio::test]
async fn a_lost_answer_is_retried_at_another_node_with_the_same_key() {
    let scene = Scene::new(2).await;
    let [first, second] = &scene.nodes[..] else { panic!() };
    let before = scene.database.effects();
    first.ledger.hold.store(true, Ordering::Relaxed);
    let asked = scene.applying(vec![command("e", "k1"), command("f", "k2")]);
    // Both are done; then the node is gone before it can say so.
    first.ledger.arrived(2).await;
    first.wire.cut();
    for answer in asked.await.unwrap() {
        assert!(answer.unwrap().replayed, "the other node knows that it is done");
    }
    assert_eq!(scene.database.effects() - before, 2, "once each");
    let mut keys = second.ledger.keys();
    keys.sort();
    assert_eq!((first.ledger.keys().len(), keys), (2, vec!["k1".to_owned(), "k2".to_owned()]));
}

#[tokio::test]
async fn an_uncertain_command_is_unknown_and_an_unsent_one_unavailable() {
    let scene = Scene::new(1).await;
    let node = &scene.nodes[0];
    node.ledger.hold.store(true, Ordering::Relaxed);
    let asked = scene.applying(vec![command("e", "k1")]);
    node.ledger.arrived(1).await;
    node.wire.cut();
    assert_eq!(asked.await.unwrap(), [Err(Rejection::Unknown)]);
    let refused = scene.apply("e", "k2").await;
    assert!(matches!(refused, Err(Rejection::Unavailable(_))), "{refused:?}");
    assert_eq!(node.ledger.keys(), ["k1"]);
    // Once the node is back, the key says what became of it.
    node.ledger.hold.store(false, Ordering::Relaxed);
    node.wire.mend();
    scene.edge.region.reset_breakers();
    while !scene.edge.region.reachable() {
        tokio::task::yield_now().await;
    }
    assert!(scene.apply("e", "k1").await.unwrap().replayed);
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_leaves_it_unknown() {
    let scene = Scene::new(2).await;
    let [first, second] = &scene.nodes[..] else { panic!() };
    first.ledger.hold.store(true, Ordering::Relaxed);
    second.ledger.busy.store(true, Ordering::Relaxed);
    let asked = scene.applying(vec![command("e", "k1")]);
    first.ledger.arrived(1).await;
    first.wire.cut();
    assert_eq!(asked.await.unwrap(), [Err(Rejection::Unknown)]);
}

#[tokio::test]
async fn sold_out_is_not_final_while_an_earlier_attempt_may_still_run() {
    for (key, heard) in [("sold1", Rejection::Unknown), ("used1", Rejection::KeyConflict)] {
        let scene = Scene::new(2).await;
        let [first, second] = &scene.nodes[..] else { panic!() };
        first.ledger.hold.store(true, Ordering::Relaxed);
        let asked = scene.applying(vec![command("e", key)]);
        first.ledger.arrived(1).await;
        first.wire.cut();
        assert_eq!(asked.await.unwrap(), [Err(heard)]);
        assert_eq!(second.ledger.keys(), [key], "it was asked once");
        // Asked for the first time, it is.
        assert_eq!(scene.apply("e", "sold2").await, Err(Rejection::SoldOut(vec![])));
    }
}

#[tokio::test]
async fn a_refusal_by_one_node_is_retried_at_another() {
    let scene = Scene::new(2).await;
    let [first, second] = &scene.nodes[..] else { panic!() };
    first.ledger.busy.store(true, Ordering::Relaxed);
    assert!(scene.apply("e", "k1").await.is_ok());
    assert_eq!((first.ledger.keys(), second.ledger.keys()), (vec!["k1".to_owned()], vec!["k1".to_owned()]));
    // Where all refuse, that is the answer, after a bounded number of tries.
    second.ledger.busy.store(true, Ordering::Relaxed);
    assert_eq!(scene.apply("e", "k2").await, Err(Rejection::Unavailable(1)));
    let tries = [first, second].iter().map(|node| node.ledger.keys().iter().filter(|key| *key == "k2").count()).sum::<usize>();
    assert_eq!(tries, fleet::limits::TRIES);
}

#[tokio::test]
async fn an_unknown_outcome_is_retried() {
    let scene = Scene::new(1).await;
    assert!(scene.apply("e", "doubt").await.unwrap().replayed);
    assert_eq!(scene.nodes[0].ledger.keys(), ["doubt", "doubt"]);
}

#[tokio::test]
async fn a_refused_command_is_not_sent_again_behind_one_that_came_later() {
    let scene = Scene::new(2).await;
    let answers = scene.applying(vec![command("e", "busy1"), command("e", "k2")]).await.unwrap();
    assert!(matches!(answers[..], [Err(Rejection::Unavailable(1)), Ok(_)]), "{answers:?}");
    let answers = scene.applying(vec![command("e", "k3"), command("e", "busy4"), command("e", "busy5")]).await.unwrap();
    assert!(matches!(answers[..], [Ok(_), Err(Rejection::Unavailable(_)), Err(Rejection::Unavailable(_))]), "{answers:?}");
    let all = [scene.nodes[0].ledger.keys(), scene.nodes[1].ledger.keys()].concat();
    let count = |key: &str| all.iter().filter(|other| *other == key).count();
    assert_eq!((count("busy1"), count("k2"), count("k3")), (1, 1, 1));
    assert_eq!((count("busy4"), count("busy5")), (fleet::limits::TRIES, fleet::limits::TRIES));
}

#[tokio::test]
async fn a_silent_node_is_abandoned_and_the_deadline_holds() {
    let scene = Scene::new(1).await;
    let node = &scene.nodes[0];
    node.ledger.hold.store(true, Ordering::Relaxed);
    let short = Command { deadline: edge::now() + 300_000, ..command("e", "k1") };
    let asked = scene.applying(vec![short]);
    node.ledger.arrived(1).await;
    node.wire.hold();
    assert_eq!(asked.await.unwrap(), [Err(Rejection::Unknown)]);
    assert_eq!(node.ledger.keys(), ["k1"], "past its deadline it is not sent again");
}

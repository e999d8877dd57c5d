//! A node that stops, under load: nothing is lost and nothing is done twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use edge::Region as _;
use edge::feed::{Error, Source as _};
use futures::StreamExt as _;
use http::Request;

use crate::fakes::command;
use crate::scene::{Node, Scene, TestClient};
use fleet::client::Route;
use telemetry::BreakerState;

#[tokio::test]
async fn a_node_that_stops_loses_no_request() {
    let mut scene = Scene::new(2).await;
    let over = Arc::new(AtomicBool::new(false));
    let before = scene.database.effects();
    let callers: Vec<_> = (0..32)
        .map(|caller| {
            let (region, over) = (scene.edge.region.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut asked = 0;
                while !over.load(Ordering::Relaxed) {
                    let key = format!("{caller}-{asked}");
                    let answers = contracts::Ledger::apply(&region, vec![command("e", &key)]).await;
                    assert!(!answers[0].as_ref().expect(&key).replayed, "{key} was done at the first time");
                    let request = Request::post("/a").body(edge::known(Bytes::from_static(b"x"))).unwrap();
                    assert_eq!(region.handle(request).await.expect(&key).status(), 201);
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    scene.nodes[0].ledger.arrived(20).await;
    let stopped = scene.nodes.remove(0);
    stopped.stop.cancel();
    stopped.serving.await.unwrap();
    // The other one has it all now.
    scene.nodes[0].ledger.arrived(20).await;
    over.store(true, Ordering::Relaxed);
    let mut asked = 0;
    for caller in callers {
        asked += caller.await.unwrap();
    }
    assert_eq!(scene.database.effects() - before, asked);
}

#[tokio::test]
async fn a_draining_node_finishes_open_requests_and_new_ones_go_elsewhere() {
    let scene = Scene::new(2).await;
    let [first, second] = &scene.nodes[..] else { panic!() };
    let slow = scene.applying(vec![command("slow", "k1")]);
    first.ledger.arrived(1).await;
    first.stop.cancel();
    assert!(scene.apply("e", "k2").await.is_ok());
    assert_eq!(second.ledger.keys(), ["k2"]);
    assert!(!slow.is_finished() && !first.serving.is_finished());
    first.ledger.let_through.add_permits(1);
    assert!(!slow.await.unwrap()[0].as_ref().unwrap().replayed);
    assert_eq!(second.ledger.keys(), ["k2"], "the first has answered itself");
}

#[tokio::test]
async fn a_feed_ends_with_its_node_and_is_reopened_at_another() {
    let scene = Scene::new(2).await;
    let mut feed = scene.edge.region.open(None).await.unwrap();
    scene.nodes[0].stop.cancel();
    assert_eq!(feed.batches.next().await.unwrap().unwrap_err(), Error::Ended);
    assert!(scene.edge.region.open(None).await.is_ok());
}

#[tokio::test]
async fn a_node_without_keys_receives_no_requests() {
    let mut scene = Scene::new(1).await;
    let starting = Node::starting(scene.folder.tls("eu-2"), &scene.database, &scene.source, false).await;
    let addresses = vec![scene.nodes[0].address(), starting.address()];
    scene.edge = TestClient::new(scene.folder.tls("edge-0"), "eu", addresses, Route::Ledger);
    scene.edge.until("eu-1", |state| state == BreakerState::Closed).await;
    for request in 0..20 {
        scene.apply("e", &format!("k{request}")).await.unwrap();
        let request = Request::post("/a").body(edge::known(Bytes::from_static(b"x"))).unwrap();
        assert_eq!(scene.edge.region.handle(request).await.unwrap().status(), 201);
    }
    assert_eq!((starting.ledger.keys().len(), scene.nodes[0].ledger.keys().len()), (0, 20));
    // Once it can, it is found by itself, and stays.
    starting.ready.store(true, Ordering::Relaxed);
    scene.edge.until("eu-2", |state| state == BreakerState::Closed).await;
}

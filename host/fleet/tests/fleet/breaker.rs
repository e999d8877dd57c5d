//! The circuit breaker before each node.

use std::sync::atomic::Ordering;

use telemetry::{BreakerState, Health, State};

use crate::fakes::command;
use crate::scene::Scene;

#[tokio::test]
async fn a_dead_node_opens_its_breaker_and_recovers() {
    let scene = Scene::new(2).await;
    let [first, second] = &scene.nodes[..] else { panic!() };
    first.wire.cut();
    scene.edge.until(&first.name, |state| state != BreakerState::Closed).await;
    for n in 0..50 {
        assert!(scene.apply("e", &format!("k{n}")).await.is_ok());
    }
    assert_eq!((first.ledger.keys().len(), second.ledger.keys().len()), (0, 50));
    // Open, half open, open: all of it can be seen.
    scene.edge.until(&first.name, |state| state == BreakerState::HalfOpen).await;
    scene.edge.until(&first.name, |state| state == BreakerState::Open).await;
    while !String::from_utf8(scene.edge.metrics.render().unwrap())
        .unwrap()
        .contains(&format!("marquee_circuit_breaker_state{{breaker=\"eu/{}\"}} 1", first.name))
    {
        tokio::task::yield_now().await;
    }
    first.wire.mend();
    scene.edge.region.reset_breakers();
    scene.edge.until(&first.name, |state| state == BreakerState::Closed).await;
    assert!(scene.apply("e", "again").await.is_ok());
    assert_eq!(first.ledger.keys(), ["again"], "it is the one that is kept to");
    let text = String::from_utf8(scene.edge.metrics.render().unwrap()).unwrap();
    assert!(text.contains(&format!("marquee_circuit_breaker_state{{breaker=\"eu/{}\"}} 0", first.name)), "{text}");
    assert!(text.contains("marquee_fleet_requests_total{kind=\"ledger\",outcome=\"answered\",region=\"eu\"}"), "{text}");
}

#[tokio::test]
async fn health_names_reachable_nodes() {
    let scene = Scene::new(2).await;
    let health = Health::default();
    let nodes = scene.nodes.iter().map(crate::scene::Node::address).collect();
    let options = fleet::client::Options {
        tls: scene.folder.tls("edge-0"),
        region: "eu".to_owned(),
        nodes,
        route: fleet::client::Route::Ledger,
        breaker: fleet::limits::BREAKER,
        metrics: std::sync::Arc::clone(&scene.edge.metrics),
    };
    let client = fleet::Client::new(options).unwrap();
    client.register(&health);
    let stop = tokio_util::sync::CancellationToken::new();
    let state = || health.lines()[0].finding.state;
    assert_eq!((state(), health.ready()), (State::Down, true), "an edge goes on without its region");
    let running = tokio::spawn(client.run(stop.clone()));
    for (cut, expected) in [(None, State::Up), (Some(0), State::Degraded), (Some(1), State::Down)] {
        if let Some(node) = cut {
            scene.nodes[node].wire.cut();
        }
        while state() != expected {
            tokio::task::yield_now().await;
        }
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_node_that_never_answers_opens_its_breaker() {
    let scene = Scene::new(2).await;
    let [first, second] = &scene.nodes[..] else { panic!() };
    first.ledger.hold.store(true, Ordering::Relaxed);
    let asked = scene.applying(vec![command("e", "k1")]);
    first.ledger.arrived(1).await;
    // Nothing breaks and nothing comes: pings tell.
    first.wire.hold();
    assert!(asked.await.unwrap()[0].as_ref().unwrap().replayed);
    assert_eq!(second.ledger.keys(), ["k1"]);
    scene.edge.until(&first.name, |state| state != BreakerState::Closed).await;
}

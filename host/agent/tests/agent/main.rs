//! An agent between a simulated control plane, over TLS on loopback, and a simulated node.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod scene;

use agent::Refused;
use fleet::Identity;
use rollout::protocol::{FailureKind, NodeKind, Phase, ReleaseId, Stamp};
use scene::{Scene, assignment, phase};

fn refused(kind: FailureKind, reason: &str) -> Refused {
    Refused { kind, reason: reason.to_owned() }
}

#[tokio::test]
async fn what_is_assigned_is_prepared_served_and_reported() {
    let scene = Scene::new();
    let mut control = scene.control("control-1").await;
    let node = scene.node("edge-0", &[&control]);
    let first = control.until(|_| true).await;
    assert_eq!((first.peer.as_str(), first.report.node.kind), ("marquee://edge/-/edge-0", NodeKind::Edge));
    assert_eq!((first.report.known, first.report.serving.len()), (Stamp::default(), 0));

    control.assign(assignment((1, 1), &[1], &[(1, 100)]));
    let told = control.until(|told| told.serves() == [(1, 100)]).await;
    assert_eq!((phase(&told, 1), told.report.known), (Phase::Ready, Stamp { epoch: 1, revision: 1 }));
    assert_eq!(told.report.releases[0].counters.requests, 1, "as its host counts");

    // A part of the requests first, then all; at last only what is needed yet is kept.
    control.assign(assignment((1, 2), &[1, 2], &[(1, 90), (2, 10)]));
    control.until(|told| told.serves() == [(1, 90), (2, 10)]).await;
    control.assign(assignment((1, 3), &[1, 2], &[(2, 100)]));
    control.until(|told| told.serves() == [(2, 100)]).await;
    control.assign(assignment((1, 4), &[2], &[(2, 100)]));
    control.until(|told| told.report.known.revision == 4).await;
    node.host.until_kept(&[2]).await;
    assert_eq!(node.host.prepared(), [1, 2], "each once");
    assert!(control.all().iter().all(|told| told.report.boot == first.report.boot));
}

#[tokio::test]
async fn the_last_assignment_is_run_without_the_control_plane() {
    let scene = Scene::new();
    let mut control = scene.control("control-1").await;
    let node = scene.node("eu-1", &[&control]);
    control.assign(assignment((3, 7), &[1, 2], &[(2, 100)]));
    let told = control.until(|told| told.serves() == [(2, 100)]).await;
    let address = control.address.clone();
    control.stop().await;
    node.stop().await;

    // Nobody listens there.
    let node = scene.node_at("eu-1", vec![address.clone()]);
    node.host.until_serving(&[(2, 100)]).await;
    assert!(node.health().contains("the control plane is not heard"), "{}", node.health());

    // An instance that has not kept up says nothing that counts; one that acts later does.
    let mut control = scene.control_at("control-1", &address).await;
    control.assign(assignment((3, 6), &[1], &[(1, 100)]));
    let again = control.until(|told| told.serves() == [(2, 100)]).await;
    assert!(again.report.boot != told.report.boot && again.report.known == Stamp { epoch: 3, revision: 7 });
    control.until_answered(3).await;
    assert_eq!(node.host.serving(), [(2, 100)]);
    control.assign(assignment((4, 1), &[1], &[(1, 100)]));
    control.until(|told| told.serves() == [(1, 100)]).await;
}

#[tokio::test]
async fn nothing_changes_until_all_that_is_to_serve_is_ready() {
    let scene = Scene::new();
    let mut control = scene.control("control-1").await;
    let node = scene.node("edge-0", &[&control]);
    control.assign(assignment((1, 1), &[1], &[(1, 100)]));
    control.until(|told| told.serves() == [(1, 100)]).await;

    node.host.fails(2, refused(FailureKind::Fetch, "the registry is gone"));
    control.assign(assignment((1, 2), &[1, 2], &[(1, 50), (2, 50)]));
    let failed = Phase::Failed { kind: FailureKind::Fetch, reason: "the registry is gone".to_owned() };
    let told = control.until(|told| phase(told, 2) == failed).await;
    assert_eq!(told.serves(), [(1, 100)]);
    assert!(node.health().contains("the registry is gone"), "{}", node.health());
    // It is there again when it is tried again.
    let told = control.until(|told| told.serves() == [(1, 50), (2, 50)]).await;
    assert_eq!(phase(&told, 2), Phase::Ready);
    assert_eq!(node.host.prepared(), [1, 2, 2]);
}

#[tokio::test]
async fn the_way_back_waits_for_nothing() {
    let scene = Scene::new();
    let mut control = scene.control("control-1").await;
    let node = scene.node("edge-0", &[&control]);
    control.assign(assignment((1, 1), &[1, 2], &[(1, 100)]));
    control.until(|told| phase(told, 2) == Phase::Ready).await;
    control.assign(assignment((1, 2), &[1, 2], &[(2, 100)]));
    control.until(|told| told.serves() == [(2, 100)]).await;
    // The third is being prepared, and never will be ready.
    node.host.hangs(3);
    control.assign(assignment((1, 3), &[1, 2, 3], &[(2, 99), (3, 1)]));
    node.host.until_preparing(3).await;
    control.assign(assignment((1, 4), &[1, 2, 3], &[(1, 100)]));
    let told = control.until(|told| told.serves() == [(1, 100)]).await;
    assert_eq!(phase(&told, 3), Phase::Preparing);
    // No longer wanted, it is let go, and the next is begun.
    control.assign(assignment((1, 5), &[1, 4], &[(4, 100)]));
    control.until(|told| told.serves() == [(4, 100)]).await;
    node.host.until_kept(&[1, 4]).await;
}

#[tokio::test]
async fn a_switch_that_the_node_refuses_is_reported_and_tried_again() {
    let scene = Scene::new();
    let mut control = scene.control("control-1").await;
    let node = scene.node("eu-1", &[&control]);
    node.host.refuses_to_serve(refused(FailureKind::Incompatible, "a region's node switches whole"));
    control.assign(assignment((1, 1), &[1, 2], &[(1, 90), (2, 10)]));
    let failed = Phase::Failed { kind: FailureKind::Incompatible, reason: "a region's node switches whole".to_owned() };
    let told = control.until(|told| phase(told, 2) == failed).await;
    assert!(told.serves().is_empty() && node.host.serving().is_empty());
    control.assign(assignment((1, 2), &[1, 2], &[(1, 100)]));
    control.until(|told| told.serves() == [(1, 100)]).await;
    let metrics = node.metrics();
    for line in [
        "marquee_agent_assignment_epoch 1",
        "marquee_agent_assignment_revision 2",
        // As often as it was tried.
        "marquee_agent_switches_total{outcome=\"switched\"} ",
        "marquee_agent_switches_total{outcome=\"refused\"} ",
        "marquee_agent_failures_total{kind=\"incompatible\"} ",
        "marquee_agent_control_heard_timestamp_seconds ",
    ] {
        assert!(metrics.iter().any(|shown| shown.starts_with(line)), "{line} is not among {metrics:#?}");
    }
}

#[tokio::test]
async fn another_instance_is_asked_where_one_has_gone() {
    let scene = Scene::new();
    let (mut one, mut other) = (scene.control("control-1").await, scene.control("control-2").await);
    let node = scene.node("edge-0", &[&one, &other]);
    for control in [&one, &other] {
        control.assign(assignment((1, 1), &[1], &[(1, 100)]));
    }
    node.host.until_serving(&[(1, 100)]).await;
    // Whichever it asks: that one goes, amid a request that waits.
    let asked_one = tokio::select! {
        _ = one.until(|told| told.serves() == [(1, 100)]) => true,
        _ = other.until(|told| told.serves() == [(1, 100)]) => false,
    };
    let mut left = if asked_one {
        one.stop().await;
        other
    } else {
        other.stop().await;
        one
    };
    left.assign(assignment((2, 1), &[1, 2], &[(2, 100)]));
    left.until(|told| told.serves() == [(2, 100)]).await;
    assert_eq!(node.host.prepared(), [1, 2]);
}

#[tokio::test]
async fn what_makes_no_sense_is_not_acted_on() {
    let scene = Scene::new();
    let mut control = scene.control("control-1").await;
    let node = scene.node("edge-0", &[&control]);
    control.until(|_| true).await;
    for faulty in [assignment((1, 1), &[1], &[(2, 100)]), assignment((1, 1), &[1, 2], &[(1, 90), (2, 20)])] {
        control.assign(faulty);
        // The first of these may have been on its way.
        control.until(|told| told.report.wait).await;
        control.until(|told| told.report.wait).await;
    }
    assert!(node.health().contains("is not acted on"), "{}", node.health());
    assert_eq!(control.until(|_| true).await.report.known, Stamp::default());
    control.assign(assignment((1, 2), &[1], &[(1, 100)]));
    control.until(|told| told.serves() == [(1, 100)]).await;
    assert_eq!(node.host.prepared(), [1]);
    let stored = |name: &str| agent::stored(&scene.folder("edge-0"), &Identity::edge_node(name).unwrap());
    assert_eq!(stored("edge-0").unwrap().releases[0].id, ReleaseId(1));
    // What stands there is no more believed than what is sent, and nothing of a disk that was copied.
    assert_eq!(stored("edge-1"), None);
    std::fs::write(scene.folder("edge-0").join("assignment.json"), "{\"stamp\":").unwrap();
    assert_eq!(stored("edge-0"), None);
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let scene = Scene::new();
    for (instances, valid) in [(0, false), (1, true), (16, true), (17, false)] {
        let made = scene.agent("edge-0", vec!["127.0.0.1:1".to_owned(); instances]).0;
        assert_eq!(made.is_ok(), valid, "{instances}");
    }
}

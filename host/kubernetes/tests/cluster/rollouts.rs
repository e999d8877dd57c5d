//! Objects bring versions to the fleet, and say what became of them.

use std::sync::Arc;

use serde_json::json;
use test_support::until;

use crate::instances::OPERATOR;
use crate::scene::{INSTANCES, Scene, at_once, careful, condition, message, version, with};
use crate::server::Server;

const SHOP: &str = "shop";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_reaches_the_fleet_and_its_object_says_how_far_it_is() {
    let scene = Scene::set(Server::shared().await, "good").await;
    scene.say(SHOP, with(at_once(&version(1)), json!({ "paused": true }))).await;
    scene.until(SHOP, "Reconciling", "Paused").await;
    assert!(scene.history().await.is_empty(), "what is paused does not begin");
    scene.say(SHOP, with(at_once(&version(1)), json!({ "variables": { "colour": { "value": "red" } } }))).await;
    let status = scene.until(SHOP, "Ready", "Completed").await;
    let shown = (&status["phase"], &status["release"], &status["running"], &status["nodes"]["known"]);
    assert_eq!(shown, (&json!("Completed"), &json!(1), &json!(version(1)), &json!(3)));
    for kind in ["Reconciling", "Stalled"] {
        assert_eq!(condition(&status, kind)["status"], "False");
    }
    scene.until_all_serve(1).await;

    // The next one, as far as the gate; the old one's gate is not this one's.
    let next = with(careful(&version(2)), json!({ "promote": "1/canary" }));
    scene.say(SHOP, next.clone()).await;
    let status = scene.until(SHOP, "Reconciling", "Gated").await;
    assert_eq!((&status["gate"], &status["step"], &status["release"]), (&json!("2/canary"), &json!("canary 50%"), &json!(2)));
    assert!(message(&status).contains("set spec.promote to 2/canary"), "{status:#}");
    // Paused there: promoting it has no effect until it goes on.
    let promoted = with(next.clone(), json!({ "promote": "2/canary" }));
    scene.say(SHOP, with(promoted.clone(), json!({ "paused": true }))).await;
    let status = scene.until(SHOP, "Reconciling", "Paused").await;
    assert!(status["gate"].is_null(), "{status:#}");
    scene.say(SHOP, promoted.clone()).await;
    scene.until(SHOP, "Ready", "Completed").await;
    scene.until_all_serve(2).await;

    // What was promoted stays written there, and opens no other gate.
    scene.say(SHOP, with(careful(&version(3)), json!({ "promote": "2/canary" }))).await;
    let status = scene.until(SHOP, "Reconciling", "Gated").await;
    assert_eq!(status["gate"], "3/canary");

    let reasons: Vec<String> = scene.events(SHOP).await.into_iter().map(|(reason, _)| reason).collect();
    for told in ["StageBegan", "Gated", "Paused", "Resumed", "Promoted", "Completed"] {
        assert!(reasons.iter().any(|reason| reason == told), "{told}: {reasons:?}");
    }
    let audit = scene.audit().await;
    for what in ["deploy", "paused", "resumed", "promoted"] {
        assert!(audit.contains(&("kubernetes:good/shop".to_owned(), what.to_owned())), "{what}: {audit:?}");
    }
    // Who deletes it undoes nothing.
    scene.remove(SHOP).await;
    assert_eq!(scene.ground.get("v1/status").await["rollout"]["state"], "gated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_goes_back_and_is_not_tried_again_until_the_object_changes() {
    let scene = Scene::set(Server::shared().await, "bad").await;
    scene.say(SHOP, at_once(&version(1))).await;
    scene.until(SHOP, "Ready", "Completed").await;
    // It answers every fifth request with an error.
    let bad = with(
        careful(&version(13)),
        json!({ "plan": { "interval": "1s", "failure_limit": 0,
        "stages": careful("")["plan"]["stages"], "analysis": { "min_requests": 100, "latency": false } } }),
    );
    scene.say(SHOP, bad.clone()).await;
    let status = scene.until(SHOP, "Stalled", "RolledBack").await;
    let said = message(&status);
    assert!(said.contains('%') && said.contains("until the object changes"), "{said}");
    assert_eq!((&status["running"], &status["phase"]), (&json!(version(1)), &json!("RolledBack")));
    scene.until_all_serve(1).await;
    until("people are told why", async || {
        scene.events(SHOP).await.into_iter().find(|(reason, note)| reason == "RolledBack" && note.contains('%'))
    })
    .await;

    // The same is not deployed again: not by a label, by what GitOps tools apply all the time, or by a pause.
    scene.change(SHOP, json!({ "metadata": { "labels": { "a": "b" } } })).await;
    scene.say(SHOP, bad.clone()).await;
    scene.say(SHOP, with(bad.clone(), json!({ "paused": true }))).await;
    scene.until(SHOP, "Stalled", "RolledBack").await;
    scene.say(SHOP, bad.clone()).await;
    scene.until(SHOP, "Stalled", "RolledBack").await;
    assert_eq!(scene.history().await.len(), 2);
    // It is, where somebody says so.
    scene.say(SHOP, with(bad, json!({ "retry": 1 }))).await;
    until("it is tried again", async || (scene.history().await.len() == 3).then_some(())).await;
    let status = scene.until(SHOP, "Stalled", "RolledBack").await;
    assert_eq!(status["release"], 3);
    // The way back in Git is the version that nodes have: nothing is to be done.
    scene.say(SHOP, at_once(&version(1))).await;
    let status = scene.until(SHOP, "Ready", "Completed").await;
    assert_eq!((&status["release"], scene.history().await.len()), (&json!(1), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_instance_goes_on_and_nothing_is_begun_or_told_twice() {
    let mut scene = Scene::set(Server::shared().await, "killed").await;
    scene.say(SHOP, at_once(&version(1))).await;
    until("it is begun", async || (!scene.history().await.is_empty()).then_some(())).await;
    scene.kill_acting().await;
    scene.until(SHOP, "Ready", "Completed").await;
    scene.launch("three").await;
    let next = careful(&version(2));
    scene.say(SHOP, next.clone()).await;
    scene.until(SHOP, "Reconciling", "Gated").await;
    scene.kill_acting().await;
    // Somebody commits while nobody acts.
    scene.say(SHOP, with(next, json!({ "promote": "2/canary" }))).await;
    let status = scene.until(SHOP, "Ready", "Completed").await;
    assert_eq!(status["release"], 2);
    let history = scene.history().await;
    assert_eq!(history, [(2, "completed".to_owned()), (1, "completed".to_owned())]);
    let mut events = scene.events(SHOP).await;
    let count = events.len();
    events.sort();
    events.dedup();
    assert_eq!(events.len(), count, "{events:#?}");
    for agent in &scene.agents {
        let told = agent.told();
        let prepared: std::collections::BTreeSet<_> = told.prepared.iter().collect();
        assert_eq!(prepared.len(), told.prepared.len(), "{}", agent.identity);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_decide_is_not_fought() {
    let scene = Scene::set(Server::shared().await, "people").await;
    scene.say(SHOP, at_once(&version(1))).await;
    scene.until(SHOP, "Ready", "Completed").await;
    let next = careful(&version(2));
    scene.say(SHOP, next.clone()).await;
    scene.until(SHOP, "Reconciling", "Gated").await;
    // Somebody pauses what the object does not.
    scene.ground.say(2, "pause").await;
    let status = scene.until(SHOP, "Reconciling", "Paused").await;
    assert!(message(&status).contains("somebody has paused it"), "{status:#}");
    scene.change(SHOP, json!({ "metadata": { "labels": { "a": "b" } } })).await;
    scene.ground.say(2, "resume").await;
    scene.until(SHOP, "Reconciling", "Gated").await;
    // Somebody goes back.
    scene.ground.say(2, "abort").await;
    let status = scene.until(SHOP, "Stalled", "Aborted").await;
    assert!(message(&status).contains("aborted by a-operator"), "{status:#}");
    // Somebody deploys another version: the object says what is so.
    let third = scene
        .ground
        .deploy("3", "application = \"shop\"\ninterval = \"1s\"\n[[stages]]\nname = \"all\"\n[analysis]\nmin_requests = 0\n")
        .await;
    let status = scene.until(SHOP, "Stalled", "Overruled").await;
    assert!(message(&status).contains("which a-operator began"), "{status:#}");
    assert_eq!((&status["running"], scene.history().await.len()), (&json!(version(3)), 3));
    // An object that declares what somebody has deployed is content with it.
    scene.say(SHOP, at_once(&version(3))).await;
    let status = scene.until(SHOP, "Ready", "Completed").await;
    assert_eq!(status["release"], third);
    // While somebody else's rollout is under way, an object waits; one that says the same takes it as its own.
    let plan = toml::to_string(&with(careful("")["plan"].clone(), json!({ "application": "shop" }))).unwrap();
    let fourth = scene.ground.deploy("4", &plan).await;
    scene.say(SHOP, at_once(&version(5))).await;
    let status = scene.until(SHOP, "Reconciling", "Waiting").await;
    assert!(message(&status).contains(&format!("rollout {fourth}, which a-operator began")), "{status:#}");
    scene.say(SHOP, careful(&version(4))).await;
    let status = scene.until(SHOP, "Reconciling", "Gated").await;
    assert_eq!(status["release"], fourth);
    // A second object is told that it is not asked.
    scene.say("other", at_once(&version(9))).await;
    let status = scene.until("other", "Stalled", "AnotherObject").await;
    assert!(message(&status).contains("shop"), "{status:#}");
    assert_eq!(scene.ground.client(OPERATOR).get("v1/status").await.unwrap().body["rollout"]["id"], fourth);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_commit_takes_the_place_of_what_is_under_way() {
    let scene = Scene::set(Server::shared().await, "superseded").await;
    scene.say(SHOP, at_once(&version(1))).await;
    scene.until(SHOP, "Ready", "Completed").await;
    scene.say(SHOP, careful(&version(2))).await;
    scene.until(SHOP, "Reconciling", "Gated").await;
    scene.say(SHOP, at_once(&version(3))).await;
    let status = scene.until(SHOP, "Ready", "Completed").await;
    assert_eq!(status["running"], version(3));
    let states: Vec<String> = scene.history().await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["completed", "aborted", "completed"]);
    scene.until_all_serve(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollouts_go_on_without_the_server_and_objects_hear_of_it_later() {
    // Others need theirs.
    let server = Arc::new(Server::start().await);
    let scene = Scene::set(Arc::clone(&server), "away").await;
    scene.say(SHOP, at_once(&version(1))).await;
    scene.until(SHOP, "Ready", "Completed").await;
    scene.say(SHOP, careful(&version(2))).await;
    scene.until(SHOP, "Reconciling", "Gated").await;
    assert!((scene.metric("marquee_kubernetes_connected") - 1.0).abs() < f64::EPSILON, "{}", INSTANCES[0]);
    server.kill();
    until("it is noticed", async || (scene.metric("marquee_kubernetes_connected") < 0.5).then_some(())).await;
    assert!(scene.metric("marquee_kubernetes_failures_total{request=\"watch\"}") >= 1.0);
    scene.ground.say(2, "promote").await;
    scene.ground.until_state(2, "completed").await;
    scene.until_all_serve(2).await;
    server.launch().await;
    let status = scene.until(SHOP, "Ready", "Completed").await;
    assert_eq!(status["release"], 2);
    until("what has happened meanwhile is told", async || {
        scene.events(SHOP).await.into_iter().find(|(reason, note)| reason == "Promoted" && note.contains("rollout 2"))
    })
    .await;
}

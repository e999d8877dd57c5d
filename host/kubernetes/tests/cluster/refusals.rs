//! What is refused, by the server or by the control plane, and how it is said.

use serde_json::{Value, json};

use crate::scene::{Scene, at_once, message, version, with};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_meant_is_refused_with_a_reason() {
    let scene = Scene::set(Server::shared().await, "refused").await;
    let good = at_once(&version(1));
    let plan = |members: Value| with(good.clone(), json!({ "plan": with(good["plan"].clone(), members) }));
    let stage = |members: Value| plan(json!({ "stages": [with(json!({ "name": "all" }), members)] }));
    for accepted in [
        good.clone(),
        with(
            good.clone(),
            json!({ "paused": true, "promote": "3/canary", "retry": 2, "variables": { "colour": { "value": "" } } }),
        ),
        plan(
            json!({ "analysis": { "latency": { "max_ratio": 2 }, "errors": false, "queries": [{ "name": "q", "promql": "up", "min": 1 }] } }),
        ),
        plan(json!({ "freeze": [{ "from": "fri 16:00", "to": "mon 08:00", "reason": "weekend" }] })),
    ] {
        assert_eq!(scene.offer(accepted.clone()).await, Ok(()), "{accepted:#}");
    }
    for (refused, said) in [
        (with(good.clone(), json!({ "reference": "r.example/shop:1" })), "spec.reference"),
        (with(good.clone(), json!({ "reference": null })), "spec.reference: Required value"),
        (
            with(good.clone(), json!({ "planFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } })),
            "write either plan or planFrom",
        ),
        (with(good.clone(), json!({ "plan": null })), "write either plan or planFrom"),
        (with(good.clone(), json!({ "version": "1" })), "unknown field \"spec.version\""),
        (with(good.clone(), json!({ "variables": { "a": { "value": "b", "secret": "c" } } })), "write either value or secret"),
        (with(good.clone(), json!({ "retry": -1 })), "spec.retry"),
        (plan(json!({ "intervall": "1s" })), "unknown field \"spec.plan.intervall\""),
        (plan(json!({ "interval": "1 minute" })), "spec.plan.interval"),
        (plan(json!({ "stages": [] })), "spec.plan.stages"),
        (stage(json!({ "name": "All" })), "spec.plan.stages[0].name"),
        (stage(json!({ "max_weight": 101 })), "less than or equal to 100"),
        (stage(json!({ "gate": "auto" })), "Unsupported value: \"auto\""),
        (stage(json!({ "nodes": { "kind": "edges" } })), "Unsupported value: \"edges\""),
    ] {
        let answer = scene.offer(refused.clone()).await.unwrap_err();
        assert!(answer.contains(said), "{said}: {answer}: {refused:#}");
    }

    // What the server does not look into, or cannot know, the control plane does.
    scene.say("shop", plan(json!({ "interval": "0s", "analysis": { "latency": { "ratio": 2 } } }))).await;
    let status = scene.until("shop", "Stalled", "Refused").await;
    assert!(message(&status).contains("ratio"), "{status:#}");
    scene.say("shop", plan(json!({ "interval": "0s", "stages": [{ "name": "all", "hold": "100d" }] }))).await;
    let status = scene.until("shop", "Stalled", "Refused").await;
    for fault in ["interval", "stages[0].hold"] {
        assert!(message(&status).contains(fault), "{fault}: {status:#}");
    }
    // Of a plan that is elsewhere, and of what no node can run.
    let elsewhere = json!({ "application": "shop", "reference": version(1), "planFrom": { "configMapKeyRef": { "name": "plans", "key": "plan.toml" } } });
    scene.remove("shop").await;
    scene.say("shop", elsewhere.clone()).await;
    let status = scene.until("shop", "Stalled", "Refused").await;
    assert!(message(&status).contains("there is no ConfigMap plans"), "{status:#}");
    scene
        .config_map(
            "plans",
            "plan.toml",
            "application = \"shop\"\ninterval = \"1s\"\n[[stages]]\nname = \"all\"\n[analysis]\nmin_requests = 0\n",
        )
        .await;
    scene.say("shop", with(elsewhere.clone(), json!({ "variables": { "price": { "value": "1" } } }))).await;
    let status = scene.until("shop", "Stalled", "Refused").await;
    assert!(message(&status).contains("no variable \"price\""), "{status:#}");
    assert!(scene.events("shop").await.iter().any(|(reason, note)| reason == "Refused" && note.contains("price")));
    assert!(scene.history().await.is_empty(), "nothing was begun");

    scene.say("shop", elsewhere).await;
    let status = scene.until("shop", "Ready", "Completed").await;
    assert_eq!(status["running"], version(1));
}

//! Versions reach the fleet, or are taken back, whatever becomes of the instances meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fleet::Identity;
use rollout::protocol::{NodeKind, ReleaseId};
use serde_json::{Value, json};
use test_support::until;

use crate::fleet_of_agents::Agent;
use crate::instances::{ADMIN, Ground, OPERATOR, VIEWER};

/// Everybody at once.
const AT_ONCE: &str = "application = \"shop\"\ninterval = \"1s\"\n[[stages]]\nname = \"all\"\n";
/// One edge by steps, a gate, then everybody.
const CAREFUL: &str = r#"
application = "shop"
interval = "1s"
progress_deadline = "60s"
[[stages]]
name = "canary"
nodes = { kind = "edge", percent = 1 }
step_weight = 50
max_weight = 50
gate = "manual"
[[stages]]
name = "all"
step_weight = 50
[analysis]
min_requests = 100
"#;

async fn fleet(ground: &Ground) -> Vec<Agent> {
    let eu = |name: &str| Identity::region_node("eu", name).unwrap();
    let agents = vec![
        Agent::edge(ground, "edge-0"),
        Agent::edge(ground, "edge-1"),
        Agent::edge(ground, "edge-2"),
        Agent::start(ground, eu("eu-1"), NodeKind::Region),
        Agent::start(ground, eu("worker-0"), NodeKind::Worker),
    ];
    until_known(ground, agents.len()).await;
    agents
}

async fn until_known(ground: &Ground, count: usize) {
    until("all nodes have reported", async || {
        (ground.get("v1/nodes").await["nodes"].as_array().unwrap().len() == count).then_some(())
    })
    .await;
}

async fn until_all_serve(agents: &[Agent], id: u64) {
    until("all nodes serve it", async || agents.iter().all(|agent| agent.serves() == Some(id)).then_some(())).await;
}

fn kinds(rollout: &Value) -> Vec<&str> {
    rollout["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

/// What must be so of every node, whatever has happened.
fn nothing_is_repeated(agents: &[Agent]) {
    for agent in agents {
        let told = agent.told();
        assert!(told.assignments.windows(2).all(|pair| pair[0].stamp < pair[1].stamp), "{}", agent.identity);
        for id in &told.prepared {
            let times = told.prepared.iter().filter(|other| *other == id).count();
            assert_eq!(times, 1, "{} has prepared release {} again", agent.identity, id.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_reaches_every_node_by_its_plan() {
    let ground = Ground::start(&["one", "two"]).await;
    let agents = fleet(&ground).await;
    let first = ground.deploy("1", AT_ONCE).await;
    ground.until_state(first, "completed").await;
    until_all_serve(&agents, first).await;

    let second = ground.deploy("2", CAREFUL).await;
    let gated = ground.until_state(second, "gated").await;
    assert_eq!((&gated["stage"], &gated["old"]["release"]), (&json!("canary"), &json!(first)));
    // What people see of it: where it is, and both releases beside each other.
    let far: Vec<_> = gated["progress"].as_array().unwrap().iter().map(|stage| (&stage["name"], &stage["state"])).collect();
    assert_eq!(far, [(&json!("canary"), &json!("under-way")), (&json!("all"), &json!("to-come"))]);
    assert_eq!((&gated["progress"][0]["steps"], &gated["progress"][1]["steps"]), (&json!([50]), &json!([50, 100])));
    let figures = &gated["figures"][0];
    assert_eq!((&figures["kind"], &figures["against"]), (&json!("edge"), &json!("on the same nodes")));
    for release in [&figures["new"], &figures["old"]] {
        assert!(release["requests"].as_u64().unwrap() >= 100 && release["per_second"].as_f64().unwrap() > 0.0, "{figures:#}");
        // All of them are in one bucket, from 640 to 704 microseconds.
        assert_eq!((&release["error_share"], &release["latency_ms"]["p50"]), (&json!(0.0), &json!(0.672)));
        assert_eq!((&release["latency_ms"]["p99"], &release["memory"]), (&json!(0.703), &json!(8 << 20)));
    }
    let have: Vec<_> = agents.iter().filter(|agent| agent.told().served.contains(&ReleaseId(second))).collect();
    assert!(have.len() == 1 && have[0].identity.role() == fleet::Role::Edge, "the canary alone has it");
    // Only where it is believed to be.
    let operator = ground.client(OPERATOR);
    let path = format!("v1/rollouts/{second}/promote");
    let elsewhere = operator.post(&path, &json!({ "stage": "all" })).await.unwrap();
    assert_eq!(elsewhere.status, 409, "{elsewhere:?}");
    assert_eq!(operator.post(&path, &json!({ "stage": "canary" })).await.unwrap().status, 200);
    let done = ground.until_state(second, "completed").await;
    assert_eq!((&done["over"], &done["way_back"]), (&json!(true), &json!(true)));
    until_all_serve(&agents, second).await;
    nothing_is_repeated(&agents);

    until("nobody differs", async || {
        let drift = ground.get("v1/drift").await;
        drift["nodes"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let nodes = ground.get("v1/nodes").await;
    assert!(nodes["nodes"].as_array().unwrap().iter().all(|node| node["state"] == "ready"), "{nodes:#}");
    let acting = ground.acting().await;
    let lines = [
        "marquee_control_acts 1",
        "marquee_control_nodes{state=\"ready\"} 5",
        "marquee_control_nodes{state=\"away\"} 0",
        "marquee_control_rollout_info{application=\"shop\",state=\"completed\"} 1",
    ];
    // With a round after that.
    let metrics = until("its metrics say so", async || {
        let metrics = ground.metrics(&acting);
        lines.iter().all(|line| metrics.iter().any(|shown| shown == line)).then_some(metrics)
    })
    .await;
    let other = ground.metrics(if acting == "one" { "two" } else { "one" });
    assert!(other.iter().all(|line| !line.starts_with("marquee_control_nodes")), "{}", other.join("\n"));
    let passed = |line: &String| line.starts_with("marquee_control_looks_total{verdict=\"passed\"}");
    assert!(metrics.iter().chain(&other).any(passed), "{}", metrics.join("\n"));
    // A node that comes later gets it as well.
    let late = Agent::edge(&ground, "edge-9");
    until_all_serve(std::slice::from_ref(&late), second).await;

    // And back, which needs nothing to be fetched.
    ground.say(second, "rollback").await;
    ground.until_state(second, "rolled-back").await;
    until_all_serve(&agents, first).await;
    nothing_is_repeated(&agents);
    let history = ground.get("v1/rollouts").await;
    let history: Vec<_> = history["rollouts"].as_array().unwrap().iter().map(|one| (&one["id"], &one["state"])).collect();
    assert_eq!(history, [(&json!(second), &json!("rolled-back")), (&json!(first), &json!("completed"))]);
    let log = ground.client(ADMIN).get("v1/audit?limit=200").await.unwrap().body;
    let log: Vec<_> = log["entries"].as_array().unwrap().iter().collect();
    for (who, what) in [("a-operator", "deploy"), ("a-operator", "promoted"), ("a-operator", "rolling-back")] {
        assert!(log.iter().any(|entry| entry["who"] == who && entry["what"] == what), "{who} {what}: {log:#?}");
    }
    assert!(log.iter().any(|entry| entry["what"] == "completed" && entry["who"] != "a-operator"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_version_is_taken_back_from_the_first_stage() {
    let ground = Ground::start(&["one"]).await;
    let agents = fleet(&ground).await;
    let first = ground.deploy("1", AT_ONCE).await;
    ground.until_state(first, "completed").await;
    until_all_serve(&agents, first).await;
    // One answers every fifth request with an error, the other does not answer its health check.
    for version in ["13", "66"] {
        let bad = ground.deploy(version, CAREFUL).await;
        let rollout = ground.until_state(bad, "rolled-back").await;
        assert!(!rollout["reason"].as_str().unwrap().is_empty());
        assert!(kinds(&rollout).contains(&"rolling-back"), "{rollout:#}");
        assert_eq!(rollout["progress"][0]["state"], "reached");
        assert_eq!(rollout["progress"][1]["state"], "to-come");
        if version == "13" {
            // What it was judged by is still there.
            let figures = &rollout["figures"][0];
            assert_eq!((&figures["new"]["error_share"], &figures["old"]["error_share"]), (&json!(0.2), &json!(0.0)));
        }
        let hurt = agents.iter().filter(|agent| agent.told().served.contains(&ReleaseId(bad))).count();
        assert!(hurt <= 1, "{hurt} nodes served it");
        until_all_serve(&agents, first).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_instance_goes_on_in_every_phase() {
    let mut ground = Ground::start(&["one", "two"]).await;
    let agents = fleet(&ground).await;
    let first = ground.deploy("1", AT_ONCE).await;
    // The one that acts dies with the deployment just accepted, and the other has to begin it.
    replace_acting(&mut ground).await;
    ground.until_state(first, "completed").await;
    until_all_serve(&agents, first).await;

    let second = ground.deploy("2", CAREFUL).await;
    ground.until_state(second, "running").await;
    replace_acting(&mut ground).await;
    ground.until_state(second, "gated").await;
    replace_acting(&mut ground).await;
    assert_eq!(ground.get(&format!("v1/rollouts/{second}")).await["state"], "gated", "nobody else passes a gate");
    ground.say(second, "promote").await;
    ground.say(second, "pause").await;
    replace_acting(&mut ground).await;
    ground.say(second, "resume").await;
    ground.until_state(second, "completed").await;
    until_all_serve(&agents, second).await;

    ground.say(second, "rollback").await;
    replace_acting(&mut ground).await;
    let over = ground.until_state(second, "rolled-back").await;
    until_all_serve(&agents, first).await;
    nothing_is_repeated(&agents);
    let kinds = kinds(&over);
    for once in ["gated", "promoted", "paused", "resumed", "completed", "rolling-back", "rolled-back"] {
        assert_eq!(kinds.iter().filter(|kind| **kind == once).count(), 1, "{once}: {over:#}");
    }
    // One that stops as it is asked to lets the other act at once.
    let acting = ground.acting().await;
    ground.stop(&acting).await;
    assert_ne!(ground.acting().await, acting);
}

/// Kills the instance that acts, and starts it again as another life beside the one that takes over.
async fn replace_acting(ground: &mut Ground) {
    let acting = ground.acting().await;
    let before = ground.get("v1/status").await["stamp"]["epoch"].as_u64().unwrap();
    ground.kill(&acting);
    until("another one acts", async || {
        let status = ground.get("v1/status").await;
        (status["stamp"]["epoch"].as_u64().unwrap() > before).then_some(())
    })
    .await;
    ground.launch(&acting).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_leave_an_instance_that_is_cut_off() {
    let ground = Ground::start(&["one", "two"]).await;
    let agents = fleet(&ground).await;
    // The one that all of them ask.
    ground.cut_off("one");
    let body = json!({ "reference": "r.example/shop:1", "variables": {}, "plan": AT_ONCE });
    let begun = ground.clients(OPERATOR)[1].post("v1/deployments", &body).await.unwrap();
    assert_eq!(begun.status, 201, "{:?}", begun.body);
    until_all_serve(&agents, begun.body["id"].as_u64().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_one_is_first() {
    let ground = Ground::start(&["one", "two"]).await;
    let agents = fleet(&ground).await;
    let deploy = |version: &str| json!({ "reference": format!("r.example/shop:{version}"), "variables": {}, "plan": AT_ONCE });
    let clients = ground.clients(OPERATOR);
    let (one, other) = (deploy("1"), deploy("2"));
    let both = tokio::join!(clients[0].post("v1/deployments", &one), clients[1].post("v1/deployments", &other));
    let (first, second) = (both.0.unwrap(), both.1.unwrap());
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{first:?} {second:?}");
    let (begun, wanted) = if first.status == 201 { (first.body, one) } else { (second.body, other) };
    let id = begun["id"].as_u64().unwrap();
    ground.until_state(id, "completed").await;
    until_all_serve(&agents, id).await;
    // What was accepted and is asked for again, since its answer was lost, is the same, and then is there already.
    let again = clients[0].post("v1/deployments", &wanted).await.unwrap();
    assert_eq!(again.status, 409);
    assert!(again.refusal().unwrap().contains("nodes have it"), "{again:?}");

    let careful = json!({ "reference": "r.example/shop:3", "variables": { "colour": "red" }, "plan": CAREFUL });
    let begun = clients[0].post("v1/deployments", &careful).await.unwrap();
    let same = clients[1].post("v1/deployments", &careful).await.unwrap();
    assert_eq!((begun.status, same.status, &begun.body["id"]), (201, 200, &same.body["id"]));
    let id = begun.body["id"].as_u64().unwrap();
    ground.until_state(id, "gated").await;
    let (path, nothing) = (format!("v1/rollouts/{id}/promote"), json!({}));
    let all = futures::future::join_all((0..6).map(|n| clients[n % 2].post(&path, &nothing))).await;
    assert!(all.iter().all(|answer| matches!(answer.as_ref().unwrap().status, 200 | 409)), "{all:?}");
    let over = ground.until_state(id, "completed").await;
    assert_eq!(kinds(&over).iter().filter(|kind| **kind == "promoted").count(), 1, "{over:#}");
    let release = ground.client(VIEWER).get(&format!("v1/releases/{id}")).await.unwrap().body;
    assert_eq!(release["variables"], json!({ "colour": "red" }));
    assert!(agents.iter().all(|agent| agent.told().assignments.last().unwrap().releases.iter().any(|one| one.id.0 == id)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_prometheus_says_takes_a_version_back() {
    let value = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&value);
    let answer = move || {
        let value = json!([1.5, shown.load(Ordering::Relaxed).to_string()]);
        let data = json!({ "resultType": "vector", "result": [{ "metric": {}, "value": value }] });
        std::future::ready(json!({ "status": "success", "data": data }).to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut ground = Ground::start(&[]).await;
    ground.prometheus = Some(format!("http://{}", listener.local_addr().unwrap()));
    let router = axum::Router::new().route("/api/v1/query", axum::routing::get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    ground.launch("one").await;
    let agents = fleet(&ground).await;
    let plan = format!("{CAREFUL}[[analysis.queries]]\nname = \"dead-letters\"\npromql = \"sum(x)\"\nmax = 5\nrequired = true\n");
    let first = ground.deploy("1", AT_ONCE).await;
    ground.until_state(first, "completed").await;
    until_all_serve(&agents, first).await;
    let second = ground.deploy("2", &plan).await;
    ground.until_state(second, "gated").await;
    value.store(9, Ordering::Relaxed);
    let back = ground.until_state(second, "rolled-back").await;
    assert!(back["reason"].as_str().unwrap().contains("dead-letters"), "{back:#}");
    until_all_serve(&agents, first).await;
}

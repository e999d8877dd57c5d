//! What happens to the machinery itself while a good version is rolled out, and must neither be noticed by those who ask nor have anything done twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::crowd::{Crowd, Sample};
use super::ground::Ground;
use super::registry::Mode;
use super::relay::Line;
use super::versions::Flaw;

/// Two stages, and a look each 2 s, of which two may fail.
const PLAN: &str = "application = \"work\"\ninterval = \"2s\"\nfailure_limit = 2\n\
    [[stages]]\nname = \"canary\"\nnodes = { kind = \"edge\", percent = 20 }\nmax_weight = 50\nhold = \"4s\"\n\
    [[stages]]\nname = \"everything\"\n[analysis]\nmin_requests = 0\nlatency = false\n";

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Two people deploy at once, at two instances.
    TwoOperators,
    /// The instance that acts is killed in each phase.
    ControlKilled,
    /// The registry is gone before nodes have the version, and does not come back.
    RegistryGone,
    /// Each of its answers takes a second.
    RegistrySlow,
    /// Nodes are killed once they have switched, and before anybody has heard so.
    KilledBeforeReport,
    /// Half of the nodes are not reached while a version is rolled out, and come back with what they were to do before.
    HalfPartitioned,
}

impl Fault {
    pub const ALL: [Self; 6] = [
        Self::TwoOperators,
        Self::ControlKilled,
        Self::RegistryGone,
        Self::RegistrySlow,
        Self::KilledBeforeReport,
        Self::HalfPartitioned,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::TwoOperators => "two-operators",
            Self::ControlKilled => "control-killed",
            Self::RegistryGone => "registry-gone",
            Self::RegistrySlow => "registry-slow",
            Self::KilledBeforeReport => "killed-between-switch-and-report",
            Self::HalfPartitioned => "half-partitioned",
        }
    }

    /// Has it happen while a version with this label is rolled out; what is wrong then.
    pub async fn happens(self, ground: &mut Ground, crowd: &Crowd, label: &str) -> Vec<String> {
        let mut wrong = match self {
            Self::TwoOperators => two_operators(ground, label).await,
            Self::ControlKilled => control_killed(ground, label).await,
            Self::RegistryGone => registry_gone(ground, label).await,
            Self::RegistrySlow => registry_slow(ground, label).await,
            // Who asks a node that is dead is not answered.
            Self::KilledBeforeReport => return killed_before_report(ground, crowd, label).await,
            Self::HalfPartitioned => half_partitioned(ground, crowd, label).await,
        };
        wrong.extend(failed(&crowd.take()));
        wrong
    }
}

fn failed(samples: &[Sample]) -> Option<String> {
    let failures: Vec<_> = samples.iter().filter_map(|sample| sample.failure.as_ref()).collect();
    (!failures.is_empty()).then(|| format!("{} of {} requests failed: {:?}", failures.len(), samples.len(), failures[0]))
}

/// That a rollout ended so, that all nodes are as that says, and that what happened is in its events and in the audit log once each.
async fn ended(ground: &Ground, rollout: &Value, state: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if rollout["state"] != state {
        wrong.push(format!("it is {}, and has to be {state}: {}", rollout["state"], rollout["reason"]));
    }
    let serves = if rollout["state"] == "completed" { "new" } else { "old" };
    ground.all_serve(&rollout[serves]["release"]).await;
    let mut events = BTreeMap::<String, i64>::new();
    for event in rollout["events"].as_array().unwrap() {
        *events.entry(format!("{}: {}", event["kind"].as_str().unwrap(), event["text"].as_str().unwrap())).or_default() += 1;
    }
    let repeated = |kind: &str| events.iter().any(|(event, count)| event.starts_with(kind) && *count > 1);
    wrong.extend(
        ["stage-began", "step-began", "completed", "rolled-back"]
            .into_iter()
            .filter(|kind| repeated(kind))
            .map(|kind| format!("{kind} twice")),
    );
    let audit = ground.ask("v1/audit?limit=200").await;
    let subject = format!("rollout {}", rollout["id"]);
    for row in audit["audit"]
        .as_array()
        .or_else(|| audit["entries"].as_array())
        .into_iter()
        .flatten()
        .filter(|row| row["subject"] == subject)
    {
        if let Some(count) = events.get_mut(&format!("{}: {}", row["what"].as_str().unwrap(), row["detail"].as_str().unwrap())) {
            *count -= 1;
        }
    }
    wrong.extend(
        events
            .into_iter()
            .filter(|(_, count)| *count != 0)
            .map(|(event, count)| format!("in the audit log {count} times too few: {event}")),
    );
    wrong
}

async fn two_operators(ground: &Ground, label: &str) -> Vec<String> {
    let references = ["a", "b"].map(|which| ground.shelf.put(Flaw::None, &format!("{label}-{which}"), &ground.registry));
    let (one, other) = tokio::join!(ground.deploy_at(0, &references[0], PLAN), ground.deploy_at(1, &references[1], PLAN));
    let mut statuses = [one.unwrap().status, other.unwrap().status];
    let first = statuses[0] == 201;
    statuses.sort_unstable();
    let mut wrong = Vec::new();
    if statuses != [201, 409] {
        wrong.push(format!("they are answered {statuses:?}"));
    }
    let rollout = ground.over().await;
    if rollout["new"]["reference"] != references[usize::from(!first)] {
        wrong.push("it is not the version of who was told that theirs begins".to_owned());
    }
    wrong.extend(ended(ground, &rollout, "completed").await);
    wrong
}

/// Kills the instance that acts once the rollout is so, waits until the other one acts, and starts it again.
async fn kill_acting(ground: &mut Ground, is_so: impl Fn(&Value) -> bool) -> bool {
    let status = ground
        .until("it is there", "v1/status", |status| {
            !status["acts"].is_null() && (is_so(&status["rollout"]) || status["rollout"]["over"] == true)
        })
        .await;
    if status["rollout"]["over"] == true && !is_so(&status["rollout"]) {
        return false;
    }
    let acting = usize::from(status["acts"] == "control-1");
    ground.control[acting].kill();
    let other = format!("control-{}", 1 - acting);
    ground.until("the other one acts", "v1/status", |status| status["acts"] == other.as_str()).await;
    ground.control[acting].spawn();
    true
}

async fn control_killed(ground: &mut Ground, label: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let good = ground.shelf.put(Flaw::None, label, &ground.registry);
    let answer = ground.deploy(&good, PLAN).await;
    let id = answer.body["id"].clone();
    for stage in ["", "canary", "everything"] {
        if !kill_acting(ground, |rollout| stage.is_empty() || rollout["stage"] == stage).await {
            println!("control-killed: it was over before an instance could be killed in the stage {stage}");
        }
    }
    let rollout = ground.over().await;
    if rollout["id"] != id {
        wrong.push("another rollout is the last one".to_owned());
    }
    wrong.extend(ended(ground, &rollout, "completed").await);
    // Once it is over, and on the way back.
    kill_acting(ground, |_| true).await;
    let bad = ground.shelf.put(Flaw::WillNotCompile, &format!("{label}-bad"), &ground.registry);
    while !ground.deploy_at(0, &bad, PLAN).await.is_ok_and(|answer| answer.status == 201) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if !kill_acting(ground, |rollout| rollout["state"] == "rolling-back").await {
        println!("control-killed: it was over before an instance could be killed on the way back");
    }
    let rollout = ground.over().await;
    wrong.extend(ended(ground, &rollout, "rolled-back").await);
    wrong
}

async fn registry_gone(ground: &Ground, label: &str) -> Vec<String> {
    let reference = ground.shelf.put(Flaw::None, label, &ground.registry);
    // So slow that nodes do not have it before it is gone.
    ground.registry.is(Mode::Slow(Duration::from_secs(1)));
    let answer = ground.deploy(&reference, PLAN).await;
    ground.registry.is(Mode::Gone);
    let rollout = ground.over().await;
    ground.registry.is(Mode::Well);
    let mut wrong = ended(ground, &rollout, "rolled-back").await;
    if answer.status != 201 || !rollout["reason"].as_str().unwrap_or_default().contains("fetch") {
        wrong.push(format!("{}: {}", answer.status, rollout["reason"]));
    }
    wrong
}

async fn registry_slow(ground: &Ground, label: &str) -> Vec<String> {
    let reference = ground.shelf.put(Flaw::None, label, &ground.registry);
    ground.registry.is(Mode::Slow(Duration::from_secs(1)));
    ground.deploy(&reference, PLAN).await;
    let rollout = ground.over().await;
    ground.registry.is(Mode::Well);
    ended(ground, &rollout, "completed").await
}

/// All edges of the first process.
async fn killed_before_report(ground: &mut Ground, crowd: &Crowd, label: &str) -> Vec<String> {
    let reference = ground.shelf.put(Flaw::None, label, &ground.registry);
    let many = ground.edges[0].count();
    // So slow that they do not have it yet when they are not heard any more.
    ground.registry.is(Mode::Slow(Duration::from_millis(700)));
    ground.deploy(&reference, super::ground::AT_ONCE).await;
    ground.until("nodes are told", "v1/status", |status| status["rollout"]["state"] == "running").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    ground.edges[0].line(Line::Deaf);
    let mut samples = Vec::new();
    let mut waited = 0;
    let has_switched = |sample: &Sample| sample.edge < many && *sample.version == *label && !sample.of_region;
    while !samples.iter().any(has_switched) {
        samples.extend(crowd.take());
        tokio::time::sleep(Duration::from_millis(20)).await;
        waited += 1;
        if waited > 3_000 {
            ground.registry.is(Mode::Well);
            ground.edges[0].line(Line::Open);
            return vec!["they never switched".to_owned()];
        }
    }
    ground.edges[0].kill();
    ground.registry.is(Mode::Well);
    let mut wrong = Vec::new();
    if ground.ask("v1/status").await["rollout"]["state"] == "completed" {
        wrong.push("it is completed, and nodes have not said that they have it".to_owned());
    }
    ground.edges[0].line(Line::Cut);
    ground.edges[0].spawn();
    // They begin with what they had stored, without the control plane.
    ground.edges[0].line(Line::Open);
    let rollout = ground.over().await;
    wrong.extend(ended(ground, &rollout, "completed").await);
    samples.extend(crowd.take());
    samples.retain(|sample| sample.edge >= many);
    wrong.extend(failed(&samples));
    wrong
}

async fn half_partitioned(ground: &Ground, crowd: &Crowd, label: &str) -> Vec<String> {
    let half = ground.edges.len() / 2;
    let reached: usize = ground.edges[..half].iter().map(|edges| edges.count()).sum();
    ground.edges[half..].iter().for_each(|edges| edges.line(Line::Cut));
    let away = ground.public.len() - reached;
    ground.until("they are away", "v1/status", |status| status["nodes"]["away"] == away).await;
    let references = ["-1", "-2"].map(|which| ground.shelf.put(Flaw::None, &format!("{label}{which}"), &ground.registry));
    let mut wrong = Vec::new();
    for reference in &references {
        ground.deploy(reference, PLAN).await;
        let rollout = ground.over().await;
        if rollout["state"] != "completed" {
            wrong.push(format!("it is {} while they are away: {}", rollout["state"], rollout["reason"]));
        }
    }
    let samples = crowd.take();
    if samples.iter().any(|sample| sample.edge >= reached && !sample.of_region && sample.version.starts_with(label)) {
        wrong.push("a node that is not reached has got a version".to_owned());
    }
    wrong.extend(failed(&samples));
    ground.edges[half..].iter().for_each(|edges| edges.line(Line::Open));
    let rollout = ground.over().await;
    wrong.extend(ended(ground, &rollout, "completed").await);
    let between = format!("{label}-1");
    if crowd.take().iter().any(|sample| sample.edge >= reached && !sample.of_region && *sample.version == *between) {
        wrong.push("a node that came back has served a version that was not the last one".to_owned());
    }
    wrong
}

//! A fleet, instances that follow objects of a namespace, and somebody who applies them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use kubernetes::Reconciler;
use serde_json::{Value, json};
use telemetry::Metrics;
use test_support::until;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fleet_of_agents::Agent;
use crate::instances::{ADMIN, Ground};
use crate::server::Server;

pub const INSTANCES: [&str; 2] = ["one", "two"];
/// Between two looks at an object.
const LOOK: Duration = Duration::from_millis(100);

pub struct Scene {
    pub server: Arc<Server>,
    pub namespace: &'static str,
    pub ground: Ground,
    pub agents: Vec<Agent>,
    pub metrics: Arc<Metrics>,
    client: Client,
    reconcilers: BTreeMap<String, JoinHandle<()>>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.reconcilers.values().for_each(JoinHandle::abort);
    }
}

/// A version by its digest.
pub fn version(number: u64) -> String {
    format!("r.example/shop@sha256:{number:0>64}")
}

/// Everybody at once.
pub fn at_once(version: &str) -> Value {
    json!({
        "application": "shop", "reference": version,
        "plan": { "interval": "1s", "stages": [{ "name": "all" }], "analysis": { "min_requests": 0 } },
    })
}

/// One edge as far as half, a gate, then everybody.
pub fn careful(version: &str) -> Value {
    json!({
        "application": "shop", "reference": version,
        "plan": {
            "interval": "1s", "progress_deadline": "60s",
            "stages": [
                { "name": "canary", "nodes": { "kind": "edge", "percent": 1 }, "max_weight": 50, "gate": "manual" },
                { "name": "all" },
            ],
            "analysis": { "min_requests": 100, "latency": false },
        },
    })
}

/// With these members instead.
pub fn with(mut spec: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        spec[name] = value.clone();
    }
    spec
}

impl Scene {
    pub async fn set(server: Arc<Server>, namespace: &'static str) -> Self {
        server.namespace(namespace).await;
        let ground = Ground::start(&[]).await;
        let client = server.client().await;
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut scene = Self { server, namespace, ground, agents: Vec::new(), metrics, client, reconcilers: BTreeMap::new() };
        for name in INSTANCES {
            scene.launch(name).await;
        }
        scene.agents = ["edge-0", "edge-1", "edge-2"].map(|name| Agent::edge(&scene.ground, name)).into();
        until("all nodes have reported", async || {
            let nodes = scene.ground.get("v1/nodes").await;
            (nodes["nodes"].as_array().unwrap().len() == scene.agents.len()).then_some(())
        })
        .await;
        scene
    }

    pub async fn launch(&mut self, name: &str) {
        let control = self.ground.launch(name).await;
        let config = self.server.config(self.namespace).await;
        // One registry has each family once: the first instance's.
        let metrics = if name == INSTANCES[0] { Arc::clone(&self.metrics) } else { Arc::new(Metrics::new().unwrap()) };
        let reconciler = Reconciler::new(control, config.into(), metrics.kubernetes().unwrap()).unwrap();
        self.reconcilers.insert(name.to_owned(), tokio::spawn(reconciler.run(CancellationToken::new())));
    }

    /// Kills the instance that acts; the other one goes on.
    pub async fn kill_acting(&mut self) {
        let acting = self.ground.acting().await;
        self.reconcilers.remove(&acting).unwrap().abort();
        self.ground.kill(&acting);
    }

    fn api(&self) -> Api<DynamicObject> {
        crate::objects(&self.client, self.namespace)
    }

    /// Has an object of this name say this, as GitOps tools do.
    pub async fn say(&self, name: &str, spec: Value) {
        let object =
            json!({ "apiVersion": "marquee.dev/v1alpha1", "kind": "FleetRelease", "metadata": { "name": name }, "spec": spec });
        let parameters = PatchParams { force: true, ..PatchParams::apply("gitops") };
        self.api().patch(name, &parameters, &Patch::Apply(&object)).await.unwrap();
    }

    /// Changes something of an object.
    pub async fn change(&self, name: &str, patch: Value) {
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// What the server says to an object, where it refuses a field that is not known.
    pub async fn offer(&self, spec: Value) -> Result<(), String> {
        let object = json!({ "apiVersion": "marquee.dev/v1alpha1", "kind": "FleetRelease", "metadata": { "name": "offered" }, "spec": spec });
        let path =
            format!("/apis/marquee.dev/v1alpha1/namespaces/{}/fleetreleases?fieldValidation=Strict&dryRun=All", self.namespace);
        let request = http::Request::post(path).header("content-type", "application/json").body(object.to_string().into_bytes());
        match self.client.request_text(request.unwrap()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) => Err(status.message.clone()),
            Err(other) => panic!("{other}"),
        }
    }

    pub async fn remove(&self, name: &str) {
        self.api().delete(name, &Default::default()).await.unwrap();
    }

    pub async fn config_map(&self, name: &str, key: &str, text: &str) {
        let api: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(self.client.clone(), self.namespace);
        let map = serde_json::from_value(json!({ "metadata": { "name": name }, "data": { key: text } })).unwrap();
        api.create(&PostParams::default(), &map).await.unwrap();
    }

    /// An object's status, where it is of the object as it is now.
    pub async fn status(&self, name: &str) -> Option<Value> {
        let object = self.api().get(name).await.unwrap();
        let status = object.data.get("status")?.clone();
        (status["observedGeneration"].as_i64() == object.metadata.generation).then_some(status)
    }

    /// Waits until an object's condition is true, for this reason.
    pub async fn until(&self, name: &str, kind: &str, reason: &str) -> Value {
        until(&format!("{name} is {kind}: {reason}"), async || {
            // Each look is work of the server's.
            tokio::time::sleep(LOOK).await;
            let status = self.status(name).await?;
            let one = condition(&status, kind);
            (one["status"] == "True" && one["reason"] == reason).then_some(status)
        })
        .await
    }

    /// Reasons of the events of an object, with their notes.
    pub async fn events(&self, name: &str) -> Vec<(String, String)> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), self.namespace);
        let all = api.list(&ListParams::default()).await.unwrap().items;
        let of = all.into_iter().filter(|event| event.regarding.as_ref().and_then(|of| of.name.as_deref()) == Some(name));
        of.map(|event| (event.reason.unwrap(), event.note.unwrap())).collect()
    }

    /// Numbers and states of all rollouts, the latest first.
    pub async fn history(&self) -> Vec<(u64, String)> {
        let history = self.ground.get("v1/rollouts").await;
        let all = history["rollouts"].as_array().unwrap().iter();
        all.map(|one| (one["id"].as_u64().unwrap(), one["state"].as_str().unwrap().to_owned())).collect()
    }

    pub async fn audit(&self) -> Vec<(String, String)> {
        let log = self.ground.client(ADMIN).get("v1/audit?limit=200").await.unwrap().body;
        let entries = log["entries"].as_array().unwrap().iter();
        entries.map(|entry| (entry["who"].as_str().unwrap().to_owned(), entry["what"].as_str().unwrap().to_owned())).collect()
    }

    pub async fn until_all_serve(&self, release: u64) {
        until("all nodes serve it", async || self.agents.iter().all(|agent| agent.serves() == Some(release)).then_some(())).await;
    }

    /// A metric of the first instance.
    pub fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.metrics.render().unwrap()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_default()
    }
}

/// A condition of a status.
pub fn condition(status: &Value, kind: &str) -> Value {
    let all = status["conditions"].as_array().unwrap();
    all.iter().find(|one| one["type"] == kind).cloned().unwrap_or_default()
}

pub fn message(status: &Value) -> String {
    condition(status, "Ready")["message"].as_str().unwrap_or_default().to_owned()
}

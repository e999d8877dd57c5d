//! Instances on one database, which a test may kill and start again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use control::{Artifacts, Client, Contents, Control, Options, Prometheus, Resolved, Tokens, Unusable};
use fleet::{Identity, Tls, certificates};
use futures::future::BoxFuture;
use rollout::protocol::Needs;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::Connection as _;
use telemetry::Metrics;
use test_support::until;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Tokens of tests, by role.
pub const VIEWER: &str = "viewer-0123456789";
pub const OPERATOR: &str = "operator-0123456789";
pub const ADMIN: &str = "admin-0123456789";

/// Versions of the application `shop`: `r.example/shop:N`. What it says of them is in what they are called.
struct Versions;

impl Artifacts for Versions {
    fn resolve(&self, reference: String) -> BoxFuture<'_, Result<Resolved, Unusable>> {
        Box::pin(async move {
            let (name, version) = reference.split_once([':', '@']).unwrap();
            if version == "away" {
                return Err(Unusable::Away("the registry r.example cannot be reached".to_owned()));
            }
            if version == "unsigned" {
                return Err(Unusable::Refused(format!("{reference} is not signed")));
            }
            let digest = if version.starts_with("sha256:") { version.to_owned() } else { format!("sha256:{version:0>64}") };
            let interfaces = if version == "newer" { vec!["marquee:booking/ledger@9.0.0"] } else { vec!["wasi:io/poll@0.2.6"] };
            Ok(Resolved {
                reference: format!("{name}@{digest}"),
                application: name.rsplit('/').next().unwrap().to_owned(),
                version: version.to_owned(),
                needs: Needs { interfaces: interfaces.into_iter().map(str::to_owned).collect(), ..Needs::default() },
                variables: ["colour".to_owned(), "password".to_owned()].into(),
                contents: Contents { components: [("shop".to_owned(), digest)].into(), ..Contents::default() },
            })
        })
    }
}

/// A database, certificates and tokens, and the instances that have been started with them.
pub struct Ground {
    pub folder: tempfile::TempDir,
    pub database: String,
    /// Where instances listen for agents now: shared with the agents, who ask one after the other.
    pub agents: Arc<Mutex<Vec<String>>>,
    /// Where instances that are launched from now on ask plans' queries.
    pub prometheus: Option<String>,
    running: BTreeMap<String, Instance>,
}

struct Instance {
    metrics: Arc<Metrics>,
    agents: String,
    people: String,
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Ground {
    /// With these instances.
    pub async fn start(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let all = [("viewer", VIEWER), ("operator", OPERATOR), ("admin", ADMIN)];
        let tokens = all.map(|(role, token)| {
            let digest: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("[[tokens]]\nname = \"a-{role}\"\nrole = \"{role}\"\nsha256 = \"{digest}\"\n")
        });
        std::fs::write(folder.path().join("tokens.toml"), tokens.concat()).unwrap();
        let (database, agents) = (schema().await, Arc::default());
        let mut ground = Self { database, folder, agents, prometheus: None, running: BTreeMap::new() };
        for name in names {
            ground.launch(name).await;
        }
        ground
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a node shows.
    pub fn tls(&self, node: &Identity) -> Tls {
        let (certificate, key) = certificates::files(self.path(), node.name());
        if !certificate.exists() {
            certificates::make(self.path(), std::slice::from_ref(node), 1).unwrap();
        }
        Tls::load(&self.path().join("ca.pem"), &certificate, &key).unwrap()
    }

    fn tokens(&self) -> PathBuf {
        self.path().join("tokens.toml")
    }

    /// Starts an instance.
    pub async fn launch(&mut self, name: &str) -> Control {
        let tls = self.tls(&Identity::control_node(name).unwrap());
        let options = Options {
            name: name.to_owned(),
            database: self.database.clone(),
            artifacts: Arc::new(Versions),
            tokens: Tokens::read(&self.tokens()).unwrap(),
            prometheus: self.prometheus.as_ref().map(|address| Prometheus::new(address).unwrap()),
        };
        let control = Control::open(options).await.unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        control.measure(&metrics, &tls).unwrap();
        let listener = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (agents, people, stop) = (listener().await, listener().await, CancellationToken::new());
        let (of_agents, of_people) = (agents.local_addr().unwrap().to_string(), people.local_addr().unwrap().to_string());
        let (one, other, third) = (control.clone(), control.clone(), control.clone());
        let (stop_one, stop_other, stop_third) = (stop.clone(), stop.clone(), stop.clone());
        let tasks = vec![
            tokio::spawn(async move { one.run(stop_one).await }),
            tokio::spawn(async move { other.serve_agents(agents, tls, stop_other).await.unwrap() }),
            tokio::spawn(async move { third.serve_people(people, None, stop_third).await }),
        ];
        self.agents.lock().unwrap().push(of_agents.clone());
        self.running.insert(name.to_owned(), Instance { metrics, agents: of_agents, people: of_people, tasks, stop });
        control
    }

    /// What an instance's metrics show, a line each.
    pub fn metrics(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.running[name].metrics.render().unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// As a power cut does: nothing is given up, nobody is told.
    pub fn kill(&mut self, name: &str) {
        let Instance { agents, tasks, .. } = self.running.remove(name).unwrap();
        self.agents.lock().unwrap().retain(|address| *address != agents);
        tasks.iter().for_each(JoinHandle::abort);
    }

    /// It does no rounds any more, as when the database does not answer it; agents and people reach it all the same.
    pub fn cut_off(&self, name: &str) {
        self.running[name].tasks[0].abort();
    }

    /// As an operator does.
    pub async fn stop(&mut self, name: &str) {
        let Instance { agents, tasks, stop, .. } = self.running.remove(name).unwrap();
        self.agents.lock().unwrap().retain(|address| *address != agents);
        stop.cancel();
        for task in tasks {
            task.await.unwrap();
        }
    }

    /// Where an instance, whichever, answers people.
    pub fn address(&self) -> String {
        format!("http://{}", self.running.values().next().unwrap().people)
    }

    /// Somebody at an instance, whichever.
    pub fn client(&self, token: &str) -> Client {
        Client::new(&self.address(), token, None).unwrap()
    }

    /// Somebody at each instance.
    pub fn clients(&self, token: &str) -> Vec<Client> {
        let address = |instance: &Instance| format!("http://{}", instance.people);
        self.running.values().map(|instance| Client::new(&address(instance), token, None).unwrap()).collect()
    }

    /// What an instance says to a viewer.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client(VIEWER).get(path).await.unwrap();
        assert_eq!(answer.refusal(), None, "{path}");
        answer.body
    }

    /// Deploys a version, by an operator.
    pub async fn deploy(&self, version: &str, plan: &str) -> u64 {
        let body = json!({ "reference": format!("r.example/shop:{version}"), "variables": {}, "plan": plan });
        let answer = self.client(OPERATOR).post("v1/deployments", &body).await.unwrap();
        assert_eq!((answer.refusal(), answer.status), (None, 201));
        answer.body["id"].as_u64().unwrap()
    }

    /// Says something about a rollout, by an operator.
    pub async fn say(&self, id: u64, verb: &str) -> Value {
        let answer = self.client(OPERATOR).post(&format!("v1/rollouts/{id}/{verb}"), &json!({})).await.unwrap();
        assert_eq!(answer.refusal(), None, "{verb}");
        answer.body
    }

    /// Waits until a rollout is so, and fails where it ends otherwise.
    pub async fn until_state(&self, id: u64, wanted: &str) -> Value {
        until(&format!("rollout {id} is {wanted}"), async || {
            let rollout = self.get(&format!("v1/rollouts/{id}")).await;
            let over = rollout["over"] == true && rollout["state"] != wanted && rollout["state"] != "completed";
            assert!(!over, "rollout {id} was to be {wanted}: {rollout:#}");
            (rollout["state"] == wanted).then_some(rollout)
        })
        .await
    }

    /// The instance that acts.
    pub async fn acting(&self) -> String {
        until("an instance acts", async || {
            let acts = self.get("v1/status").await["acts"].as_str().map(str::to_owned);
            acts.filter(|acts| self.running.contains_key(acts))
        })
        .await
    }
}

/// An empty schema on the tests' server.
async fn schema() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = test_support::variable("MARQUEE_TEST_POSTGRES_URL");
    let schema = format!("control_tests_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut server = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::query(&format!("CREATE SCHEMA {schema}")).execute(&mut server).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20search_path%3D{schema}")
}

//! A fleet: two instances of the control plane, a node of each of two regions, and many edges, several in a process.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use control::{Answer, Client};
use serde_json::{Value, json};
use test_support::fleet::{self, Node};
use test_support::server::{self, fresh_folder};

use super::registry::Registry;
use super::relay::{Line, Relay};
use super::versions::{Flaw, Shelf};

/// Edges of one process, at most: there are two processes at least.
const EDGES_OF_A_PROCESS: usize = 25;
/// How long anything may take that has to come.
pub const PATIENCE: Duration = Duration::from_secs(300);
const TOKEN: &str = "token-of-the-operator-of-this-proof";

/// Edges in one process.
pub struct Edges {
    folder: PathBuf,
    names: Vec<String>,
    child: Option<Child>,
    /// Where its edges find the control plane's instances.
    pub lines: [Relay; 2],
}

impl Edges {
    fn new(folder: &Path, names: &[String], lines: [Relay; 2]) -> Self {
        Self { folder: folder.to_owned(), names: names.to_vec(), child: None, lines }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// How all of them reach the control plane.
    pub fn line(&self, line: Line) {
        self.lines.iter().for_each(|relay| relay.is(line));
    }

    /// Starts them; [`Self::until_ready`] must follow.
    fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(test_support::marquee());
        command.arg("edge").current_dir(&self.folder).env("XDG_CACHE_HOME", self.folder.join("cache"));
        for name in &self.names {
            command.arg("--config").arg(format!("{name}.toml"));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        server::remember(child.id());
        self.child = Some(child);
    }

    fn until_ready(&mut self) {
        let output = self.child.as_mut().unwrap().stdout.take().unwrap();
        let mut lines = BufReader::new(output).lines().map(Result::unwrap);
        let ready = lines.by_ref().filter(|line| line.starts_with("ready")).take(self.names.len()).count();
        assert_eq!(ready, self.names.len(), "{}", std::fs::read_to_string(self.log()).unwrap_or_default());
        std::thread::spawn(move || lines.for_each(drop));
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.names[0]))
    }

    /// As a power cut does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn spawn(&mut self) {
        self.launch();
        self.until_ready();
    }
}

impl Drop for Edges {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// The fleet, and its operator.
pub struct Ground {
    pub shelf: Shelf,
    pub registry: Registry,
    pub control: [Node; 2],
    /// Held: they end with it.
    _regions: [Node; 2],
    pub edges: Vec<Edges>,
    /// Where edges answer people.
    pub public: Vec<String>,
    operators: [Client; 2],
}

impl Ground {
    /// With so many edges, which begin with a good version. `compiled`: as a shelf has it.
    pub async fn start(count: usize, compiled: bool) -> Self {
        let folder = folder("fleet");
        let registry = Registry::start(test_support::variable("MARQUEE_TEST_REGISTRY")).await;
        let shelf = Shelf::new(folder.clone(), test_support::variable("MARQUEE_TEST_REGISTRY"), compiled);
        let names: Vec<String> = (0..count).map(|number| format!("edge-{number}")).collect();
        let others = ["eu/eu-1", "us/us-1", "control/control-0", "control/control-1"];
        fleet::certificates(&folder, &others.into_iter().chain(names.iter().map(String::as_str)).collect::<Vec<_>>());
        let tokens = format!("[[tokens]]\nname = \"ops\"\nrole = \"admin\"\nsha256 = {:?}\n", crate::rolling::digest_of(TOKEN));
        std::fs::write(folder.join("tokens.toml"), tokens).unwrap();
        let first = shelf.put(Flaw::None, "first", &registry);

        let database = server::empty_database(&folder.with_file_name(format!("fleet_control_{}", std::process::id())));
        let control = ["control-0", "control-1"]
            .map(|name| crate::rolling::instance(&folder, name, &database, r#"["release.pub", "other.pub"]"#));
        let agents: Vec<_> = control.iter().map(|instance| instance.addresses[0].clone()).collect();
        let operators =
            [0, 1].map(|at: usize| Client::new(&format!("http://{}", control[at].addresses[1]), TOKEN, None).unwrap());
        let follow = |agents: &[String]| {
            format!("[control]\nnodes = {agents:?}\n[artifact]\nfrom = {first:?}\ntrusted_keys = [\"release.pub\"]\n")
        };

        let eu = region(&folder, "eu", &follow(&agents));
        let accounts = format!("[accounts]\nname = \"eu\"\nnodes = [{:?}]\n", eu.addresses[0]);
        let us = region(&folder, "us", &format!("{accounts}{}", follow(&agents)));
        let regions = [eu, us];
        let mut ports = BTreeSet::new();
        while ports.len() < count {
            ports.insert(test_support::free_port());
        }
        let public: Vec<String> = ports.into_iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let of_a_process = EDGES_OF_A_PROCESS.min(count.div_ceil(2));
        let mut edges = Vec::new();
        for names in names.chunks(of_a_process) {
            let lines = [Relay::to(agents[0].clone()).await, Relay::to(agents[1].clone()).await];
            edges.push(Edges::new(&folder, names, lines));
        }
        for (number, (name, address)) in names.iter().zip(&public).enumerate() {
            let lines = edges[number / of_a_process].lines.each_ref().map(|relay| relay.address.clone());
            let mut near = [0, 1].map(|at: usize| {
                format!("[[regions]]\nname = {:?}\nnodes = [{:?}]\n", ["eu", "us"][at], regions[at].addresses[0])
            });
            near.rotate_left(number % 2);
            let text = format!(
                "name = {name:?}\ndata = {name:?}\naccounts = \"eu\"\n[listen]\npublic = {address:?}\nadmin = \"127.0.0.1:0\"\n{}{}\
                 [rates]\naddress = {{ per_minute = 600000, burst = 60000 }}\n{}",
                tls(name),
                near.concat(),
                follow(&lines)
            );
            std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
        }
        edges.iter_mut().for_each(Edges::launch);
        edges.iter_mut().for_each(Edges::until_ready);
        let ground = Self { shelf, registry, control, _regions: regions, edges, public, operators };
        let known = count + 2;
        ground
            .until("all nodes are known", "v1/nodes", |answer| {
                answer["nodes"].as_array().is_some_and(|nodes| nodes.len() == known)
            })
            .await;
        // What they run already, so that there is a way back to it.
        let begun = ground.deploy(&first, AT_ONCE).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        assert_eq!(ground.over().await["state"], "completed");
        ground
    }

    /// Asks whichever instance answers.
    pub async fn ask(&self, path: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for operator in &self.operators {
                if let Ok(Answer { status: 200, body }) = operator.get(path).await {
                    return body;
                }
            }
            assert!(Instant::now() < deadline, "nobody answers {path}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn deploy(&self, reference: &str, plan: &str) -> Answer {
        self.deploy_at(0, reference, plan).await.unwrap()
    }

    /// Deploys at one instance, which may not answer.
    pub async fn deploy_at(&self, instance: usize, reference: &str, plan: &str) -> Result<Answer, String> {
        self.operators[instance].post("v1/deployments", &json!({ "reference": reference, "variables": {}, "plan": plan })).await
    }

    /// Asks until it is so.
    pub async fn until(&self, what: &str, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(path).await;
            if is_so(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{what}: still {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The last rollout, once it is over.
    pub async fn over(&self) -> Value {
        self.until("the rollout is over", "v1/status", |status| status["rollout"]["over"] == true).await["rollout"].clone()
    }

    /// That every node serves this release and no other.
    pub async fn all_serve(&self, release: &Value) {
        let wanted = json!([{ "release": release, "weight": 100 }]);
        let all =
            |answer: &Value| answer["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["serving"] == wanted));
        self.until(&format!("all serve release {release}"), "v1/nodes", all).await;
    }
}

/// The plan for what nodes have begun with.
pub const AT_ONCE: &str = "application = \"work\"\ninterval = \"1s\"\n[[stages]]\nname = \"everything\"\n[analysis]\nmin_requests = 0\nlatency = false\n";

/// Where everything is kept: where `MARQUEE_FLEET_FOLDER` says, since a hundred nodes write to it, and else with what other tests write.
pub fn folder(name: &str) -> PathBuf {
    match std::env::var_os("MARQUEE_FLEET_FOLDER") {
        Some(folder) => {
            let folder = PathBuf::from(folder).join(format!("{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            folder
        }
        None => fresh_folder(name),
    }
}

fn tls(name: &str) -> String {
    format!("[tls]\nauthority = \"ca.pem\"\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\n")
}

fn region(folder: &Path, region: &str, rest: &str) -> Node {
    let name = format!("{region}-1");
    let text = format!(
        "name = {name:?}\nregion = {region:?}\ndata = {name:?}\n[listen]\nnodes = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{}{rest}",
        tls(&name)
    );
    let database = server::empty_database(&folder.with_file_name(format!("fleet_{region}_{}", std::process::id())));
    with_key(folder, &database);
    let environment = vec![
        ("SPIN_VARIABLE_DATABASE".to_owned(), database),
        ("XDG_CACHE_HOME".to_owned(), folder.join("cache").to_str().unwrap().to_owned()),
    ];
    Node::start("region", folder, &name, &text, environment)
}

/// Gives a region's database a key that tokens are verified with, which an application with accounts makes by itself: without one no node is ready.
fn with_key(folder: &Path, database: &str) {
    let mut migrate = Command::new(test_support::marquee());
    migrate.args(["migrate", "--postgres", database, "--data"]).arg(folder.join("migrate"));
    assert!(migrate.output().unwrap().status.success(), "{database} cannot be migrated");
    // The public key of RFC 8037, appendix A.
    let statement = "INSERT INTO signing_keys (kid, public_key, created_at) VALUES ('proof', '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', 0)";
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(database).await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        });
    });
}

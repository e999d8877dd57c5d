//! A rollout as people drive it: two instances of the control plane, nodes under load, and the commands.

use crate::versions::{self, Change, holding, pushed};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use test_support::fleet::{self, Node};
use test_support::server::{self, fresh_folder};
use tokio::task::JoinSet;

/// How long a rollout may take until it is where it has to be: whole versions are compiled, on a machine that does other things, too.
const PATIENCE: Duration = Duration::from_secs(240);
const TOKEN: &str = "token-of-the-operator-of-this-test";
/// What the plan without stages is for: what nodes have begun with.
const AT_ONCE: &str =
    "application = \"marquee\"\ninterval = \"1s\"\n[[stages]]\nname = \"everything\"\n[analysis]\nmin_requests = 0\n";
/// Half of the requests of one edge; then, once somebody has said so, everything. How long answers take says nothing where tests share a machine.
const BY_STAGES: &str = "application = \"marquee\"\ninterval = \"1s\"\n\
    [[stages]]\nname = \"canary\"\nnodes = { kind = \"edge\", percent = 50 }\nmax_weight = 50\ngate = \"manual\"\n\
    [[stages]]\nname = \"everything\"\n[analysis]\nmin_requests = 20\nlatency = false\n";

/// The control plane, for an operator.
pub struct Operator {
    folder: PathBuf,
    /// Where its instances answer people.
    instances: Vec<String>,
}

impl Operator {
    /// The operator of these instances, who know them.
    pub fn of(folder: &Path, instances: &[Node]) -> Self {
        let people = instances.iter().map(|instance| instance.addresses[1].clone()).collect();
        Self { folder: folder.to_owned(), instances: people }
    }

    /// Who is believed by instances of the control plane with files in this folder.
    pub fn introduced(folder: &Path) {
        let tokens = format!("[[tokens]]\nname = \"ops\"\nrole = \"operator\"\nsha256 = {:?}\n", digest_of(TOKEN));
        std::fs::write(folder.join("tokens.toml"), tokens).unwrap();
    }

    /// Exit code, answer, and what was said beside it.
    pub fn run(&self, instance: usize, arguments: &[&str]) -> (Option<i32>, Value, String) {
        let mut command = versions::command(&self.folder, arguments);
        command.env("MARQUEE_CONTROL", format!("http://{}", self.instances[instance])).env("MARQUEE_CONTROL_TOKEN", TOKEN);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
    }

    /// What a command answers that has to succeed.
    pub fn ask(&self, instance: usize, arguments: &[&str]) -> Value {
        let (code, answer, said) = self.run(instance, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        answer
    }

    /// Runs a command until its outcome is right.
    pub async fn until(
        &self,
        what: &str,
        instance: usize,
        arguments: &[&str],
        is_right: impl Fn(Option<i32>, &Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (code, answer, said) = self.run(instance, arguments);
            if is_right(code, &answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{what}: still {code:?}, {answer}, {said}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// People who browse at these edges until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failed: JoinSet<Vec<String>>,
}

impl Crowd {
    fn at(edges: &[&Node]) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut failed = JoinSet::new();
        for edge in edges {
            let url = format!("http://{}/api/events", edge.addresses[0]);
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            failed.spawn(async move {
                let client = reqwest::Client::new();
                let mut failed = Vec::new();
                for browser in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let request = client.get(&url).header("user-agent", format!("browser {}", browser % 40));
                    match request.send().await {
                        Ok(answer) if answer.status() == 200 => _ = answered.fetch_add(1, Ordering::Relaxed),
                        other => failed.push(format!("{other:?}")),
                    }
                    // Below what one address may ask.
                    tokio::time::sleep(Duration::from_millis(25)).await;
                }
                failed
            });
        }
        Self { stop, answered, failed }
    }

    /// How many were answered; none of them may have failed.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.failed.join_all().await.concat();
        assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), failed.first());
        self.answered.load(Ordering::Relaxed)
    }
}

/// An instance of the control plane, which trusts these keys.
pub fn instance(folder: &Path, name: &str, database: &str, trusted: &str) -> Node {
    let text = format!(
        "name = {name:?}\ndata = {name:?}\ntokens = \"tokens.toml\"\ntrusted_keys = {trusted}\n\
         [listen]\nagents = \"127.0.0.1:0\"\npeople = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [tls]\nauthority = \"ca.pem\"\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\n"
    );
    Node::start("control", folder, name, &text, vec![("MARQUEE_CONTROL_DATABASE".to_owned(), database.to_owned())])
}

/// As the file of tokens has a token.
pub fn digest_of(token: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_version_reaches_all_nodes_unnoticed_and_an_unfit_one_goes_back_by_itself() {
    let folder = fresh_folder("rolling");
    let tight = Change { name: "unfit", from: "memory_mib = 64", to: "memory_mib = 1", signed: true };
    let second = "hold_seconds = { default = \"601\" }";
    let third = "hold_seconds = { default = \"602\" }";
    let ahead = Change { name: "ahead", from: "\nschema = ", to: "\nschema = 9", signed: true };
    let [first, second, unsigned, unfit, ahead] = pushed(
        &folder,
        [
            holding("first", "hold_seconds = { default = \"600\" }", true),
            holding("second", second, true),
            holding("unsigned", third, false),
            tight,
            ahead,
        ],
    );
    fleet::certificates(&folder, &["eu/eu-1", "edge-0", "edge-1", "control/control-0", "control/control-1"]);
    Operator::introduced(&folder);
    std::fs::write(folder.join("at-once.toml"), AT_ONCE).unwrap();
    std::fs::write(folder.join("by-stages.toml"), BY_STAGES).unwrap();

    let own = server::empty_database(&fresh_folder("rolling-control"));
    let mut control = ["control-0", "control-1"].map(|name| instance(&folder, name, &own, r#"["release.pub"]"#));
    let agents: Vec<_> = control.iter().map(|instance| instance.addresses[0].clone()).collect();
    let operator = Operator::of(&folder, &control);
    let followed = |text: String| {
        let named = format!("application = {:?}\n", test_support::root().join("spin.toml"));
        let section =
            format!("[control]\nnodes = {agents:?}\n[artifact]\nfrom = {first:?}\ntrusted_keys = [\"release.pub\"]\n[listen]\n");
        text.replace(&named, "").replace("[listen]\n", &section)
    };
    let environment = vec![("SPIN_VARIABLE_DATABASE".to_owned(), server::empty_database(&folder))];
    let region = Node::start("region", &folder, "eu-1", &followed(fleet::region_config("eu-1")), environment);
    let nodes = [region.addresses[0].clone()];
    let edge = |name: &str| Node::start("edge", &folder, name, &followed(fleet::edge_config(name, &nodes)), Vec::new());
    let edges = ["edge-0", "edge-1"].map(edge);
    let known = |answer: &Value| answer["nodes"].as_array().map_or(0, Vec::len);
    operator.until("three nodes are known", 0, &["nodes"], |_, answer| known(answer) == 3).await;

    // What they run already, so that there is a way back to it; and nothing that nobody has signed.
    let begun = operator.ask(1, &["deploy", &first, "--plan", "at-once.toml", "--wait"]);
    assert_eq!(begun["state"], "completed", "{begun}");
    let (code, _, said) = operator.run(0, &["deploy", &unsigned, "--plan", "by-stages.toml"]);
    assert!(code == Some(1) && said.contains("signed"), "{code:?}: {said}");
    // Nor what the database has no tables for yet: no node hears of it.
    let (code, _, said) = operator.run(0, &["deploy", &ahead, "--plan", "by-stages.toml"]);
    assert!(
        code == Some(1) && said.contains("eu/eu-1: it needs schema 9") && said.contains("upgrade the region's nodes"),
        "{code:?}: {said}"
    );

    // The next one, to the gate; who decided that dies there, and the other goes on.
    let crowd = Crowd::at(&[&edges[0], &edges[1]]);
    operator.ask(0, &["deploy", &second, "--plan", "by-stages.toml"]);
    let (code, _, said) = operator.run(1, &["deploy", &unfit, "--plan", "by-stages.toml"]);
    assert_eq!(code, Some(4), "one at a time: {said}");
    let gated = |_: Option<i32>, answer: &Value| answer["rollout"]["state"] == "gated";
    let status = operator.until("it waits at the gate", 0, &["status"], gated).await;
    let serving = |answer: &Value| -> Vec<String> {
        answer["nodes"].as_array().unwrap().iter().map(|node| node["serving"].to_string()).collect()
    };
    let halves = serving(&operator.ask(0, &["nodes"])).iter().filter(|shares| shares.contains("50")).count();
    assert_eq!(halves, 1, "half of one edge's requests");
    let acting = usize::from(status["acts"] == "control-1");
    control[acting].kill();
    let other = 1 - acting;
    let promoted = |code: Option<i32>, _: &Value| code == Some(0);
    operator.until("somebody says that it goes on", other, &["promote", "--stage", "canary"], promoted).await;
    let over = |_: Option<i32>, answer: &Value| answer["rollout"]["over"] == true;
    let status = operator.until("it is over", other, &["status"], over).await;
    assert_eq!(status["rollout"]["state"], "completed", "{status}");
    control[acting].spawn();

    // One that no node can instantiate: it serves nobody, and the reason is told.
    let (code, _, said) = operator.run(other, &["deploy", &unfit, "--plan", "by-stages.toml", "--wait"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("rolled-back") && said.contains("edge-"), "{said}");
    operator
        .until("all have the good one", other, &["nodes"], |_, answer| {
            serving(answer).iter().all(|shares| *shares == r#"[{"release":2,"weight":100}]"#)
        })
        .await;
    for node in [&region, &edges[0], &edges[1]] {
        let says = node.says_of("application").await;
        assert!(says.contains(second.split_once('@').unwrap().1), "{says}");
    }
    assert!(crowd.end().await > 100);
    assert_eq!(operator.ask(other, &["history"])["rollouts"].as_array().unwrap().len(), 3);
}

//! A fleet on this machine: two nodes of the region `eu` on one Postgres, or one node of each of two regions, and two edges, each a process with a
//! configuration of its own.

use crate::{
    marquee, root,
    server::{remember, signal},
};
use std::{
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

/// A node's process, which can be ended and started again at the same addresses.
pub struct Node {
    role: &'static str,
    config: PathBuf,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    /// What it says, before it is ready.
    lines: Option<Lines<BufReader<ChildStdout>>>,
    /// What it listens on, the admin listener last.
    pub addresses: Vec<String>,
}

pub struct Fleet {
    pub regions: Vec<Node>,
    pub edges: Vec<Node>,
}

impl Fleet {
    /// Starts all nodes in this folder on this database; regions get the environment, edges know nothing of it.
    pub fn start(folder: &Path, database: &str, environment: &[(String, String)]) -> Self {
        Self::start_with(folder, database, environment, "")
    }

    /// As [`start`](Self::start), with this in the file of each of the region's nodes as well.
    pub fn start_with(folder: &Path, database: &str, environment: &[(String, String)], more: &str) -> Self {
        certificates(folder, &["eu/eu-1", "eu/eu-2", "edge-0", "edge-1"]);
        let mut environment = environment.to_vec();
        environment.push(("SPIN_VARIABLE_DATABASE".to_owned(), database.to_owned()));
        environment.push(("SPIN_VARIABLE_SANDBOX_PAYMENTS".to_owned(), "on".to_owned()));
        let region = |name: &str| Node::start("region", folder, name, &(region_config(name) + more), environment.clone());
        let regions = vec![region("eu-1"), region("eu-2")];
        let nodes: Vec<_> = regions.iter().map(|node| node.addresses[0].clone()).collect();
        let edge = |name: &str| Node::start("edge", folder, name, &edge_config(name, &nodes), Vec::new());
        Self { edges: vec![edge("edge-0"), edge("edge-1")], regions }
    }
}

impl Fleet {
    /// The regions `eu`, which keeps the accounts, and `us`, each with a node and one of these databases; and two edges, each nearest to one.
    pub fn of_two_regions(folder: &Path, databases: [&str; 2], environment: &[(String, String)]) -> Self {
        certificates(folder, &["eu/eu-1", "us/us-1", "edge-0", "edge-1", "edge-2"]);
        let region = |region: &str, database: &str, rest: &str| {
            let (name, mut environment) = (format!("{region}-1"), environment.to_vec());
            environment.push(("SPIN_VARIABLE_DATABASE".to_owned(), database.to_owned()));
            environment.push(("SPIN_VARIABLE_SANDBOX_PAYMENTS".to_owned(), "on".to_owned()));
            let text = format!("name = \"{name}\"\nregion = \"{region}\"\n{}{rest}", common(&name, "nodes"));
            Node::start("region", folder, &name, &text, environment)
        };
        let eu = region("eu", databases[0], "");
        let accounts = format!("[accounts]\nname = \"eu\"\nnodes = [{:?}]\n", eu.addresses[0]);
        let us = region("us", databases[1], &accounts);
        let mut fleet = Self { regions: vec![eu, us], edges: Vec::new() };
        for (name, nearest) in [("edge-0", 0), ("edge-1", 1)] {
            let edge = fleet.edge(folder, name, nearest);
            fleet.edges.push(edge);
        }
        fleet
    }

    /// One more edge of two regions.
    pub fn edge(&self, folder: &Path, name: &str, nearest: usize) -> Node {
        let mut regions = ["eu", "us"].map(|region| {
            let at = usize::from(region == "us");
            format!("[[regions]]\nname = \"{region}\"\nnodes = [{:?}]\n", self.regions[at].addresses[0])
        });
        regions.rotate_left(nearest);
        let text = format!("name = \"{name}\"\naccounts = \"eu\"\n{}{}", common(name, "public"), regions.concat());
        Node::start("edge", folder, name, &text, Vec::new())
    }
}

/// Makes certificates with the command that people use.
pub fn certificates(folder: &Path, nodes: &[&str]) {
    let made = Command::new(marquee()).arg("certificates").arg(folder).args(nodes).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Revokes a node's certificates with the command that people use.
pub fn revoke(folder: &Path, node: &str) {
    let revoked = Command::new(marquee()).args(["certificates", "revoke"]).arg(folder).arg(node).output();
    let revoked = revoked.unwrap();
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
}

/// The file of a node of the region `eu`.
pub fn region_config(name: &str) -> String {
    format!("name = \"{name}\"\nregion = \"eu\"\n{}", common(name, "nodes"))
}

/// The file of an edge that reaches the region's nodes at these addresses.
pub fn edge_config(name: &str, nodes: &[String]) -> String {
    format!("name = \"{name}\"\n{}[[regions]]\nname = \"eu\"\nnodes = {nodes:?}\n", common(name, "public"))
}

/// What every node's file says.
fn common(name: &str, listen: &str) -> String {
    format!(
        "application = {:?}\ndata = \"{name}\"\n[listen]\n{listen} = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [tls]\nauthority = \"ca.pem\"\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\n",
        root().join("spin.toml")
    )
}

impl Node {
    pub fn start(role: &'static str, folder: &Path, name: &str, text: &str, environment: Vec<(String, String)>) -> Self {
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, text).unwrap();
        let mut node = Self { role, config, environment, child: None, lines: None, addresses: Vec::new() };
        node.spawn();
        // The next start is where this one was.
        let mut text = text.to_owned();
        for address in &node.addresses {
            text = text.replacen("127.0.0.1:0", address, 1);
        }
        std::fs::write(&node.config, text).unwrap();
        node
    }

    /// The URL of the database that it was given.
    pub fn database(&self) -> String {
        let (_, url) = self.environment.iter().find(|(name, _)| name == "SPIN_VARIABLE_DATABASE").unwrap();
        url.clone()
    }

    /// Starts it and waits until it is ready.
    pub fn spawn(&mut self) {
        self.launch();
        self.until_ready();
    }

    /// Starts it; [`Self::until_ready`] must follow.
    pub fn launch(&mut self) {
        let log = self.log();
        let mut child = Command::new(marquee())
            .args([self.role, "--config"])
            .arg(&self.config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .expect("marquee starts");
        remember(child.id());
        self.lines = child.stdout.take().map(|output| BufReader::new(output).lines());
        self.child = Some(child);
    }

    /// Waits until it says that it is ready.
    pub fn until_ready(&mut self) {
        let log = self.log();
        let (mut lines, child) = (self.lines.take().unwrap(), self.child.as_mut().unwrap());
        let Some(ready) = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("ready")) else {
            panic!("{} ended: {:?}\n{}", self.config.display(), child.wait(), std::fs::read_to_string(&log).unwrap_or_default());
        };
        std::thread::spawn(move || lines.for_each(drop));
        let addresses = ready.split_whitespace().map(|word| word.trim_start_matches("http://"));
        self.addresses = addresses.filter(|word| word.contains(':')).map(str::to_owned).collect();
    }

    /// Whether its process has not ended.
    pub fn lives(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// As a power cut does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// As an operator does; waits until it has ended.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        signal("-TERM", child.id());
        child.wait().unwrap()
    }

    /// Whether it has been started and not ended since.
    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// Where it writes what it does.
    pub fn log(&self) -> PathBuf {
        self.config.with_extension("log")
    }

    /// Has it take over the application as its files are now.
    pub fn reload(&self) {
        signal("-HUP", self.child.as_ref().unwrap().id());
    }

    /// What its health says of a part, in detail.
    pub async fn says_of(&self, part: &str) -> String {
        let url = format!("http://{}/health/detailed", self.addresses.last().unwrap());
        let health: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let lines = health["checks"].as_array().unwrap();
        lines.iter().find(|line| line["name"] == part).map(|line| line["detail"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// Pauses or resumes it.
    pub fn pause(&self, paused: bool) {
        signal(if paused { "-STOP" } else { "-CONT" }, self.child.as_ref().unwrap().id());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Nothing to be kept: what one process leaves behind is what the tests are about.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

//! A fleet of one's own: two nodes of a region on a private Postgres, and edges.

use crate::{
    build,
    node::{discard, stop},
    services::{Kind, Services},
    step::{command, output, root},
};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The region's nodes.
const NODES: [&str; 2] = ["eu-1", "eu-2"];
/// A certificate of the region for what measures its nodes, and may ask what an edge may not.
const PROBE: &str = "probe";

/// Running nodes, each a process; ended when dropped, with what they have written.
pub struct Fleet {
    nodes: Vec<Node>,
    edges: Vec<Node>,
    folder: PathBuf,
    /// Variables of every node.
    environment: Vec<(&'static str, &'static str)>,
    // Outlives the nodes.
    services: Services,
}

struct Node {
    child: Child,
    /// What it listens on, the admin listener last.
    addresses: Vec<String>,
}

impl Fleet {
    /// Starts the region's nodes.
    pub fn start(name: &str, edges: usize) -> Result<Self> {
        Self::start_with(name, edges, &[])
    }

    /// The same, with these variables for every node.
    pub fn start_with(name: &str, edges: usize, environment: &[(&'static str, &'static str)]) -> Result<Self> {
        let services = Services::start(&[Kind::Postgres])?;
        let folder = root().join(format!("target/{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut made = command(build::MARQUEE, &["certificates"]);
        made.arg(&folder).args(NODES.iter().chain([&PROBE]).map(|node| format!("eu/{node}")));
        made.args((0..edges).map(|edge| format!("edge-{edge}")));
        output(&mut made)?;
        let database = services.postgres_url().to_owned();
        let mut fleet = Self { nodes: Vec::new(), edges: Vec::new(), folder, environment: environment.to_vec(), services };
        for name in NODES {
            let text = format!("region = \"eu\"\n{}", common(name, "nodes")?);
            let variables = [environment, &[("SPIN_VARIABLE_DATABASE", &database)]].concat();
            let node = Node::start("region", &fleet.folder, name, &text, &variables)?;
            fleet.nodes.push(node);
        }
        Ok(fleet)
    }

    /// The nodes' certificates.
    pub fn certificates(&self) -> &Path {
        &self.folder
    }

    /// Where the region's nodes are reached.
    pub fn nodes(&self) -> Vec<String> {
        self.nodes.iter().filter_map(|node| node.addresses.first().cloned()).collect()
    }

    /// Starts the next edge, which reaches the region's nodes at these addresses; gives its base URL.
    pub fn edge(&mut self, nodes: &[String]) -> Result<String> {
        let name = format!("edge-{}", self.edges.len());
        let text = format!("{}[[regions]]\nname = \"eu\"\nnodes = {nodes:?}\n", common(&name, "public")?);
        let edge = Node::start("edge", &self.folder, &name, &text, &self.environment)?;
        let url = format!("http://{}", edge.addresses.first().context("no address")?);
        self.edges.push(edge);
        Ok(url)
    }

    /// The process of the region's node that leads the partition of this event, by the leases.
    pub fn leader_of(&self, event: &str) -> Result<u32> {
        let mut leases = self.query("SELECT name, address FROM leases WHERE name LIKE 'partition-%'")?;
        leases.retain(|row| row.len() == 2);
        let name = format!("partition-{}", partition(event, leases.len() as u64));
        let address = leases.iter().find(|row| row.first() == Some(&name)).and_then(|row| row.get(1)).context("no such lease")?;
        let leads = self.nodes.iter().find(|node| node.addresses.first() == Some(address));
        Ok(leads.with_context(|| format!("{name} has no leader"))?.child.id())
    }

    /// Rows of a query, as text.
    pub fn query(&self, text: &str) -> Result<Vec<Vec<String>>> {
        let answer = self.services.psql(text)?;
        Ok(answer.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for node in self.edges.iter_mut().chain(&mut self.nodes) {
            stop(&mut node.child);
        }
        discard(&self.folder);
    }
}

/// What every node's file says.
fn common(name: &str, listen: &str) -> Result<String> {
    let application = root().join("spin.toml").canonicalize()?;
    Ok(format!(
        "name = \"{name}\"\napplication = {application:?}\ndata = \"{name}\"\n[listen]\n{listen} = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [tls]\nauthority = \"ca.pem\"\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\n"
    ))
}

/// As the coordinator has it: FNV-1a of the event's id, its halves folded together.
fn partition(event: &str, partitions: u64) -> u64 {
    let hash =
        event.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 32)).checked_rem(partitions).unwrap_or_default()
}

impl Node {
    fn start(role: &str, folder: &Path, name: &str, text: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, text)?;
        let log = folder.join(format!("{name}.log"));
        let mut child = Command::new(build::MARQUEE)
            .args([role, "--config"])
            .arg(&config)
            .env(build::HELD_PLACES.0, build::HELD_PLACES.1)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", build::MARQUEE))?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        for line in lines.by_ref() {
            let line = line?;
            if line.starts_with("ready") {
                let addresses = line.split_whitespace().map(|word| word.trim_start_matches("http://"));
                let addresses = addresses.filter(|word| word.contains(':')).map(str::to_owned).collect();
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(Self { child, addresses });
            }
        }
        bail!("{name} ended before it was ready: {}\n{}", child.wait()?, std::fs::read_to_string(&log).unwrap_or_default());
    }
}

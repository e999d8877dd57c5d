//! `edge-vs-central`: the same reads through an edge that is near and through one that is far, beside the region.

use super::{end, k6};
use crate::{fleet::Fleet, node::stop, services::free_ports, step::say, tools};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a byte takes from where people are to where the region is, in milliseconds: as between two continents.
const ONE_WAY_MS: u32 = 40;
/// How long toxiproxy may take until it answers.
const READY: Duration = Duration::from_secs(20);

/// Runs it.
pub fn run(short: bool) -> Result<()> {
    let mut fleet = Fleet::start("distance", 2)?;
    let far = Toxiproxy::start()?;
    // The edge beside the region, and the one beside the people: what it hears of the region comes from as far as they would have to go.
    let nodes = fleet.nodes();
    let central = fleet.edge(&nodes)?;
    let distant = nodes.iter().map(|node| far.away(node)).collect::<Result<Vec<_>>>()?;
    let near = fleet.edge(&distant)?;
    let through = format!("http://{}", far.away(central.trim_start_matches("http://"))?);
    say(&format!("k6 runs edge-vs-central: near {near}, central {central} from {ONE_WAY_MS} ms away, each way"));
    let mut k6 = k6("edge-vs-central", short)?;
    let k6 = k6.env("URLS", central).env("NEAR", near).env("CENTRAL", through).spawn().context("cannot start k6")?;
    end("edge-vs-central", k6)
}

/// A running toxiproxy; ended when dropped.
struct Toxiproxy {
    child: Child,
    control: String,
}

impl Toxiproxy {
    fn start() -> Result<Self> {
        let [port] = free_ports()?;
        let port = port.to_string();
        let mut server = Command::new(tools::toxiproxy()?);
        let child =
            server.args(["-host", "127.0.0.1", "-port", &port]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let far = Self { child: child.spawn().context("cannot start toxiproxy")?, control: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + READY;
        while ureq::get(format!("{}/version", far.control)).call().is_err() {
            if Instant::now() > deadline {
                bail!("toxiproxy does not answer");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(far)
    }

    /// An address that leads to this one, as far as the other side of the world.
    fn away(&self, address: &str) -> Result<String> {
        let proxy = json!({"name": address, "listen": "127.0.0.1:0", "upstream": address});
        let made: Value = ureq::post(format!("{}/proxies", self.control)).send_json(proxy)?.body_mut().read_json()?;
        for stream in ["upstream", "downstream"] {
            let toxic = json!({"type": "latency", "stream": stream, "attributes": {"latency": ONE_WAY_MS}});
            ureq::post(format!("{}/proxies/{address}/toxics", self.control)).send_json(toxic)?;
        }
        Ok(made.get("listen").and_then(Value::as_str).context("toxiproxy named no address")?.to_owned())
    }
}

impl Drop for Toxiproxy {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

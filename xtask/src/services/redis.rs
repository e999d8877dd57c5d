//! Redis: a primary, a replica, and three Sentinels who make the replica the primary when two of them miss the old one.

use super::{
    Environment, Kind, fresh,
    launcher::{Launcher, free_ports},
    probe::Probe,
};
use crate::{step::command, tools};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// What the Sentinels call the primary.
const NAME: &str = "marquee";
/// How many Sentinels there are, and how many must miss the primary.
const SENTINELS: usize = 3;
const QUORUM: usize = 2;
/// Milliseconds without an answer after which a Sentinel misses the primary, and after which a failover that hangs is tried again.
const DOWN_AFTER: u32 = 1000;
const FAILOVER: u32 = 3000;

/// Its program; with `--sentinel` it is a Sentinel.
pub fn program() -> Result<PathBuf> {
    tools::program("redis-server", "", &["redis-server"])
}

/// Starts all five, and waits until the Sentinels could do their work.
pub fn start(launcher: &Launcher) -> Result<Environment> {
    let program = program()?;
    let [primary, replica, sentinels @ ..] = free_ports::<5>()?;
    let serve = |name: &str, port: u16, more: &[&str]| {
        let folder = fresh(launcher.folder(), name)?;
        let mut server = command(&program, &["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        // A replica that connects need not wait for others to come along.
        server.args(["--repl-diskless-sync-delay", "0"]).args(more).arg("--dir").arg(folder);
        launcher.spawn(Kind::Redis, name, port, &mut server)
    };
    let first = serve("redis-primary", primary, &[])?;
    launcher.wait(&first, || answers(&first.address))?;
    let second = serve("redis-replica", replica, &["--replicaof", "127.0.0.1", &primary.to_string()])?;
    // A Sentinel that found no replica would look for one again only after ten seconds.
    launcher.wait(&second, || {
        let role = ask(&second.address, "INFO replication")?;
        if role.iter().any(|text| text.contains("master_link_status:up")) {
            Ok(())
        } else {
            bail!("it does not follow the primary yet")
        }
    })?;
    let mut watching = Vec::new();
    for (number, port) in (1..).zip(sentinels) {
        let name = format!("sentinel-{number}");
        // It keeps what it learns in its configuration.
        let configuration = fresh(launcher.folder(), &name)?.join("sentinel.conf");
        std::fs::write(&configuration, sentinel(port, primary))?;
        watching.push(launcher.spawn(Kind::Redis, &name, port, command(&program, &[]).arg(configuration).arg("--sentinel"))?);
    }
    for process in &watching {
        launcher.wait(process, || watches(&process.address, primary))?;
    }
    Ok([environment(primary, sentinels), vec![("MARQUEE_TEST_REDIS_BIN", super::text(&program)?)]].concat())
}

/// How they are found.
pub fn environment(primary: u16, sentinels: [u16; SENTINELS]) -> Environment {
    let sentinels = sentinels.map(|port| format!("127.0.0.1:{port}")).join(",");
    vec![
        ("MARQUEE_TEST_REDIS_URL", format!("redis://127.0.0.1:{primary}")),
        ("MARQUEE_TEST_REDIS_SENTINELS", format!("redis-sentinel://{sentinels}/{NAME}")),
    ]
}

fn sentinel(port: u16, primary: u16) -> String {
    format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor {NAME} 127.0.0.1 {primary} {QUORUM}\n\
         sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\nsentinel failover-timeout {NAME} {FAILOVER}\n"
    )
}

/// Whether it answers; a Sentinel does too.
pub fn answers(address: &str) -> Result<()> {
    let answer = ask(address, "PING")?;
    if answer == ["PONG"] { Ok(()) } else { bail!("to PING it says {}", answer.join(" ")) }
}

/// Whether a Sentinel knows the primary, its replica and the other Sentinels.
pub fn watches(address: &str, primary: u16) -> Result<()> {
    let known = ask(address, &format!("SENTINEL get-master-addr-by-name {NAME}"))?;
    if known != ["127.0.0.1".to_owned(), primary.to_string()] {
        bail!("it takes {} for the primary", known.join(":"));
    }
    let facts = ask(address, &format!("SENTINEL master {NAME}"))?;
    let fact = |name: &str| facts.iter().skip_while(|text| *text != name).nth(1).cloned().unwrap_or_default();
    let (replicas, others) = (fact("num-slaves"), fact("num-other-sentinels"));
    if (replicas.as_str(), others.as_str()) != ("1", "2") {
        bail!("it knows {replicas} replicas and {others} other Sentinels");
    }
    Ok(())
}

/// What it says to a command: the texts of a flat answer.
fn ask(address: &str, command: &str) -> Result<Vec<String>> {
    let mut probe = Probe::connect(address)?;
    probe.send(format!("{command}\r\n").as_bytes())?;
    let first = probe.line()?;
    let Some(count) = first.strip_prefix('*') else { return Ok(vec![value(&mut probe, &first)?]) };
    let count: usize = count.parse().context("it answers with nothing")?;
    let mut values = Vec::new();
    for _ in 0..count {
        let line = probe.line()?;
        values.push(value(&mut probe, &line)?);
    }
    Ok(values)
}

/// One value, whose first line has been read.
fn value(probe: &mut Probe, line: &str) -> Result<String> {
    let Some((kind, rest)) = line.split_at_checked(1) else { bail!("it answers with nothing") };
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "$" => {
            let length: usize = rest.parse().context("it answers with nothing")?;
            let mut bytes = probe.read(length + 2)?;
            bytes.truncate(length);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => bail!("it says {line}"),
    }
}

//! `cargo xtask bench`: this host beside what can be compared, in one run, as ratios.
//!
//! Every pair is measured in turns, so that a machine whose speed drifts slows both; the median of the rounds is what counts.

mod checkin;
mod coordinator;
mod sale;
mod streams;

use crate::{
    build,
    node::{Node, stop},
    services::free_ports,
    step::{command, output, root, run as run_command, say, step},
    tools,
};
use anyhow::{Context, Result, bail};
use sale::Sale;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Turns per subject.
const ROUNDS: usize = 3;
/// Seconds of load per turn, and connections.
const SECONDS: u32 = 5;
const CONNECTIONS: u32 = 32;
/// People who hold places.
const PEOPLE: usize = 64;
/// Expected: this host's hello beside theirs.
const OF_WASMTIME: f64 = 0.8;
const OF_SPIN: f64 = 2.0;

/// Something that answers, and how it is asked.
struct Subject {
    name: &'static str,
    url: String,
    script: Vec<String>,
    results: Vec<Load>,
}

#[derive(Clone, Copy, Default)]
struct Load {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    failed: u64,
}

/// What another build of this host is called in the results.
const OTHER_BUILD: &str = "other build";

/// Benchmarks of parts, as `host/benches/Cargo.toml` names them.
const PARTS: [&str; 11] =
    ["bindings", "feed_latency", "immutable", "journal", "ledger", "live", "search", "serve", "throughput", "tokens", "worker"];

/// `cargo xtask bench [checkin|coordinator|streams|--against FOLDER|PART [ARGUMENTS]]`.
pub fn command_line(arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(None),
        ["--against", folder] => run(Some(&Path::new(folder).canonicalize().with_context(|| folder.to_owned())?)),
        ["checkin"] => checkin::run(),
        ["coordinator"] => coordinator::run(),
        ["streams"] => streams::run(),
        [part, ref arguments @ ..] if PARTS.contains(&part) => {
            // These serve components of the application.
            if ["immutable", "live"].contains(&part) {
                build::components(&[])?;
            }
            build::benches(&[part])?;
            say(&machine()?);
            run_command(&mut build::bench(part, arguments))
        }
        _ => bail!("usage: cargo xtask bench [checkin|coordinator|streams|--against FOLDER], or a part: {}", PARTS.join(", ")),
    }
}

/// Runs every comparison that this machine has the programs for; and with what was built in another folder of this project, where one is named.
fn run(against: Option<&Path>) -> Result<()> {
    build::components(&["fixtures"])?;
    build::all()?;
    let wrk = tools::program("wrk", "", &["wrk"])?;
    say(&machine()?);
    say(&format!("wrk with {CONNECTIONS} connections, {ROUNDS} turns of {SECONDS} s each, medians; the load shares the machine"));
    hello(&wrk, against)?;
    platform(&wrk, against)
}

/// The edge beside the bare engine and stock Spin, serving the same component.
fn hello(wrk: &Path, against: Option<&Path>) -> Result<()> {
    let manifest = "host/runtime/fixtures/spin.toml";
    let node = step("starting the hello application", || Node::start("bench-hello", &["--no-demo", "--manifest", manifest]))?;
    let mut subjects = vec![subject("marquee", format!("{}/hello", node.edges.first().context("no edge")?))];
    let hello = ["--no-demo", "--manifest", manifest];
    let other = against.map(|folder| Node::start_of(folder, "bench-hello-other", &hello, &[])).transpose()?;
    if let Some(other) = &other {
        subjects.push(subject(OTHER_BUILD, format!("{}/hello", other.edges.first().context("no edge")?)));
    }
    let mut others = Vec::new();
    match tools::find("wasmtime", "") {
        Some(wasmtime) => {
            let [port] = free_ports()?;
            let wasm = "target/wasm32-wasip2/release/fixtures.wasm";
            let arguments = ["serve", "-Sp3,cli", "-Wcomponent-model-async", "--addr", &format!("127.0.0.1:{port}"), wasm];
            others.push(OtherServer::start(command(wasmtime, &arguments), port)?);
            subjects.push(subject("wasmtime serve", format!("http://127.0.0.1:{port}/hello")));
        }
        None => say("left out: `wasmtime` is not on the PATH (cargo install wasmtime-cli@48.0.8)"),
    }
    if let Some((spin, port)) = spin_up(Path::new(manifest), "bench-spin-hello")? {
        others.push(spin);
        subjects.push(subject("spin up", format!("http://127.0.0.1:{port}/hello")));
    }
    measure("hello", wrk, &mut subjects)?;
    let expected = [("wasmtime serve", OF_WASMTIME), ("spin up", OF_SPIN)];
    for (name, wanted) in expected {
        if let Some(ratio) = ratio(&subjects, "marquee", name) {
            let verdict = if ratio >= wanted { "as expected" } else { "LESS than expected" };
            say(&format!("    marquee is {ratio:.2} x {name} (expected at least {wanted}): {verdict}"));
        }
    }
    if let Some(ratio) = ratio(&subjects, "marquee", OTHER_BUILD) {
        say(&format!("    hello: this build is {ratio:.3} x the other"));
    }
    drop((others, node, other));
    Ok(())
}

/// A catalog read and a hold, beside stock Spin running the same application.
fn platform(wrk: &Path, against: Option<&Path>) -> Result<()> {
    let node = step("starting the platform", || Node::start("bench", &["--no-demo"]))?;
    let ours = node.edges.first().context("no edge")?.clone();
    let mut bases = vec![("marquee", ours)];
    let other = against.map(|folder| Node::start_of(folder, "bench-other", &["--no-demo"], &[])).transpose()?;
    if let Some(other) = &other {
        bases.push((OTHER_BUILD, other.edges.first().context("no edge")?.clone()));
    }
    let spin = spin_up(Path::new("spin.toml"), "bench-spin")?;
    if let Some((_, port)) = &spin {
        bases.push(("spin up", format!("http://127.0.0.1:{port}")));
    }
    let mut reads = Vec::new();
    let mut holds = Vec::new();
    for (name, base) in bases {
        let sale = Sale::open(&base, PEOPLE)?;
        reads.push(subject(name, format!("{base}/api/events/{}", sale.event)));
        let mut hold = subject(name, format!("{base}/api/bookings"));
        let run = format!("run{}", std::process::id());
        hold.script = ["-s", "load-tests/wrk/hold.lua"].map(str::to_owned).to_vec();
        hold.script.extend(["--".to_owned(), sale.tokens.display().to_string(), sale.event, sale.ticket, run]);
        holds.push(hold);
    }
    measure("event page", wrk, &mut reads)?;
    measure("hold (durable, one hot event)", wrk, &mut holds)?;
    for (what, subjects) in [("event page", &reads), ("hold", &holds)] {
        if let Some(ratio) = ratio(subjects, "marquee", "spin up") {
            say(&format!("    {what}: marquee is {ratio:.2} x spin up"));
        }
        if let Some(ratio) = ratio(subjects, "marquee", OTHER_BUILD) {
            say(&format!("    {what}: this build is {ratio:.3} x the other"));
        }
    }
    Ok(())
}

fn subject(name: &'static str, url: String) -> Subject {
    Subject { name, url, script: Vec::new(), results: Vec::new() }
}

/// Loads the subjects in turns and prints a line for each.
fn measure(what: &str, wrk: &Path, subjects: &mut [Subject]) -> Result<()> {
    step(what, || {
        for round in 0..=ROUNDS {
            for subject in subjects.iter_mut() {
                let load = load(wrk, subject, round)?;
                // The first turn warms up.
                if round > 0 {
                    subject.results.push(load);
                }
            }
        }
        for subject in subjects.iter() {
            let median = subject.median();
            let failed: u64 = subject.results.iter().map(|load| load.failed).sum();
            say(&format!(
                "    {:<16} {:>9.0} requests/s   p50 {:>7.2} ms   p99 {:>7.2} ms{}",
                subject.name,
                median.per_second,
                median.p50_ms,
                median.p99_ms,
                if failed > 0 { format!("   {failed} answers were not 2xx") } else { String::new() }
            ));
        }
        Ok(())
    })
}

fn load(wrk: &Path, subject: &Subject, round: usize) -> Result<Load> {
    let mut command = Command::new(wrk);
    command.args(["-t2", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}s"), "--latency"]);
    let mut script = subject.script.clone();
    // A key of one round must not repeat another's.
    if let Some(run) = script.last_mut() {
        run.push_str(&format!("-{round}"));
    }
    let at = script.iter().position(|word| word == "--").unwrap_or(script.len());
    let after = script.split_off(at);
    command.args(script).arg(&subject.url).args(after);
    let text = output(&mut command)?;
    let field = |label: &str, number: usize| {
        text.lines()
            .find(|line| line.trim_start().starts_with(label))
            .and_then(|line| line.split_whitespace().nth(number))
            .unwrap_or_default()
    };
    Ok(Load {
        per_second: field("Requests/sec:", 1).parse().context("wrk printed no rate")?,
        p50_ms: milliseconds(field("50%", 1)),
        p99_ms: milliseconds(field("99%", 1)),
        failed: field("Non-2xx", 4).parse().unwrap_or(0),
    })
}

/// wrk's times, such as `1.20ms`, `340.00us`, `1.02s`.
fn milliseconds(text: &str) -> f64 {
    let (number, factor) = match text {
        _ if text.ends_with("us") => (text.trim_end_matches("us"), 0.001),
        _ if text.ends_with("ms") => (text.trim_end_matches("ms"), 1.0),
        _ => (text.trim_end_matches('s'), 1000.0),
    };
    number.parse::<f64>().map_or(f64::NAN, |number| number * factor)
}

impl Subject {
    fn median(&self) -> Load {
        let mut results = self.results.clone();
        results.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        results.get(results.len() / 2).copied().unwrap_or_default()
    }
}

/// How many times faster one is than another, where both were measured.
fn ratio(subjects: &[Subject], one: &str, other: &str) -> Option<f64> {
    let of = |name: &str| subjects.iter().find(|subject| subject.name == name).map(|subject| subject.median().per_second);
    Some(of(one)? / of(other)?)
}

/// Another server, ended when dropped.
struct OtherServer(Child);

impl OtherServer {
    fn start(mut command: Command, port: u16) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let other = Self(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            anyhow::ensure!(Instant::now() < deadline, "{command:?} does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(other)
    }
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        stop(&mut self.0);
    }
}

fn spin_up(manifest: &Path, name: &str) -> Result<Option<(OtherServer, u16)>> {
    let spin = match tools::spin() {
        Ok(spin) => spin,
        Err(why) => {
            say(&format!("left out: {why}"));
            return Ok(None);
        }
    };
    let [port] = free_ports()?;
    let state: PathBuf = root().join(format!("target/{name}-{}", std::process::id()));
    let mut command = Command::new(spin);
    command
        .args(["up", "--quiet", "--listen", &format!("127.0.0.1:{port}"), "--from"])
        .arg(manifest)
        .arg("--state-dir")
        .arg(state)
        .env(build::HELD_PLACES.0, build::HELD_PLACES.1);
    Ok(Some((OtherServer::start(command, port)?, port)))
}

/// The machine that this ran on: results mean nothing without it.
fn machine() -> Result<String> {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        information
            .lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map_or("", |(_, it)| it.trim())
    };
    let cores = std::thread::available_parallelism()?;
    Ok(format!("machine: {} ({cores} cores), {}", field("model name"), output(&mut command("uname", &["-sr"]))?.trim()))
}

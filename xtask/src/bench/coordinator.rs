//! `cargo xtask bench coordinator`: durable holds on one hot event, on Postgres with fsync on.
//!
//! In one run on one machine, load included: the holds end to end, over HTTP, at several rates that do not depend on the answers; beside them the
//! same holds as one transaction each, the bare SQL of a batch, and the component without HTTP.

use super::sale::Sale;
use crate::{
    build,
    fleet::Fleet,
    node::Node,
    services::{Kind, Services},
    step::{cargo, command, output, run as run_command, say, step},
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Holds a second that are asked for; 0: as fast as the connections take turns.
const RATES: [u32; 5] = [1_000, 2_500, 5_000, 10_000, 0];
/// Seconds of each rate, and connections.
const SECONDS: u32 = 10;
const CONNECTIONS: u32 = 512;
/// People who hold places, by turns.
const PEOPLE: usize = 400;
/// Expected: holds a second, and how many times those of a transaction each.
const HOLDS: f64 = 10_000.0;
const OF_TRANSACTIONS: f64 = 10.0;
/// Expected at this rate: 99 of 100 answers within so many milliseconds.
const HALF_LOAD: (u32, f64) = (5_000, 50.0);

/// Readers of the feed, holds a second meanwhile, and within how many milliseconds 99 of 100 facts are expected at each.
const READERS: usize = 50;
const FEED_RATE: u32 = 1_000;
const FEED_MS: f64 = 50.0;

/// Where the load generator lands.
const GENERATOR: &str = "target/release/generator";

/// Runs it all.
pub fn run() -> Result<()> {
    build::all()?;
    step("building the load generator", || {
        run_command(&mut cargo(&["build", "--release", "--locked", "--package", "generator"]))
    })?;
    build::benches(&["ledger", "feed_latency"])?;
    say(&super::machine()?);
    let services = Services::start(&[Kind::Postgres])?;
    let transactions = beneath(&services.database("beneath")?)?;
    let sold = end_to_end(&services.database("end_to_end")?)?;
    let ratio = sold / transactions;
    say(&format!("    end to end {sold:.0} holds/s (expected at least {HOLDS:.0}): {}", verdict(sold >= HOLDS)));
    say(&format!(
        "    that is {ratio:.1} x a transaction each (expected at least {OF_TRANSACTIONS:.0}): {}",
        verdict(ratio >= OF_TRANSACTIONS)
    ));
    drop(services);
    feed()
}

/// From a commit to all readers of the feed.
fn feed() -> Result<()> {
    let fleet = step("starting two nodes of a region", || Fleet::start("bench-feed", 1))?;
    step(&format!("from the answer, which follows the commit, to each of {READERS} readers of the feed"), || {
        let mut command = build::bench("feed_latency", &[]);
        command.arg(fleet.certificates()).args([
            "probe",
            "eu",
            &READERS.to_string(),
            &FEED_RATE.to_string(),
            &SECONDS.to_string(),
        ]);
        let text = output(command.args(fleet.nodes()))?;
        let p99 = text.split("p99").nth(1).and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok());
        let p99: f64 = p99.with_context(|| format!("no figure in: {text}"))?;
        say(&format!("    {} (expected p99 at most {FEED_MS:.0} ms): {}", text.trim(), verdict(p99 <= FEED_MS)));
        Ok(())
    })
}

/// The ledger without HTTP. Gives the best figure of a transaction for each hold.
fn beneath(url: &str) -> Result<f64> {
    step("beneath: a transaction for each hold, the bare SQL of a batch, the component", || {
        let text = output(&mut build::bench("ledger", &[url]))?;
        let mut best = 0.0_f64;
        for line in text.lines() {
            say(&format!("    {line}"));
            let figure = line.split_whitespace().rev().nth(1).and_then(|figure| figure.parse::<f64>().ok());
            if line.starts_with("a transaction each") {
                best = best.max(figure.with_context(|| format!("no figure in: {line}"))?);
            }
        }
        ensure!(best > 0.0, "the benchmark printed no figure");
        Ok(best)
    })
}

/// Over HTTP. Gives the best figure.
fn end_to_end(url: &str) -> Result<f64> {
    let node = step("starting the platform on Postgres", || Node::start("bench-coordinator", &["--no-demo", "--postgres", url]))?;
    let edge = node.edges.first().context("no edge")?;
    let sale = step(&format!("registering {PEOPLE} people"), || Sale::open(edge, PEOPLE))?;
    step("end to end, over HTTP, latencies from when a hold was due", || {
        load(edge, &sale, 1_000, "warm", 3)?;
        let mut best = 0.0_f64;
        for rate in RATES {
            let report = load(edge, &sale, rate, &format!("at{rate}"), SECONDS)?;
            let number = |name: &str| report.get(name).and_then(Value::as_f64).with_context(|| format!("no {name} in {report}"));
            let (held, p99) = (number("holds_per_second")?, number("p99_ms")?);
            best = best.max(held);
            let asked = if rate == 0 { "as fast as can be".to_owned() } else { format!("{rate}/s asked for") };
            say(&format!(
                "    {asked:<18} {held:>7.0} holds/s   p50 {:>8.2} ms   p90 {:>8.2} ms   p99 {p99:>8.2} ms   max {:>8.2} ms   {}",
                number("p50_ms")?,
                number("p90_ms")?,
                number("max_ms")?,
                report.get("answers").unwrap_or(&Value::Null),
            ));
            if rate == HALF_LOAD.0 {
                say(&format!(
                    "    p99 at {rate}/s: {p99:.1} ms (expected at most {:.0}): {}",
                    HALF_LOAD.1,
                    verdict(p99 <= HALF_LOAD.1)
                ));
            }
        }
        Ok(best)
    })
}

fn load(edge: &str, sale: &Sale, rate: u32, run: &str, seconds: u32) -> Result<Value> {
    let address = edge.trim_start_matches("http://");
    let mut command = command(GENERATOR, &[address, "--event", &sale.event, "--ticket", &sale.ticket, "--run", run]);
    command.arg("--tokens").arg(&sale.tokens);
    for (name, number) in [("--rate", rate), ("--seconds", seconds), ("--connections", CONNECTIONS)] {
        command.args([name, &number.to_string()]);
    }
    serde_json::from_str(output(&mut command)?.trim()).context("the generator printed no report")
}

fn verdict(kept: bool) -> &'static str {
    if kept { "as expected" } else { "NOT as expected" }
}

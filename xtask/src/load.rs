//! `cargo xtask load SCENARIO`: k6 against a running platform, or one of its own.

mod distance;
mod failover;

use crate::{
    build,
    node::Node,
    step::{command, say},
    tools,
};
use anyhow::{Context, Result, bail};
use std::{
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// Where `marquee up` listens by default.
const DEFAULT: [&str; 2] = ["http://127.0.0.1:8080", "http://127.0.0.1:8081"];

/// Scenarios against a running platform, and those that have a fleet started for them.
const PLAIN: [&str; 3] = ["browse", "onsale", "door"];
const FLEETS: [&str; 2] = ["failover", "edge-vs-central"];

/// Runs a scenario of `load-tests/`.
pub fn run(arguments: &[String]) -> Result<()> {
    let (mut scenario, mut urls, mut short, mut own_built) = (None, None, false, false);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--short" => short = true,
            // For the test run: a platform of its own from what has been built already.
            "--own" => own_built = true,
            "--url" => urls = Some(words.next().context("--url takes URLs, separated by commas")?.clone()),
            name if scenario.is_none() && !name.starts_with('-') => scenario = Some(name.to_owned()),
            other => bail!("{other} is not understood: cargo xtask load {} [--url URL,URL] [--short]", names()),
        }
    }
    let scenario = scenario.with_context(|| format!("which scenario? {}", names()))?;
    if !PLAIN.iter().chain(&FLEETS).any(|name| **name == scenario) {
        bail!("there is no scenario {scenario}: {}", names());
    }
    if FLEETS.contains(&scenario.as_str()) {
        if urls.is_some() {
            bail!("{scenario} runs against a fleet of its own: it takes no --url");
        }
        if !own_built {
            build::all()?;
        }
        return if scenario == "failover" { failover::run(short) } else { distance::run(short) };
    }
    let mut own = None;
    let urls = match urls {
        Some(urls) => urls,
        None if !own_built && TcpStream::connect("127.0.0.1:8080").is_ok() => DEFAULT.join(","),
        None => {
            if !own_built {
                build::all()?;
                say("nothing listens on port 8080: starting a platform of its own");
            }
            own.insert(Node::start("load", if scenario == "browse" { &[] } else { &["--no-demo"] })?).edges.join(",")
        }
    };
    say(&format!("k6 runs {scenario} against {urls}"));
    let ended = end(&scenario, k6(&scenario, short)?.env("URLS", urls).spawn().context("cannot start k6")?);
    drop(own);
    ended
}

fn names() -> String {
    [&PLAIN[..], &FLEETS[..]].concat().join(", ")
}

/// k6 with a scenario, not started yet.
fn k6(scenario: &str, short: bool) -> Result<Command> {
    let mut k6 = command(tools::k6()?, &["run", "--quiet", "--no-usage-report"]);
    k6.env("SHORT", if short { "1" } else { "0" }).stdin(Stdio::null());
    // Arguments and options may follow in any order.
    k6.arg(PathBuf::from(format!("load-tests/{scenario}.js")));
    Ok(k6)
}

/// Waits for k6.
fn end(scenario: &str, mut k6: Child) -> Result<()> {
    let status = k6.wait()?;
    if !status.success() {
        bail!("{scenario} did not hold ({status})");
    }
    Ok(())
}

//! `cargo xtask load SCENARIO`: k6 against a running platform, or one of its own.

use crate::{
    build,
    node::Node,
    step::{command, say},
    tools,
};
use anyhow::{Context, Result, bail};
use std::{net::TcpStream, path::PathBuf, process::Stdio};

/// Where `marquee up` listens if nobody says otherwise.
const DEFAULT: [&str; 2] = ["http://127.0.0.1:8080", "http://127.0.0.1:8081"];

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
            other => bail!("{other} is not understood: cargo xtask load browse|onsale [--url URL,URL] [--short]"),
        }
    }
    let scenario = scenario.context("which scenario? browse or onsale")?;
    let script = PathBuf::from(format!("load-tests/{scenario}.js"));
    if !script.is_file() {
        bail!("there is no scenario {scenario}: browse and onsale are in load-tests/");
    }
    let k6 = tools::k6()?;
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
    let status = command(k6, &["run", "--quiet", "--no-usage-report"])
        .arg(script)
        .env("URLS", urls)
        .env("SHORT", if short { "1" } else { "0" })
        .stdin(Stdio::null())
        .status()
        .context("cannot start k6")?;
    drop(own);
    if !status.success() {
        bail!("{scenario} did not hold ({status})");
    }
    Ok(())
}

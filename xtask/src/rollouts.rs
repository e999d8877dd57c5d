//! `cargo xtask fleet`: what rollouts promise, held against a fleet of many edges under load, and measured.

use crate::{
    build,
    services::{Kind, Services},
    step::{run as run_command, say, step},
    tools,
};
use anyhow::{Context, Result, bail};

/// Edges by default.
const NODES: &str = "100";

const USAGE: &str = "cargo xtask fleet [--nodes 100] [--rate N] [--interval SECONDS] [--seeds 1] [--seed 1] [--only PART-OF-A-NAME] [--faults] [--agents N]";

/// Builds what is missing, starts a Postgres and a registry, and runs it.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut environment: Vec<(&str, String)> = Vec::new();
    let (mut nodes, mut agents, mut words) = (NODES.to_owned(), false, arguments.iter());
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().with_context(|| format!("{word} takes a value: {USAGE}"));
        match word.as_str() {
            "--nodes" => nodes = value()?,
            "--rate" => environment.push(("MARQUEE_FLEET_RATE", value()?)),
            "--interval" => environment.push(("MARQUEE_FLEET_INTERVAL", value()?)),
            "--seeds" => environment.push(("MARQUEE_FLEET_SEEDS", value()?)),
            "--seed" => environment.push(("MARQUEE_FLEET_SEED", value()?)),
            "--only" => environment.push(("MARQUEE_FLEET_ONLY", value()?)),
            "--faults" => environment.push(("MARQUEE_FLEET_FAULTS", "yes".to_owned())),
            "--agents" => {
                agents = true;
                environment.push(("MARQUEE_FLEET_AGENTS", value()?));
            }
            other => bail!("{other} is not understood: {USAGE}"),
        }
    }
    environment.push(("MARQUEE_FLEET_NODES", nodes));
    build::components(&build::FIXTURES)?;
    step("building the host and the proof", || {
        tools::native_build()?;
        run_command(&mut build::tests(build::HOST, &["--no-run", "--test", "releases"]))
    })?;
    let services = Services::start(&[Kind::Postgres, Kind::Registry])?;
    let proof = if agents { "many_agents_hear" } else { "good_versions_reach_all" };
    say("a line for each version or fault comes when it is done");
    let mut command = build::tests(build::HOST, &["--test", "releases", "--", "--nocapture", proof]);
    run_command(command.envs(services.environment.iter().cloned()).envs(environment)).context("the proof does not hold")
}

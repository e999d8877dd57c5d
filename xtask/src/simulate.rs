//! `cargo xtask simulate`: the region under faults that a seed determines.

use crate::{
    build,
    step::{run as run_command, step},
};
use anyhow::{Context, Result, bail};

/// The test that runs seeds.
const TEST: &str = "simulation::tests::no_seed_violates_an_invariant";

/// Runs as many seeds as `--seeds` says from `--first` on, or with its whole trace the one that `--seed` names.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut variables = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let variable = match name.as_str() {
            "--seeds" => "MARQUEE_SIM_SEEDS",
            "--first" => "MARQUEE_SIM_FIRST",
            "--seed" => "MARQUEE_SIM_SEED",
            other => bail!("there is no option {other}"),
        };
        let number: u64 = arguments.next().with_context(|| format!("{name} wants a number"))?.parse().context(name.clone())?;
        variables.push((variable, number.to_string()));
    }
    step("simulating the region", || {
        run_command(build::tests(build::HOST, &["--lib", "--", "--exact", TEST, "--nocapture"]).envs(variables))
    })
}

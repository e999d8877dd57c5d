//! `cargo xtask faults`: real faults under load, and whether every answer fits one order of decisions.

use crate::{
    build, services,
    step::{run as run_command, say, step},
    tools,
};
use anyhow::{Context, Result, bail};

/// Rounds by default: each kind of fault four times.
const ROUNDS: &str = "60";

const USAGE: &str = "cargo xtask faults [--rounds 60] [--seed N] [--only PART-OF-A-FAULT'S-NAME]";

/// Builds what is missing and runs the rounds.
pub fn run(arguments: &[String]) -> Result<()> {
    let (mut rounds, mut environment) = (ROUNDS.to_owned(), services::for_rounds()?);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().with_context(|| format!("{word} takes a value: {USAGE}"));
        match word.as_str() {
            "--rounds" => rounds = value()?,
            "--seed" => environment.push(("SEED", value()?)),
            "--only" => environment.push(("MARQUEE_TEST_FAULT", value()?)),
            other => bail!("{other} is not understood: {USAGE}"),
        }
    }
    environment.push(("MARQUEE_TEST_ROUNDS", rounds));
    build::components(&["fixtures"])?;
    step("building the host and the rounds", || {
        tools::native_build()?;
        run_command(&mut build::tests(build::HOST, &["--no-run", "--test", "rounds"]))
    })?;
    say("a round takes about 10 s; its line comes when it is done");
    let test = ["--test", "rounds", "--", "--nocapture", "fit_one_order"];
    run_command(build::tests(build::HOST, &test).envs(environment)).context("the rounds did not hold")
}

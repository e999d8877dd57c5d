//! `cargo xtask fuzz`: what others may send, made up and mutated, for longer than CI does it.

use crate::{
    build,
    step::{run as run_command, step},
};
use anyhow::{Context, Result, bail};

/// What the tests are called that do this.
const TESTS: &str = "fuzz";
/// Cases of each, where nobody says how many.
const CASES: u64 = 1_000_000;

/// Runs as many cases of each as `--cases` says.
pub fn run(arguments: &[String]) -> Result<()> {
    let cases = match arguments {
        [] => CASES,
        [name, number] if name == "--cases" => number.parse().context("--cases wants a number")?,
        other => bail!("there is no option {}", other.join(" ")),
    };
    step(&format!("{cases} cases of each message that another node may send"), || {
        run_command(build::tests(&["fleet"], &["--lib", "--", TESTS]).env("PROPTEST_CASES", cases.to_string()))
    })
}

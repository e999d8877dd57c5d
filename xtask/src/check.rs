//! Formatting and lints.

use crate::{
    build,
    step::{self, cargo, step},
};
use anyhow::Result;

/// Checks everything; warnings are failures.
pub fn run() -> Result<()> {
    step("checking the format", || step::run(&mut cargo(&["fmt", "--all", "--check"])))?;
    step("linting the host", || {
        step::run(&mut cargo(&["clippy", "--release", "--locked", "--all-targets", "--", "-D", "warnings"]))
    })?;
    step("linting the components", || {
        let mut command = cargo(&["clippy", "--profile", "wasm", "--locked", "--target", "wasm32-wasip2"]);
        for name in build::component_names()?.iter().map(String::as_str).chain(["kit", "receipt"]) {
            command.args(["--package", name]);
        }
        step::run(command.args(["--", "-D", "warnings"]))
    })
}

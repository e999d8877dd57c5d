//! `cargo xtask test`: everything, in an order that fails early.

use crate::{
    build, check, load,
    services::Services,
    step::{cargo, run as run_command, say, step},
    tools,
};
use anyhow::Result;
use std::process::Command;

/// Guests that misbehave on purpose, for the host's tests.
const FIXTURES: &[&str] = &["fixtures"];

/// Libraries that need neither wasm nor a server; their debug assertions are on.
const PURE: &[&str] = &["kit", "ledger-core", "migrations", "read-model", "xtask"];

/// The host's crates, in the profile that is shipped.
const HOST: &[&str] = &["capabilities", "runtime", "telemetry", "edge", "region"];

/// Runs the steps whose names contain the filter, or all of them.
pub fn run(filter: Option<&str>) -> Result<()> {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let mut skipped = Vec::new();

    if wanted("check") {
        check::run()?;
    }
    build::components(FIXTURES)?;
    build::all()?;
    if wanted("unit") {
        step("unit tests of the components and the pure libraries", || {
            let mut command = cargo(&["test", "--locked"]);
            for name in PURE.iter().map(|name| (*name).to_owned()).chain(build::component_names()?) {
                command.args(["--package", &name]);
            }
            run_command(&mut command)
        })?;
    }
    if wanted("host") || wanted("api") {
        let services = Services::start()?;
        if wanted("host") {
            step("tests of the host", || {
                let mut command = with(cargo(&["test", "--release", "--locked"]), &services);
                for name in HOST {
                    command.args(["--package", name]);
                }
                run_command(&mut command)?;
                run_command(&mut with(cargo(&["test", "--release", "--locked", "--package", "marquee", "--bins", "--test", "platform"]), &services))
            })?;
        }
        if wanted("api") {
            api("up", &services)?;
            api("composed", &services)?;
            match tools::spin() {
                Ok(_) => api("spin", &services)?,
                Err(why) => skipped.push(format!("the API suite on stock Spin: {why}")),
            }
        }
    }
    if wanted("load") {
        load::run(&["browse".into(), "--short".into()])?;
        load::run(&["onsale".into(), "--short".into()])?;
    }
    for what in &skipped {
        say(&format!("skipped: {what}"));
    }
    say("\nall test steps passed");
    Ok(())
}

fn with(mut command: Command, services: &Services) -> Command {
    command.envs(services.environment.iter().map(|(name, value)| (name, value)));
    command
}

/// The API suite against one form of the platform.
fn api(form: &str, services: &Services) -> Result<()> {
    step(&format!("the API suite, form `{form}`"), || {
        let mut command = with(cargo(&["test", "--release", "--locked", "--package", "marquee", "--test", "api"]), services);
        run_command(command.env("MARQUEE_TEST_FORM", form))
    })
}

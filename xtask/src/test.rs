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

/// Runs the steps whose names contain the filter, or all of them.
pub fn run(filter: Option<&str>) -> Result<()> {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let mut skipped = Vec::new();

    if wanted("check") {
        check::run()?;
    }
    build::components(FIXTURES)?;
    if wanted("unit") {
        step("unit tests of the components and the pure libraries", || {
            let mut command = cargo(&["test", "--locked", "--package", "kit", "--package", "receipt"]);
            for name in build::PURE.iter().map(|name| (*name).to_owned()).chain(build::component_names()?) {
                command.args(["--package", &name]);
            }
            run_command(&mut command)
        })?;
    }
    step("building the host and its tests", || {
        tools::native_build()?;
        // The binary `marquee` is built with them.
        run_command(&mut build::host("test", &["--no-run"]))
    })?;
    if wanted("host") || wanted("api") {
        let services = Services::for_tests()?;
        if wanted("host") {
            step("tests of the host, and the API suite, form `up`", || {
                run_command(&mut with(build::host("test", &["--no-fail-fast"]), &services))
            })?;
        }
        if wanted("api") {
            api("postgres", &services)?;
            api("fleet", &services)?;
            api("composed", &services)?;
            match tools::spin() {
                Ok(_) => api("spin", &services)?,
                Err(why) => skipped.push(format!("the API suite on stock Spin: {why}")),
            }
        }
    }
    if wanted("load") {
        load::run(&["browse".into(), "--short".into(), "--own".into()])?;
        load::run(&["onsale".into(), "--short".into(), "--own".into()])?;
        load::run(&["failover".into(), "--short".into(), "--own".into()])?;
        load::run(&["edge-vs-central".into(), "--short".into(), "--own".into()])?;
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
        run_command(with(build::host("test", &["--test", "api"]), services).env("MARQUEE_TEST_FORM", form))
    })
}

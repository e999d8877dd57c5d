//! `cargo xtask test`: everything, in an order that fails early.

use crate::{
    build, check, fonts, load, schema,
    services::{Kind, Services},
    step::{cargo, run as run_command, run_tests, say, step, table},
    tools, web,
};
use anyhow::Result;
use std::process::Command;

/// Runs the steps whose names contain the filter, or all of them.
pub fn run(filter: Option<&str>) -> Result<()> {
    let wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
    let mut skipped = Vec::new();

    if wanted("check") {
        skipped.extend(check::run()?);
    }
    if wanted("unit") {
        fonts::offer();
        tools::poppler()?;
        let services = Services::start(&[Kind::Postgres])?;
        step("unit tests of the components and the pure libraries", || {
            tools::native_build()?;
            run_tests(&mut cargo(&["test", "--locked", "--package", "xtask", "--package", "locales"]))?;
            let components = build::component_names()?;
            let libraries = build::PURE.iter().chain(build::EARLY).copied();
            let packages: Vec<&str> = libraries.chain(components.iter().map(String::as_str)).collect();
            run_tests(&mut with(build::tests(&packages, &["--tests"]), &services))
        })?;
    }
    if wanted("web") {
        step("the web app: lints, types, texts, unit tests, size", web::test)?;
    }
    if ["web", "host", "api", "schema", "load"].iter().any(|name| wanted(name)) {
        build::components(&build::FIXTURES)?;
        step("building the host and its tests", || {
            tools::native_build()?;
            // The binary `marquee` is built with them.
            run_command(&mut build::tests(build::HOST, &["--tests", "--no-run"]))
        })?;
    }
    if wanted("host") || wanted("api") {
        tools::poppler()?;
        let services = Services::for_tests()?;
        if wanted("host") {
            step("tests of the host, and the API suite, form `up`", || {
                run_tests(&mut with(build::tests(build::HOST, &["--tests", "--no-fail-fast"]), &services))
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
    if wanted("web") {
        step("the web app in a browser", web::browse)?;
    }
    if wanted("schema") {
        step("schemathesis against `up`", schema::short)?;
    }
    if wanted("load") {
        load::run(&["browse".into(), "--short".into(), "--own".into()])?;
        load::run(&["onsale".into(), "--short".into(), "--own".into()])?;
        load::run(&["failover".into(), "--short".into(), "--own".into()])?;
        load::run(&["edge-vs-central".into(), "--short".into(), "--own".into()])?;
    }
    say(&format!("\n{}", table()));
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
        run_tests(with(build::tests(build::HOST, &["--test", "api"]), services).env("MARQUEE_TEST_FORM", form))
    })
}

//! `cargo xtask test`: everything. What takes longest to run is built first, and the rest while that runs.

use crate::{
    build::{self, TestProgram},
    check, fonts,
    jobs::{self, Job},
    kubernetes, load, schema,
    services::{Kind, Services},
    step::{cargo, command, idle, say, step, table},
    tools, web,
};
use anyhow::{Context, Result, bail};
use std::process::Command;

/// Runs the steps whose names contain one of the filters, or all of them, and says what each took, also where one failed.
pub fn run(filters: &[String]) -> Result<()> {
    let mut skipped = Vec::new();
    let outcome = steps(filters, &mut skipped);
    say(&format!("\n{}", table()));
    for what in &skipped {
        say(&format!("skipped: {what}"));
    }
    outcome?;
    say("\nall test steps passed");
    Ok(())
}

fn steps(filters: &[String], skipped: &mut Vec<String>) -> Result<()> {
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let (units, host, infra) = (wanted("unit"), wanted("host"), wanted("infra"));
    let platforms = host || ["web", "api", "schema", "load"].iter().any(|name| wanted(name));

    if wanted("check") {
        // Whoever asks for checks alone wants lints at once; else they come with what is compiled for tests.
        skipped.extend(if filters.is_empty() { check::all_but_lints()? } else { check::run()? });
    }
    if wanted("web") {
        step("the web app: lints, types, texts, unit tests, size", web::test)?;
    }
    if units || host || wanted("api") {
        tools::poppler()?;
    }
    if units {
        fonts::offer();
    }
    // The binary is built with the tests of its own crate.
    let programs = if platforms {
        build::components_for_tests()?;
        tools::native_build()?;
        step("building the host and the tests of whole platforms", build::platform_tests)?
    } else {
        Vec::new()
    };
    // What takes minutes to build is built for who asks for it by its name.
    let cluster =
        if infra && !filters.is_empty() { Some(kubernetes::programs()?) } else { kubernetes::found()?.filter(|_| infra) };
    if infra && cluster.is_none() {
        skipped.push(
            "rollouts by objects of Kubernetes: no server of its API is built here; `cargo xtask test infra` builds one, in ten minutes, and runs them"
                .to_owned(),
        );
    }
    let services = match (host || wanted("api"), units || infra) {
        (true, _) => Some(Services::for_tests()?),
        (false, true) => Some(Services::start(&[Kind::Postgres])?),
        (false, false) => None,
    };
    // Platforms wait a good part of their time, in which all other tests are compiled. They get what platforms leave.
    let (platforms, others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| others(units, host, infra, platforms));
        let platforms = platform_jobs(&wanted, programs, services.as_ref(), skipped);
        // One at a time: of two at once, what one waits for gives up on a slow machine.
        (platforms.and_then(|jobs| jobs::run(jobs, 1)), others.join())
    });
    let others = others.unwrap_or_else(|_| bail!("a thread panicked")).and_then(|mut programs| {
        programs.sort_by_key(|program| !LONGEST.contains(&program.name.as_str()));
        programs.retain(|program| program.name != kubernetes::TESTS || cluster.is_some());
        // One thread of each waits for a server while another computes.
        let jobs = programs.iter().zip(services.iter().cycle()).map(|(program, services)| job(program, services, 2 * cores()));
        let jobs = jobs.map(|mut job| {
            job.command.envs(cluster.iter().map(|folder| (kubernetes::PROGRAMS, folder)));
            job
        });
        jobs::run(jobs.collect(), cores())
    });
    match (platforms, others) {
        (Err(one), Err(other)) => bail!("{one:#}\n{other:#}"),
        (platforms, others) => platforms.and(others)?,
    }
    // Load scenarios start services of their own, in the folder of this process.
    drop(services);
    if wanted("load") {
        step("the load scenarios, a few seconds of each", || {
            for scenario in ["browse", "onsale", "failover", "edge-vs-central"] {
                load::run(&[scenario.into(), "--short".into(), "--own".into()])?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Builds the tests that need no whole platform: of components and libraries, and of the host's other crates, with what measures, so that it is linted.
fn others(units: bool, host: bool, infra: bool, beside: bool) -> Result<Vec<TestProgram>> {
    let components = build::component_names()?;
    let mut packages = Vec::new();
    if units {
        packages.extend(build::PURE.iter().chain(build::EARLY).copied().chain(components.iter().map(String::as_str)));
    }
    if host {
        packages.extend(build::HOST.iter().copied().filter(|name| *name != build::PLATFORMS).chain([build::BENCHES]));
    }
    if infra && !host {
        packages.push("kubernetes");
    }
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    step("building all other tests", || {
        let priority: fn(Command) -> Command = if beside { idle } else { std::convert::identity };
        let mut programs = Vec::new();
        if units {
            tools::native_build()?;
            let own = ["xtask", "compiler", "locales"].map(|name| ["--package", name]).concat();
            let own = [&["test", "--locked", "--config", build::CHECKED][..], &own].concat();
            programs.extend(build::test_programs(priority(cargo(&own)))?);
        }
        programs.extend(build::test_programs(priority(build::tests(&packages, &["--tests", "--benches"])))?);
        Ok(programs)
    })
}

/// What starts whole platforms.
fn platform_jobs(
    wanted: &impl Fn(&str) -> bool,
    programs: Vec<TestProgram>,
    services: Option<&Services>,
    skipped: &mut Vec<String>,
) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    if let Some(services) = services.filter(|_| !programs.is_empty()) {
        let (suite, rest): (Vec<_>, Vec<_>) = programs.into_iter().partition(|program| program.name == API);
        let suite = suite.first().context("the API suite was not built")?;
        if wanted("host") {
            jobs.push(api(suite, "up", services));
            jobs.extend(rest.iter().map(|program| job(program, services, cores())));
        }
        if wanted("api") {
            jobs.push(api(suite, "postgres", services));
            jobs.push(api(suite, "fleet", services));
            jobs.push(api(suite, "composed", services));
            match tools::spin() {
                Ok(_) => jobs.push(api(suite, "spin", services)),
                Err(why) => skipped.push(format!("the API suite on stock Spin: {why}")),
            }
        }
    }
    if wanted("web") {
        jobs.push(own("the web app in a browser", &["web", "--visit"])?);
        match tools::spin() {
            Ok(_) => jobs.push(own("the web app in a browser, on stock Spin", &["web", "--visit", "--spin"])?),
            Err(why) => skipped.push(format!("the web app on stock Spin: {why}")),
        }
    }
    if wanted("schema") {
        jobs.push(own("schemathesis against `up`", &[&["schema", "--own"][..], &schema::SHORT].concat())?);
    }
    Ok(jobs)
}

/// The API suite's program.
const API: &str = "marquee api";

/// Of the programs that run beside each other, those that would else be waited for at the end.
const LONGEST: [&str; 2] = ["region", "streams streams"];

/// The machine's cores.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// The tests of a program, so many at a time.
fn job(program: &TestProgram, services: &Services, at_a_time: usize) -> Job {
    let mut command = program.command();
    command.env("RUST_TEST_THREADS", at_a_time.to_string());
    command.envs(services.environment.iter().map(|(name, value)| (name, value)));
    Job { name: format!("tests of {}", program.name), command }
}

/// The API suite against one form of the platform. Of one process it mostly waits; several, with a Postgres, fill the machine.
fn api(suite: &TestProgram, form: &str, services: &Services) -> Job {
    let at_a_time = if ["postgres", "fleet"].contains(&form) { cores() + 1 } else { 2 * cores() };
    let Job { mut command, .. } = job(suite, services, at_a_time);
    command.env("MARQUEE_TEST_FORM", form);
    Job { name: format!("the API suite, form `{form}`"), command }
}

/// Another command of this program.
fn own(name: &str, arguments: &[&str]) -> Result<Job> {
    Ok(Job { name: name.to_owned(), command: command(std::env::current_exe()?, arguments) })
}

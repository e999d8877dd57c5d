//! `cargo xtask bench streams`: what follows a booking: the journal's way to Kafka, and what components reach through bindings.

use crate::{
    build,
    services::{Kind, Services},
    step::{command, run as run_command, say, step},
    tools,
};
use anyhow::{Context, Result};

/// What the component is that reads through the bindings.
const READER: &str = "bindings-fixture";

/// Runs it all.
pub fn run() -> Result<()> {
    build::components(&[READER])?;
    step("building what measures", || {
        tools::native_build()?;
        run_command(&mut build::host(&["--example", "streams_bench", "--example", "worker_bench", "--example", "bindings_bench"]))
    })?;
    say(&super::machine()?);
    let services = Services::start(&[Kind::Postgres, Kind::Redis, Kind::Kafka])?;
    let of_services = || services.environment.iter().map(|(name, value)| (name, value));
    step("the journal's way to Kafka, beside rdkafka's bare producer", || {
        run_command(command("target/release/examples/streams_bench", &[]).envs(of_services()))
    })?;
    step("the worker's records, beside the same rows by bare SQL", || {
        run_command(command("target/release/examples/worker_bench", &[&services.database("worker")?]).envs(of_services()))
    })?;
    step("reads through the bindings, beside redis-benchmark and pgbench", || {
        let redis = of_services().find(|(name, _)| *name == "MARQUEE_TEST_REDIS_URL").context("no Redis")?.1;
        run_command(command("target/release/examples/bindings_bench", &[redis, services.postgres_url()]).envs(of_services()))
    })
}

//! `cargo xtask bench streams`: what follows a booking: the journal's way to Kafka, and what components reach through bindings.

use crate::{
    build,
    services::{Kind, Services},
    step::{run as run_command, say, step},
};
use anyhow::{Context, Result};

/// What the component is that reads through the bindings.
const READER: &str = "bindings-fixture";

/// Runs it all.
pub fn run() -> Result<()> {
    build::components(&[READER])?;
    build::benches(&["journal", "worker", "bindings"])?;
    say(&super::machine()?);
    let services = Services::start(&[Kind::Postgres, Kind::Redis, Kind::Kafka])?;
    let of_services = || services.environment.iter().map(|(name, value)| (name, value));
    step("the journal's way to Kafka, beside rdkafka's bare producer", || {
        run_command(build::bench("journal", &[]).envs(of_services()))
    })?;
    step("the worker's records, beside the same rows by bare SQL", || {
        run_command(build::bench("worker", &[&services.database("worker")?]).envs(of_services()))
    })?;
    step("reads through the bindings, beside redis-benchmark and pgbench", || {
        let redis = of_services().find(|(name, _)| *name == "MARQUEE_TEST_REDIS_URL").context("no Redis")?.1;
        run_command(build::bench("bindings", &[redis, services.postgres_url()]).envs(of_services()))
    })
}

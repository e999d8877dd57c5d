//! Real services for the tests and for developers: Postgres, Redis with Sentinels, Kafka, RabbitMQ, a mail sink, a store of objects and a registry of
//! artifacts, in a private folder on free ports. The machine's own services are not touched.
//!
//! One file per service: how it is installed, started, and asked whether it answers.

mod command;
mod compose;
mod jars;
mod kafka;
mod launcher;
mod mail;
mod postgres;
mod probe;
mod process;
mod rabbitmq;
mod redis;
mod registry;
mod s3;
mod state;

pub use command::command_line;
pub use jars::cache;
pub use launcher::free_ports;

use crate::{
    node::discard,
    step::{command, output, step},
    tools,
};
use anyhow::{Context, Result, bail};
use launcher::Launcher;
use process::Process;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Names and values of environment variables.
type Environment = Vec<(&'static str, String)>;

/// One of the services.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A server with a superuser `postgres` who needs no password.
    Postgres,
    /// A primary, a replica and three Sentinels.
    Redis,
    /// One node in KRaft mode; topics are made by who needs them.
    Kafka,
    /// One node with the user `guest`.
    Rabbitmq,
    /// A mail server that keeps what it gets.
    Mail,
    /// A store of objects that speaks S3's protocol.
    S3,
    /// A registry of artifacts.
    Registry,
}

impl Kind {
    /// Every one; the slowest first.
    pub const ALL: [Self; 7] = [Self::Rabbitmq, Self::Kafka, Self::S3, Self::Redis, Self::Postgres, Self::Mail, Self::Registry];

    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Kafka => "kafka",
            Self::Rabbitmq => "rabbitmq",
            Self::Mail => "mail",
            Self::S3 => "s3",
            Self::Registry => "registry",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.with_context(|| format!("there is no service {name}: {}", Self::ALL.map(Self::name).join(", ")))
    }

    /// Installs what is missing.
    fn install(self) -> Result<()> {
        match self {
            Self::Postgres => postgres::programs().map(drop),
            Self::Redis => redis::program().map(drop),
            Self::Kafka => kafka::programs().map(drop),
            Self::Rabbitmq => rabbitmq::program().map(drop),
            Self::Mail => mail::program().map(drop),
            Self::S3 => s3::program().map(drop),
            Self::Registry => registry::program().map(drop),
        }
    }

    /// Starts it and waits until it answers.
    fn start(self, launcher: &Launcher) -> Result<()> {
        launcher.attempt(self, || match self {
            Self::Postgres => postgres::start(launcher),
            Self::Redis => redis::start(launcher),
            Self::Kafka => kafka::start(launcher),
            Self::Rabbitmq => rabbitmq::start(launcher),
            Self::Mail => mail::start(launcher),
            Self::S3 => s3::start(launcher),
            Self::Registry => registry::start(launcher),
        })
    }

    /// Whether what listens there answers as this service does.
    fn answers(self, address: &str) -> Result<()> {
        match self {
            Self::Postgres => postgres::answers(address),
            Self::Redis => redis::answers(address),
            Self::Kafka => kafka::answers(address),
            Self::Rabbitmq => rabbitmq::answers(address),
            Self::Mail => mail::answers(address),
            Self::S3 => s3::answers(address),
            Self::Registry => registry::answers(address),
        }
    }
}

/// Whether a program of a service runs, and answers as it should.
fn works(process: &Process) -> Result<()> {
    if !process.alive() {
        bail!("has ended");
    }
    if process.name == rabbitmq::MAPPER {
        return probe::Probe::connect(&process.address).map(drop);
    }
    process.service.answers(&process.address)
}

/// The running services; stopped, with their data, when dropped.
pub struct Services {
    launcher: Launcher,
    /// What the tests read: names and values of environment variables.
    pub environment: Vec<(String, String)>,
}

impl Services {
    /// Starts these, installing what is missing, and waits until they answer.
    pub fn start(kinds: &[Kind]) -> Result<Self> {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        step(&format!("starting private services: {}", names.join(", ")), || {
            let folder = Path::new("/tmp").join(format!("marquee-services-{}", std::process::id()));
            let mut services = Self { launcher: Launcher::owned(&folder)?, environment: Vec::new() };
            services.launcher.start(kinds)?;
            services.environment = services.launcher.environment();
            // Who they are, for a test that looks one up.
            services.environment.push(("MARQUEE_TEST_SERVICES".to_owned(), services.launcher.file().display().to_string()));
            Ok(services)
        })
    }

    /// All of them, and what else the host's tests set up for themselves.
    pub fn for_tests() -> Result<Self> {
        let mut services = Self::start(&Kind::ALL)?;
        services.environment.extend(for_rounds()?.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(services)
    }

    /// What Postgres answers: rows as lines, columns apart by tabs.
    pub fn psql(&self, query: &str) -> Result<String> {
        self.psql_in(self.postgres_url(), query)
    }

    /// The same, of another database.
    pub fn psql_in(&self, url: &str, query: &str) -> Result<String> {
        let psql = Path::new(self.variable(postgres::PROGRAMS)).join("psql");
        output(&mut command(psql, &["--no-align", "--tuples-only", "--field-separator=\t", "--command", query, url]))
    }

    /// How many transactions of this script, a file, so many clients of a database commit a second.
    pub fn pgbench(&self, url: &str, script: &Path, clients: usize, seconds: u32) -> Result<f64> {
        let pgbench = Path::new(self.variable(postgres::PROGRAMS)).join("pgbench");
        let (clients, seconds) = (clients.to_string(), seconds.to_string());
        let mut pgbench = command(pgbench, &["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, "-f"]);
        let text = output(pgbench.arg(script).arg(url))?;
        let figure = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok());
        figure.with_context(|| format!("pgbench printed no figure: {text}"))
    }

    /// The URL of a new database of this name on the private Postgres.
    pub fn database(&self, name: &str) -> Result<String> {
        self.psql(&format!("CREATE DATABASE {name}"))?;
        let server = self.postgres_url().rsplit_once('/').map_or("", |(server, _)| server);
        Ok(format!("{server}/{name}"))
    }

    /// The URL of the database that is there from the beginning.
    pub fn postgres_url(&self) -> &str {
        self.variable(postgres::URL)
    }

    fn variable(&self, name: &str) -> &str {
        self.environment.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.launcher.end_all();
        discard(self.launcher.folder());
    }
}

/// What the rounds of faults need to set up for themselves, installed where it is missing: Postgres' programs, and a library that moves a process's
/// clock.
pub fn for_rounds() -> Result<Environment> {
    let faketime = tools::file("libfaketime.so.1", "/usr/lib/*/faketime", &["libfaketime"])?;
    Ok(vec![
        (postgres::PROGRAMS, postgres::programs()?.display().to_string()),
        ("MARQUEE_TEST_FAKETIME", faketime.display().to_string()),
    ])
}

/// A path as text for a setting or a variable.
fn text(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => bail!("{} is not UTF-8", path.display()),
    }
}

/// An empty folder of this name.
fn fresh(parent: &Path, name: &str) -> Result<PathBuf> {
    let folder = parent.join(name);
    discard(&folder);
    // Mails and cookies are in some of them.
    let made = std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700).create(&folder);
    made.with_context(|| folder.display().to_string())?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.name()).unwrap(), kind);
        }
        assert!(Kind::parse("oracle").unwrap_err().to_string().contains("rabbitmq, kafka, s3, redis, postgres, mail, registry"));
    }
}

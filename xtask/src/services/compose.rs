//! The services in containers, where there is a Docker engine.

use super::{
    Kind, kafka,
    launcher::{Launcher, free_ports},
    mail, postgres, rabbitmq, redis, registry, s3, works,
};
use crate::step::{command, output, run};
use anyhow::{Context, Result};
use std::process::Command;

const FILE: &str = "infra/compose/services.yaml";
const PROJECT: &str = "marquee-services";
/// Seconds until containers must be healthy; images are fetched before.
const HEALTHY: &str = "120";

/// Whether an engine answers, and Compose is there.
pub fn available() -> Result<()> {
    output(&mut command("docker", &["info", "--format", "{{.ServerVersion}}"])).context("no Docker engine answers")?;
    output(&mut command("docker", &["compose", "version"])).context("Docker is without Compose")?;
    Ok(())
}

/// The ports, by the variables of the file. All containers share the machine's network, so that the addresses that Sentinels and Kafka give out are
/// those that a client here reaches.
struct Ports {
    postgres: u16,
    primary: u16,
    replica: u16,
    sentinels: [u16; 3],
    kafka: [u16; 2],
    rabbitmq: [u16; 3],
    mail: [u16; 2],
    /// What it is found by, its three other parts, and what these and it tell each other on.
    s3: [u16; 8],
    registry: u16,
}

impl Ports {
    fn free() -> Result<Self> {
        let [postgres, primary, replica, s1, s2, s3, k1, k2, r1, r2, r3, m1, m2, registry] = free_ports()?;
        let (sentinels, rabbitmq) = ([s1, s2, s3], [r1, r2, r3]);
        Ok(Self { postgres, primary, replica, sentinels, kafka: [k1, k2], rabbitmq, mail: [m1, m2], s3: free_ports()?, registry })
    }

    fn variables(&self) -> [(&'static str, u16); 22] {
        let ([s1, s2, s3], [k1, k2], [r1, r2, r3], [m1, m2]) = (self.sentinels, self.kafka, self.rabbitmq, self.mail);
        [
            ("POSTGRES_PORT", self.postgres),
            ("REDIS_PORT", self.primary),
            ("REDIS_REPLICA_PORT", self.replica),
            ("SENTINEL_1_PORT", s1),
            ("SENTINEL_2_PORT", s2),
            ("SENTINEL_3_PORT", s3),
            ("KAFKA_PORT", k1),
            ("KAFKA_CONTROLLER_PORT", k2),
            ("RABBITMQ_PORT", r1),
            ("RABBITMQ_NODES_PORT", r2),
            ("RABBITMQ_MAPPER_PORT", r3),
            ("MAIL_PORT", m1),
            ("MAIL_HTTP_PORT", m2),
            ("S3_PORT", self.s3[0]),
            ("S3_GRPC_PORT", self.s3[1]),
            ("S3_FILER_PORT", self.s3[2]),
            ("S3_FILER_GRPC_PORT", self.s3[3]),
            ("S3_VOLUME_PORT", self.s3[4]),
            ("S3_VOLUME_GRPC_PORT", self.s3[5]),
            ("S3_MASTER_PORT", self.s3[6]),
            ("S3_MASTER_GRPC_PORT", self.s3[7]),
            ("REGISTRY_PORT", self.registry),
        ]
    }

    /// The containers of a service, and where each listens.
    fn containers(&self, kind: Kind) -> Vec<(&'static str, u16)> {
        let ([s1, s2, s3], [kafka, _], [rabbitmq, ..], [mail, _]) = (self.sentinels, self.kafka, self.rabbitmq, self.mail);
        match kind {
            Kind::Postgres => vec![("postgres", self.postgres)],
            Kind::Redis => vec![
                ("redis-primary", self.primary),
                ("redis-replica", self.replica),
                ("sentinel-1", s1),
                ("sentinel-2", s2),
                ("sentinel-3", s3),
            ],
            Kind::Kafka => vec![("kafka", kafka)],
            Kind::Rabbitmq => vec![("rabbitmq", rabbitmq)],
            Kind::Mail => vec![("mail", mail)],
            Kind::S3 => vec![("s3", self.s3[0])],
            Kind::Registry => vec![("registry", self.registry)],
        }
    }

    /// How a service is found.
    fn environment(&self, kind: Kind) -> super::Environment {
        let ([kafka, _], [rabbitmq, ..], [mail, http]) = (self.kafka, self.rabbitmq, self.mail);
        match kind {
            Kind::Postgres => postgres::environment(self.postgres),
            Kind::Redis => redis::environment(self.primary, self.sentinels),
            Kind::Kafka => kafka::environment(kafka),
            Kind::Rabbitmq => rabbitmq::environment(rabbitmq),
            // It keeps no Maildir; what it got is read over HTTP.
            Kind::Mail => {
                let mut environment = mail::environment(mail);
                environment.push(("MARQUEE_TEST_MAILPIT", format!("http://127.0.0.1:{http}")));
                environment
            }
            Kind::S3 => s3::environment(self.s3[0]),
            Kind::Registry => registry::environment(self.registry),
        }
    }
}

/// Starts the containers of these services, and waits until each answers here.
pub fn start(launcher: &Launcher, kinds: &[Kind]) -> Result<()> {
    let ports = Ports::free()?;
    let mut up = compose(&["up", "--detach", "--wait", "--wait-timeout", HEALTHY]);
    up.envs(ports.variables().map(|(name, port)| (name, port.to_string())));
    for kind in kinds {
        for (name, port) in ports.containers(*kind) {
            launcher.contained(*kind, name, port)?;
            up.arg(name);
        }
    }
    run(&mut up)?;
    for kind in kinds {
        let processes = launcher.state().of(*kind);
        for process in processes {
            let watches = process.name.starts_with("sentinel");
            launcher
                .wait(&process, || if watches { redis::watches(&process.address, ports.primary) } else { works(&process) })?;
        }
        launcher.export(*kind, ports.environment(*kind))?;
    }
    Ok(())
}

/// Removes all containers with their volumes.
pub fn down() -> Result<()> {
    run(&mut compose(&["down", "--volumes", "--remove-orphans", "--timeout", "10"]))
}

fn compose(arguments: &[&str]) -> Command {
    let mut compose = command("docker", &["compose", "--project-name", PROJECT, "--file", FILE]);
    compose.args(arguments);
    compose
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file and this program must speak of the same containers and ports.
    #[test]
    fn the_file_has_every_container_and_every_port() {
        let file = std::fs::read_to_string(crate::step::root().join(FILE)).unwrap();
        let ports = Ports::free().unwrap();
        for (variable, _) in ports.variables() {
            assert!(file.contains(&format!("${{{variable}:-")), "{variable}");
        }
        for (name, _) in Kind::ALL.iter().flat_map(|kind| ports.containers(*kind)) {
            assert!(file.contains(&format!("\n  {name}:\n")), "{name}");
        }
        for line in file.lines().filter(|line| line.trim_start().starts_with("image:")) {
            assert!(line.chars().last().is_some_and(char::is_alphanumeric) && !line.contains("latest"), "{line}");
            assert!(line.matches(':').count() == 2, "an image without a version: {line}");
        }
    }
}

//! The configuration of a worker.
//!
//! ```toml
//! # marquee worker --config worker-0.toml
//! name = "worker-0"
//! region = "eu"
//! data = "data/worker-0"
//! database_file = "/run/secrets/database"
//!
//! [listen]
//! admin = "127.0.0.1:8190"
//!
//! [kafka]                                       # as in the file of a region's node
//! brokers = ["10.0.0.5:9092"]
//!
//! [mail]                                        # without a server, mail goes to files in data/mail
//! from = "Marquee <tickets@example.com>"
//! server = "smtps://mail.example.com"
//!
//! [rabbitmq]                                    # without it, nothing is mirrored
//! queue = "booking_queue"
//! url_file = "/run/secrets/rabbitmq"
//! ```
//!
//! A worker that follows a control plane (`[control]`, as in the file of a region's node) has a certificate for it, as a region's node of its name has one:
//!
//! ```toml
//! [tls]
//! authority = "certificates/ca.pem"
//! certificate = "certificates/worker-0.pem"
//! key = "certificates/worker-0.key"
//! ```
//!
//! A server that TLS leads to (`smtps`, `amqps`) shows a certificate of an authority that the system believes, or of the one in `ca_file`. An address
//! with a password in it stands in a file of its own (`server_file`, `url_file`) or in the environment (`MARQUEE_MAIL`,
//! `MARQUEE_RABBITMQ`), which is stronger; Kafka's password in `kafka.password_file` or `MARQUEE_KAFKA_PASSWORD`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use streams::Secret;

use super::{Artifact, Breakers, ControlPlane, Tls, address, beside, database, read, region_name, wrong};
use crate::config::settings::Settings;
use crate::error::Error;

/// A worker.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerNode {
    /// For its logs, and Kafka's; its certificate, if it has one, says the same.
    pub name: String,
    /// Whose events it follows.
    pub region: String,
    /// See [`RegionNode::application`](super::RegionNode::application).
    pub application: Option<PathBuf>,
    /// See [`RegionNode::artifact`](super::RegionNode::artifact).
    pub artifact: Option<Artifact>,
    /// See [`RegionNode::control`](super::RegionNode::control).
    pub control: Option<ControlPlane>,
    /// Who it is, for the control plane.
    pub tls: Option<Tls>,
    /// See [`RegionNode::variables`](super::RegionNode::variables).
    pub variables: Option<PathBuf>,
    /// Compiled code and mail.
    pub data: PathBuf,
    /// Holds the database's URL and nothing else.
    pub database_file: Option<PathBuf>,
    /// Where it listens.
    pub listen: WorkerListen,
    /// Where its records come from.
    pub kafka: streams::Settings,
    /// Where its mail goes.
    #[serde(default)]
    pub mail: Mail,
    /// Where bookings are mirrored to.
    pub rabbitmq: Option<RabbitMq>,
    /// See [`RegionNode::breakers`](super::RegionNode::breakers).
    #[serde(default)]
    pub breakers: Breakers,
}

/// Where a worker listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerListen {
    /// For operators.
    pub admin: SocketAddr,
}

/// Mail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// Whom it comes from.
    pub from: String,
    /// `smtp://` or `smtps://`, without a password.
    pub server: Option<String>,
    /// The same, in a file.
    pub server_file: Option<PathBuf>,
    /// The certificate of the authority that the server's comes from, PEM; none: those that the system believes.
    pub ca_file: Option<PathBuf>,
}

impl Default for Mail {
    fn default() -> Self {
        Self { from: "marquee@localhost".to_owned(), server: None, server_file: None, ca_file: None }
    }
}

/// RabbitMQ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitMq {
    /// The queue.
    #[serde(default = "queue")]
    pub queue: String,
    /// `amqp://` or `amqps://`, without a password.
    pub url: Option<String>,
    /// The same, in a file.
    pub url_file: Option<PathBuf>,
    /// Certificates of who may have signed the server's, PEM; none: those that the system believes.
    pub ca_file: Option<PathBuf>,
}

fn queue() -> String {
    streams::mirror::BOOKING_QUEUE.to_owned()
}

impl WorkerNode {
    /// Reads and checks the file, and what of the environment is stronger.
    pub fn read(file: &Path, settings: &Settings) -> Result<Self, Error> {
        let mut node: Self = read(file)?;
        region_name("region", &node.region).map_err(|reason| wrong(file, reason))?;
        super::application(node.application.as_deref(), node.artifact.as_ref(), node.control.as_ref())
            .map_err(|reason| wrong(file, reason))?;
        if node.control.is_some() && node.tls.is_none() {
            let reason = "control: name in [tls] who the worker is, with a certificate REGION/NAME".to_owned();
            return Err(wrong(file, reason));
        }
        if let Some(artifact) = &mut node.artifact {
            artifact.beside(file);
        }
        node.data = beside(file, &node.data);
        for path in node.tls.iter_mut().flat_map(Tls::paths) {
            *path = beside(file, path);
        }
        let Self { application, variables, database_file, kafka, mail, rabbitmq, breakers, .. } = &mut node;
        let rabbitmq_files = rabbitmq.as_mut().map(|rabbitmq| [&mut rabbitmq.url_file, &mut rabbitmq.ca_file]);
        let files = [
            application.as_mut(),
            variables.as_mut(),
            database_file.as_mut(),
            kafka.password_file.as_mut(),
            kafka.ca_file.as_mut(),
        ];
        let files = files.into_iter().chain([mail.server_file.as_mut(), mail.ca_file.as_mut()]).flatten();
        for path in files.chain(rabbitmq_files.into_iter().flatten().flatten()) {
            *path = beside(file, path);
        }
        kafka.breaker = breakers.kafka;
        kafka.password = settings.kafka_password.clone().map(Secret::new);
        mail.server = address(file, "mail.server", mail.server.take(), mail.server_file.as_deref(), settings.mail.as_deref())?;
        if let Some(rabbitmq) = rabbitmq {
            let (url, url_file) = (rabbitmq.url.take(), rabbitmq.url_file.as_deref());
            rabbitmq.url = address(file, "rabbitmq.url", url, url_file, settings.rabbitmq.as_deref())?;
            if rabbitmq.url.is_none() {
                return Err(wrong(file, "rabbitmq: name its url, url_file, or MARQUEE_RABBITMQ".to_owned()));
            }
        }
        Ok(node)
    }

    /// The database's URL: from the environment, else from its file.
    pub fn database(&self, environment: Option<String>) -> Result<String, Error> {
        database(self.database_file.as_deref(), environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: &str = r#"
name = "worker-0"
region = "eu"
data = "data"
[listen]
admin = "127.0.0.1:8190"
[kafka]
brokers = ["127.0.0.1:9092"]
[mail]
server = "smtp://127.0.0.1:25"
[rabbitmq]
url_file = "rabbitmq"
"#;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::of(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())).unwrap()
    }

    #[test]
    fn secrets_come_from_files_and_the_environment_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker.toml");
        std::fs::write(folder.path().join("rabbitmq"), "amqp://guest:guest@127.0.0.1/%2f\n").unwrap();
        std::fs::write(&file, WORKER).unwrap();
        let node = WorkerNode::read(&file, &settings(&[])).unwrap();
        assert_eq!(node.mail.server.as_deref(), Some("smtp://127.0.0.1:25"));
        let rabbitmq = node.rabbitmq.unwrap();
        assert_eq!((rabbitmq.url.as_deref(), &*rabbitmq.queue), (Some("amqp://guest:guest@127.0.0.1/%2f"), "booking_queue"));
        let node = WorkerNode::read(&file, &settings(&[("MARQUEE_MAIL", "smtps://a:b@mail.example.com")])).unwrap();
        assert_eq!(node.mail.server.as_deref(), Some("smtps://a:b@mail.example.com"));
        assert!(node.kafka.password.is_none());

        std::fs::write(&file, WORKER.replace("smtp://", "smtp://a:hunter2@")).unwrap();
        let message = WorkerNode::read(&file, &settings(&[])).unwrap_err().to_string();
        assert!(message.contains("mail.server holds a password") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn errors_name_the_file() {
        for (from, to, said) in [
            ("region = \"eu\"", "region = \"E\"", "region = \"E\""),
            ("brokers", "broker", "broker"),
            ("[mail]", "[control]\nnodes = [\"a:1\"]\n[artifact]\ntrusted_keys = [\"a\"]\n[mail]", "name in [tls]"),
            ("url_file = \"rabbitmq\"", "", "rabbitmq: name its url"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("worker.toml");
            std::fs::write(&file, WORKER.replace(from, to)).unwrap();
            let message = WorkerNode::read(&file, &settings(&[])).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("worker.toml"), "{message}");
        }
    }
}

//! Where Kafka is, and how to get in.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;
use serde::Deserialize;
use telemetry::{BreakerOptions, secured};

use crate::{Error, limits};

/// The section `[kafka]` of a node's file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `host:port` of one broker or more; they name the others.
    pub brokers: Vec<String>,
    /// How to speak to them. Without it: in the clear where all of them are this machine, else over TLS.
    pub protocol: Option<Protocol>,
    /// How to say who one is, with the `sasl-…` protocols.
    pub mechanism: Option<Mechanism>,
    /// Who one is.
    pub user: Option<String>,
    /// A file with the password, and nothing else but a line's end.
    pub password_file: Option<PathBuf>,
    /// The password, where the caller has it from the environment. Never in a file.
    #[serde(skip)]
    pub password: Option<Secret>,
    /// When it is left alone, and for how long; a node's file says it under `[breakers]`.
    #[serde(skip, default = "breaker")]
    pub breaker: BreakerOptions,
    /// Certificates, PEM, of who signs the brokers'. Without it, those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// What the brokers' logs call this client.
    #[serde(default = "client_id")]
    pub client_id: String,
    /// Partitions of topics that are created.
    #[serde(default = "partitions")]
    pub partitions: i32,
    /// Copies of each partition of topics that are created. Without it, three, or as many as there are brokers.
    pub replication: Option<i32>,
    /// Days that created topics keep records.
    #[serde(default = "retention_days")]
    pub retention_days: u32,
    /// Days that created dead-letter topics keep them.
    #[serde(default = "dead_letter_days")]
    pub dead_letter_days: u32,
}

/// How to speak to brokers.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Unencrypted: one machine, or a private network.
    Plaintext,
    /// TLS.
    Ssl,
    /// A password in the clear.
    SaslPlaintext,
    /// A password over TLS.
    SaslSsl,
}

/// How to say who one is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Mechanism {
    /// The password itself: over TLS only.
    #[serde(rename = "PLAIN")]
    Plain,
    /// A proof of it.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// A proof of it.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// Something that is in no log and no error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn client_id() -> String {
    "marquee".to_owned()
}

const fn breaker() -> BreakerOptions {
    limits::KAFKA_BREAKER
}

const fn partitions() -> i32 {
    limits::PARTITIONS
}

const fn retention_days() -> u32 {
    limits::RETENTION_DAYS
}

const fn dead_letter_days() -> u32 {
    limits::DEAD_LETTER_DAYS
}

impl Settings {
    /// Everything else as it is without settings.
    #[must_use]
    pub fn new(brokers: &[&str]) -> Self {
        Self {
            brokers: brokers.iter().map(|&broker| broker.to_owned()).collect(),
            protocol: None,
            mechanism: None,
            user: None,
            password_file: None,
            password: None,
            breaker: breaker(),
            ca_file: None,
            client_id: client_id(),
            partitions: partitions(),
            replication: None,
            retention_days: retention_days(),
            dead_letter_days: dead_letter_days(),
        }
    }

    /// The configuration of every client. Fails where the settings contradict each other, or the password cannot be read.
    pub(crate) fn client(&self) -> Result<ClientConfig, Error> {
        let wrong = |what: &str| Err(Error::Setting(format!("[kafka] {what}")));
        if self.brokers.is_empty() || self.brokers.iter().any(|broker| broker.is_empty() || broker.contains(',')) {
            return wrong("brokers: name one `host:port` or more");
        }
        if self.partitions < 1 || self.replication.is_some_and(|copies| copies < 1) {
            return wrong("partitions and replication are 1 or more");
        }
        let protocol = self.protocol();
        let sasl = matches!(protocol, Protocol::SaslPlaintext | Protocol::SaslSsl);
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers.join(","))
            .set("client.id", &self.client_id)
            .set("security.protocol", protocol.as_str())
            .set("reconnect.backoff.ms", limits::RECONNECT_MS.0.to_string())
            .set("reconnect.backoff.max.ms", limits::RECONNECT_MS.1.to_string())
            .set("socket.keepalive.enable", "true")
            .set("socket.nagle.disable", "true")
            // A broker closes what is idle; that is no failure.
            .set("log.connection.close", "false");
        if let Some(file) = &self.ca_file {
            if !file.is_file() {
                return wrong(&format!("ca_file: there is no file {}", file.display()));
            }
            config.set("ssl.ca.location", file.to_string_lossy());
        } else if matches!(protocol, Protocol::Ssl | Protocol::SaslSsl) {
            // The library carries its own OpenSSL, which knows no system's folder.
            config.set("ssl.ca.location", "probe");
        }
        if sasl {
            let (Some(mechanism), Some(user), Some(password)) = (self.mechanism, &self.user, self.password()?) else {
                return wrong("with SASL it takes mechanism, user, and a password or password_file");
            };
            if mechanism == Mechanism::Plain && protocol == Protocol::SaslPlaintext && !self.loopback() {
                return wrong("mechanism PLAIN sends the password itself: use protocol \"sasl-ssl\", or SCRAM");
            }
            config.set("sasl.mechanism", mechanism.as_str()).set("sasl.username", user).set("sasl.password", password.0);
        } else if self.mechanism.is_some() || self.user.is_some() || self.password_file.is_some() {
            return wrong("mechanism, user and password_file are for the protocols \"sasl-plaintext\" and \"sasl-ssl\"");
        }
        Ok(config)
    }

    fn password(&self) -> Result<Option<Secret>, Error> {
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(Some(password.clone())),
            (None, Some(file)) => read_password(file).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// As configured, or TLS: another machine is never spoken to unencrypted by default.
    fn protocol(&self) -> Protocol {
        self.protocol.unwrap_or_else(|| match (self.loopback(), self.mechanism.is_some()) {
            (true, false) => Protocol::Plaintext,
            (true, true) => Protocol::SaslPlaintext,
            (false, false) => Protocol::Ssl,
            (false, true) => Protocol::SaslSsl,
        })
    }

    /// The remedy where brokers on another machine speak no TLS, or the protocol was not configured.
    pub(crate) fn hint(&self) -> &'static str {
        if self.protocol.is_some() || self.loopback() {
            return "";
        }
        " (brokers on another machine are spoken to over TLS: name who signed their certificates in kafka.ca_file, or write protocol = \"plaintext\" \
         where nobody else is on the network)"
    }

    fn loopback(&self) -> bool {
        self.brokers.iter().all(|broker| secured::is_loopback(broker.rsplit_once(':').map_or(broker, |(host, _)| host)))
    }
}

fn read_password(file: &Path) -> Result<Secret, Error> {
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(limits::PASSWORD_BYTES).read_to_string(&mut text))
        .map_err(|error| Error::Setting(format!("[kafka] password_file {}: {error}", file.display())))?;
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        return Err(Error::Setting(format!("[kafka] password_file {} is empty", file.display())));
    }
    Ok(Secret::new(password.to_owned()))
}

impl Protocol {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

impl Mechanism {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SASL: &str = "brokers = [\"kafka:9093\"]\nprotocol = \"sasl-ssl\"\nmechanism = \"SCRAM-SHA-512\"\nuser = \"marquee\"\n";

    #[test]
    fn settings_build_a_client_and_hide_the_password() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush\n").unwrap();
        let mut settings: Settings = toml::from_str(&format!("{SASL}password_file = {:?}", file.path())).unwrap();
        let config = settings.client().unwrap();
        assert_eq!(config.get("sasl.password"), Some("hush"));
        assert_eq!(config.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!((settings.partitions, settings.retention_days), (12, 7));
        settings.password = Some(Secret::new("louder".to_owned()));
        assert_eq!(settings.client().unwrap().get("sasl.password"), Some("louder"));
        assert!(!format!("{settings:?}").contains("louder"));
    }

    #[test]
    fn remote_brokers_use_tls_by_default() {
        let spoken = |text: &str| {
            let settings: Settings = toml::from_str(text).unwrap();
            let config = settings.client().unwrap();
            (
                config.get("security.protocol").unwrap().to_owned(),
                config.get("enable.ssl.certificate.verification").map(str::to_owned),
            )
        };
        let sasl = "mechanism = \"SCRAM-SHA-512\"\nuser = \"me\"\npassword_file = \"/etc/hostname\"";
        for (text, protocol) in [
            ("brokers = [\"127.0.0.1:9092\", \"localhost:9093\", \"[::1]:9\"]", "plaintext"),
            ("brokers = [\"127.0.0.1:9092\", \"kafka:9092\"]", "ssl"),
            ("brokers = [\"10.0.0.5:9092\"]", "ssl"),
            ("brokers = [\"kafka:9092\"]\nprotocol = \"plaintext\"", "plaintext"),
            (&format!("brokers = [\"kafka:9092\"]\n{sasl}"), "sasl_ssl"),
            (&format!("brokers = [\"localhost:9092\"]\n{sasl}"), "sasl_plaintext"),
        ] {
            // That certificates are verified is how Kafka's client is made, and nothing here changes it.
            assert_eq!(spoken(text), (protocol.to_owned(), None), "{text}");
        }
        let settings: Settings = toml::from_str("brokers = [\"kafka:9092\"]").unwrap();
        assert!(settings.hint().contains("protocol = \"plaintext\""));
    }

    #[test]
    fn invalid_settings_are_refused_with_a_reason() {
        for (text, word) in [
            ("brokers = []", "brokers"),
            ("brokers = [\"a:1\"]\npartitions = 0", "partitions"),
            ("brokers = [\"a:1\"]\nuser = \"me\"", "sasl"),
            (SASL, "password"),
            ("brokers = [\"a:1\"]\nprotocol = \"ssl\"\nca_file = \"/nowhere\"", "ca_file"),
            (
                "brokers = [\"a:1\"]\nprotocol = \"sasl-plaintext\"\nmechanism = \"PLAIN\"\nuser = \"me\"\npassword_file = \"/dev/null\"",
                "empty",
            ),
        ] {
            let settings: Settings = toml::from_str(text).unwrap();
            let error = settings.client().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!(toml::from_str::<Settings>("brokers = [\"a:1\"]\nbroker = 1").is_err());
    }
}

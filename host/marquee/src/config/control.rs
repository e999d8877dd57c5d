//! The configuration of an instance of the control plane.
//!
//! ```toml
//! # marquee control --config control-0.toml
//! name = "control-0"
//! data = "data/control-0"
//! database_file = "/run/secrets/control-database"   # a database of its own, which all instances share
//! tokens = "tokens.toml"                            # who people are: names, roles, and SHA-256 of tokens
//! trusted_keys = ["keys/release.pub"]               # whose versions are rolled out
//!
//! [listen]
//! agents = "10.0.0.9:7643"                          # for nodes, whose files name it in control.nodes
//! people = "10.0.0.9:7644"
//! tls = { certificate = "/etc/letsencrypt/live/control/fullchain.pem", key = "/etc/letsencrypt/live/control/privkey.pem" }
//! admin = "127.0.0.1:8290"
//!
//! [tls]                                             # marquee certificates FOLDER control/control-0
//! authority = "certificates/ca.pem"
//! certificate = "certificates/control-0.pem"
//! key = "certificates/control-0.key"
//!
//! [prometheus]                                      # for plans with queries
//! url = "http://10.0.0.7:9090"
//! ```
//!
//! Without `listen.tls` people are answered in the clear, on this machine alone. The database's URL may be in `MARQUEE_CONTROL_DATABASE` instead, which is
//! stronger.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{CertificateFiles, Tls, address, beside, read, wrong};
use crate::config::settings::CONTROL_DATABASE;
use crate::error::Error;

/// An instance of the control plane.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlNode {
    /// Its certificate says the same.
    pub name: String,
    /// The version that was looked at last, and lists of revoked certificates.
    pub data: PathBuf,
    /// Holds the database's URL and nothing else.
    pub database_file: Option<PathBuf>,
    /// Who people are.
    pub tokens: PathBuf,
    /// Files with public keys, one of which must have signed a version.
    pub trusted_keys: Vec<PathBuf>,
    /// Where it listens.
    pub listen: ControlListen,
    /// Who it is for agents.
    pub tls: Tls,
    /// How registries are reached.
    #[serde(default)]
    pub registry: RegistryFile,
    /// Where plans' queries are asked.
    pub prometheus: Option<PrometheusFile>,
}

/// Where it listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlListen {
    /// For agents, with mutual TLS.
    pub agents: SocketAddr,
    /// For people and their programs.
    pub people: SocketAddr,
    /// What it shows people, to speak TLS; none: it speaks in the clear, on this machine.
    pub tls: Option<CertificateFiles>,
    /// Health and metrics.
    pub admin: SocketAddr,
}

/// How registries are reached.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryFile {
    /// Who it is there, as Docker's `config.json` has it; none: as the environment says.
    pub credentials: Option<PathBuf>,
    /// Whether they are spoken to in the clear, although they are other machines.
    pub plain_http: bool,
}

/// Prometheus.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusFile {
    /// Where it is, without a password.
    pub url: Option<String>,
    /// The same, in a file.
    pub url_file: Option<PathBuf>,
}

impl ControlNode {
    /// Reads and checks the file.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let mut node: Self = read(file)?;
        node.check().map_err(|reason| wrong(file, reason))?;
        let Self { data, database_file, tokens, trusted_keys, listen, tls, registry, prometheus, .. } = &mut node;
        let shown = listen.tls.as_mut().map(|tls| [&mut tls.certificate, &mut tls.key]);
        let named = [database_file.as_mut(), registry.credentials.as_mut()];
        let named = named.into_iter().chain([prometheus.as_mut().and_then(|prometheus| prometheus.url_file.as_mut())]).flatten();
        for path in
            [data, tokens].into_iter().chain(trusted_keys).chain(tls.paths()).chain(named).chain(shown.into_iter().flatten())
        {
            *path = beside(file, path);
        }
        if let Some(prometheus) = prometheus {
            prometheus.url = address(file, "prometheus.url", prometheus.url.take(), prometheus.url_file.as_deref(), None)?;
            if prometheus.url.is_none() {
                return Err(wrong(file, "prometheus: name its url or url_file".to_owned()));
            }
        }
        Ok(node)
    }

    fn check(&self) -> Result<(), String> {
        if self.trusted_keys.is_empty() {
            return Err("trusted_keys: name at least one public key whose signature is trusted".to_owned());
        }
        if self.listen.tls.is_none() && !self.listen.people.ip().to_canonical().is_loopback() {
            let people = self.listen.people;
            return Err(format!(
                "listen.people is {people}, where tokens would travel in the clear: name a certificate in listen.tls, or listen on 127.0.0.1"
            ));
        }
        Ok(())
    }

    /// The database's URL: from the environment, else from its file.
    pub fn database(&self, environment: Option<String>) -> Result<String, Error> {
        if let Some(url) = environment {
            return Ok(url);
        }
        let Some(file) = &self.database_file else {
            let reason = "the control plane needs the URL of its database: set it, or name a file in database_file".to_owned();
            return Err(Error::Setting { name: CONTROL_DATABASE, reason });
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(file, error.to_string()))?;
        Ok(text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: &str = r#"
name = "control-0"
data = "data"
database_file = "database"
tokens = "tokens.toml"
trusted_keys = ["release.pub"]
[listen]
agents = "0.0.0.0:7643"
people = "127.0.0.1:7644"
admin = "127.0.0.1:8290"
[tls]
authority = "ca.pem"
certificate = "control-0.pem"
key = "control-0.key"
[prometheus]
url = "http://127.0.0.1:9090"
"#;

    #[test]
    fn paths_begin_beside_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("control.toml");
        std::fs::write(&file, CONTROL).unwrap();
        std::fs::write(folder.path().join("database"), "postgres://a/b\n").unwrap();
        let node = ControlNode::read(&file).unwrap();
        for (path, name) in [(&node.data, "data"), (&node.tokens, "tokens.toml"), (&node.tls.key, "control-0.key")] {
            assert_eq!(*path, folder.path().join(name));
        }
        assert_eq!(node.trusted_keys, [folder.path().join("release.pub")]);
        assert_eq!(node.database(None).unwrap(), "postgres://a/b");
        assert_eq!(node.database(Some("postgres://c/d".to_owned())).unwrap(), "postgres://c/d");
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("control.toml");
        for (from, to, said) in [
            ("people = \"127.0.0.1", "people = \"10.0.0.9", "in the clear"),
            ("[\"release.pub\"]", "[]", "at least one"),
            ("tokens", "token", "token"),
            ("url =", "# ", "url_file"),
            ("http://127", "http://a:hunter2@127", "holds a password"),
        ] {
            std::fs::write(&file, CONTROL.replace(from, to)).unwrap();
            let message = ControlNode::read(&file).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("control.toml") && !message.contains("hunter2"), "{message}");
        }
        std::fs::write(&file, CONTROL.replace("database_file", "# ")).unwrap();
        let message = ControlNode::read(&file).unwrap().database(None).unwrap_err().to_string();
        assert!(message.starts_with(CONTROL_DATABASE), "{message}");
    }
}

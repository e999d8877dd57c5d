//! The configuration of a node that runs by itself: one TOML file, and the environment for what must not stand in a file.
//!
//! ```toml
//! # marquee region --config eu-1.toml                  # marquee edge --config edge-0.toml
//! name = "eu-1"                                        name = "edge-0"
//! region = "eu"
//! data = "data/eu-1"                                   data = "data/edge-0"
//!
//! [listen]                                             [listen]
//! nodes = "10.0.0.1:7443"                              public = "0.0.0.0:8080"
//! admin = "127.0.0.1:8090"                             admin = "127.0.0.1:8090"
//!
//! [tls]                                                [tls]
//! authority = "certificates/ca.pem"                    authority = "certificates/ca.pem"
//! certificate = "certificates/eu-1.pem"                certificate = "certificates/edge-0.pem"
//! key = "certificates/eu-1.key"                        key = "certificates/edge-0.key"
//!
//! [retention]                                          [[regions]]                # the nearest first
//! idempotency_hours = 24                               name = "eu"
//! journal_days = 7                                     nodes = ["10.0.0.1:7443", "10.0.0.2:7443"]
//!
//! [accounts]           # where they are another's      [[regions]]
//! name = "us"                                          name = "us"
//! nodes = ["10.1.0.1:7443"]                            nodes = ["10.1.0.1:7443"]
//! ```
//!
//! The files of `[tls]` are looked at every second and may be renewed while the node runs. The authority's list of revoked certificates, where it has one, stands
//! beside its certificate and ends in `.crl`: `certificates/ca.crl`.
//!
//! Of several regions one keeps the accounts: an edge names it (`accounts = "us"` on top; by default the first), and each other region's nodes
//! name it with its nodes, because they ask it for people's roles and repeat its keys and revocations to their edges.
//!
//! A region whose events are to be followed (mail, analytics, the audit log: by workers, whose file [`worker`] explains) names its Kafka:
//!
//! ```toml
//! [kafka]
//! brokers = ["10.0.0.5:9092"]
//! protocol = "sasl-ssl"             # or ssl, sasl-plaintext, plaintext; without it, over TLS where a broker is on another machine
//! ca_file = "/etc/kafka-ca.pem"     # who signed the brokers' certificates; without it, whom the system trusts
//! mechanism = "SCRAM-SHA-512"       # or PLAIN, SCRAM-SHA-256
//! user = "marquee"
//! password_file = "/run/secrets/kafka"
//! partitions = 12                   # of topics that are created; `replication`, `retention_days`, `dead_letter_days` as well
//! ```
//!
//! A region whose nodes count as one how often somebody asks, and keep snapshots for nodes that start, names its Redis: one node, or what Sentinels or a
//! cluster call so. An address with a password in it stands in a file of its own (`url_file`), or in `MARQUEE_REDIS`, which is stronger:
//!
//! ```toml
//! [redis]
//! url = "rediss-sentinel://10.0.0.6:26379,10.0.0.7:26379,10.0.0.8:26379/marquee"     # or rediss://, rediss-cluster://; redis… on this machine
//! ```
//!
//! An edge that speaks TLS itself names the certificate that it shows to everybody; it is read again when the files change:
//!
//! ```toml
//! [listen]
//! public = "0.0.0.0:443"
//! admin = "127.0.0.1:8090"
//! tls = { certificate = "/etc/letsencrypt/live/shop/fullchain.pem", key = "/etc/letsencrypt/live/shop/privkey.pem" }
//! ```
//!
//! How often somebody may ask, at an edge and of a region; these are what holds without a word:
//!
//! ```toml
//! [rates]
//! address = { per_minute = 6000, burst = 600 }      # whatever it asks; at each edge
//! user = { per_minute = 600, burst = 100 }          # from wherever; at each edge, and in each region
//! attempts = { per_minute = 30, burst = 30 }        # an address, at what a password can be guessed; in the region of the accounts
//! edge_attempts = { per_minute = 1200, burst = 1200 }      # the same, of everybody behind one edge, whatever addresses it reports
//! ```
//!
//! When something outside is left alone, and for how long: after so many `failures` in a row, the first time for `open_ms`, then twice as long each
//! time. What holds without a word:
//!
//! ```toml
//! [breakers]
//! postgres = { failures = 5, open_ms = 500, longest_ms = 900 }         # so, too: redis, web (servers that components call), mail
//! kafka = { failures = 1, open_ms = 100, longest_ms = 900 }            # so, too: rabbitmq
//! regions = { failures = 3, open_ms = 50, longest_ms = 900 }           # each node of a region
//! ```
//!
//! How much memory events may take in a node's replica, on top of the file: `replica_mib = 512`. What there is no room for (those that are over first,
//! then those of the organiser that has most) is missing from lists, which say so, and answered by its region; health and metrics tell of it.
//!
//! A node that runs a version from a registry names it by its digest, and those whose signature it wants; on SIGHUP it takes over what stands there then:
//!
//! ```toml
//! [artifact]
//! from = "registry.example/shop/marquee@sha256:…"
//! trusted_keys = ["keys/release.pub"]
//! ```
//!
//! A node whose versions are rolled out by a control plane names its instances; plans may choose nodes by their labels. Then `artifact.from`, or
//! `application`, is what it begins with until something is assigned to it, and `from` may be left out:
//!
//! ```toml
//! [control]
//! nodes = ["10.0.0.9:7643", "10.0.0.10:7643"]
//! labels = { tier = "canary" }
//!
//! [artifact]
//! trusted_keys = ["keys/release.pub"]
//! ```
//!
//! Also, in both: `application` (the spin.toml; by default as `up` finds it) and `variables` (a file of `name = "value"` lines, weaker than
//! `SPIN_VARIABLE_*`). A region's `listen.advertise` is how its other nodes reach it, where that is not `listen.nodes`. The database's URL comes from
//! `SPIN_VARIABLE_DATABASE` or from the file that `database_file` names. Paths are relative to the file's folder.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use edge::rates::Rates;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use streams::Secret;

use crate::config::settings::Settings;
use crate::error::Error;
use crate::limits;

mod artifact;
mod breakers;
mod control;
mod control_plane;
#[cfg(test)]
mod documents;
pub mod settings;
mod worker;

pub use self::artifact::{Artifact, options as registry_options};
pub use breakers::Breakers;
pub use control::ControlNode;
pub use control_plane::ControlPlane;
pub use worker::WorkerNode;

/// A region's node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionNode {
    /// Unique in its region; its certificate says the same.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The application; none: found as `up` finds it.
    pub application: Option<PathBuf>,
    /// A version of it in a registry, instead.
    pub artifact: Option<Artifact>,
    /// Who says which version runs here; none: this file.
    pub control: Option<ControlPlane>,
    /// Application variables.
    pub variables: Option<PathBuf>,
    /// Compiled code and mail.
    pub data: PathBuf,
    /// Holds the database's URL and nothing else.
    pub database_file: Option<PathBuf>,
    /// Where it listens.
    pub listen: RegionListen,
    /// Who it is.
    pub tls: Tls,
    /// How long what is only kept for a while is kept.
    #[serde(default)]
    pub retention: Retention,
    /// The region that keeps the accounts; none: this one.
    pub accounts: Option<Region>,
    /// Where what happens is published; none: nowhere.
    pub kafka: Option<streams::Settings>,
    /// Where its nodes count together; none: each counts by itself.
    pub redis: Option<Redis>,
    /// The rate limits.
    #[serde(default)]
    pub rates: Rates,
    /// When something outside is left alone.
    #[serde(default)]
    pub breakers: Breakers,
    /// MiB of memory that events may take in its replica; none: as `edge` says.
    pub replica_mib: Option<usize>,
}

/// Redis.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// One node, or those that name it, without a password.
    pub url: Option<String>,
    /// The same, in a file.
    pub url_file: Option<PathBuf>,
}

/// Where a region's node listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionListen {
    /// For edges and for the region's other nodes.
    pub nodes: SocketAddr,
    /// For operators.
    pub admin: SocketAddr,
    /// How the region's other nodes reach it; by default `nodes`.
    pub advertise: Option<SocketAddr>,
}

/// An edge.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeNode {
    /// Its certificate says the same.
    pub name: String,
    /// See [`RegionNode::application`].
    pub application: Option<PathBuf>,
    /// See [`RegionNode::artifact`].
    pub artifact: Option<Artifact>,
    /// See [`RegionNode::control`].
    pub control: Option<ControlPlane>,
    /// See [`RegionNode::variables`].
    pub variables: Option<PathBuf>,
    /// Compiled code.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: EdgeListen,
    /// Who it is.
    pub tls: Tls,
    /// The regions it sells for, the nearest first.
    pub regions: Vec<Region>,
    /// The one of them that keeps the accounts; none: the first.
    pub accounts: Option<String>,
    /// The rate limits.
    #[serde(default)]
    pub rates: Rates,
    /// When something outside is left alone.
    #[serde(default)]
    pub breakers: Breakers,
    /// MiB of memory that events may take in its replica; none: as `edge` says.
    pub replica_mib: Option<usize>,
}

/// Where an edge listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeListen {
    /// For everybody.
    pub public: SocketAddr,
    /// What it shows there, to speak TLS; none: it speaks in the clear, for a proxy or on one machine.
    pub tls: Option<CertificateFiles>,
    /// For operators. Where that is not an address of this machine's own, they need `MARQUEE_ADMIN_TOKEN`.
    pub admin: SocketAddr,
}

/// PEM files, read again when they change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The certificate, and those in between.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A region, as nodes that are not of it know it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Where its nodes listen.
    pub nodes: Vec<SocketAddr>,
}

/// PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate of the authority that all nodes' come from.
    pub authority: PathBuf,
    /// This node's.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How long what is only kept for a while is kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Accepted writes by key: at least 24, for so long is promised.
    pub idempotency_hours: u32,
    /// The journal, once it has positions. A feed's reader that is further behind takes a snapshot.
    pub journal_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { idempotency_hours: *limits::IDEMPOTENCY_HOURS.start(), journal_days: limits::JOURNAL_DAYS }
    }
}

impl RegionNode {
    /// Reads and checks the file, and what of the environment is stronger.
    pub fn read(file: &Path, settings: &Settings) -> Result<Self, Error> {
        let mut node: Self = read(file)?;
        node.check().map_err(|reason| wrong(file, reason))?;
        for path in [&mut node.data].into_iter().chain(node.tls.paths()) {
            *path = beside(file, path);
        }
        let kafka = node.kafka.as_mut().map(|kafka| [&mut kafka.password_file, &mut kafka.ca_file]);
        let redis = node.redis.as_mut().map(|redis| &mut redis.url_file);
        let named = [&mut node.application, &mut node.variables, &mut node.database_file];
        for path in named.into_iter().chain(kafka.into_iter().flatten()).chain(redis).flatten() {
            *path = beside(file, path);
        }
        if let Some(artifact) = &mut node.artifact {
            artifact.beside(file);
        }
        if let Some(kafka) = &mut node.kafka {
            kafka.breaker = node.breakers.kafka;
            kafka.password = settings.kafka_password.clone().map(Secret::new);
        }
        if let Some(redis) = &mut node.redis {
            redis.url = address(file, "redis.url", redis.url.take(), redis.url_file.as_deref(), settings.redis.as_deref())?;
            if redis.url.is_none() {
                return Err(wrong(file, "redis: name its url, url_file, or MARQUEE_REDIS".to_owned()));
            }
        }
        Ok(node)
    }

    fn check(&self) -> Result<(), String> {
        region_name("region", &self.region)?;
        application(self.application.as_deref(), self.artifact.as_ref(), self.control.as_ref())?;
        self.rates.check()?;
        replica(self.replica_mib)?;
        if let Some(accounts) = &self.accounts {
            accounts.check("accounts")?;
            if accounts.name == self.region {
                return Err(format!(
                    "accounts.name is {:?}: leave [accounts] out where they are this region's own",
                    accounts.name
                ));
            }
        }
        if self.listen.advertise.unwrap_or(self.listen.nodes).ip().is_unspecified() {
            return Err("listen.advertise: others cannot reach an address that stands for all: name one".to_owned());
        }
        let Retention { idempotency_hours, journal_days } = self.retention;
        if !limits::IDEMPOTENCY_HOURS.contains(&idempotency_hours) {
            let (least, most) = (limits::IDEMPOTENCY_HOURS.start(), limits::IDEMPOTENCY_HOURS.end());
            return Err(format!("retention.idempotency_hours is {idempotency_hours}: {least} to {most}"));
        }
        if journal_days == 0 {
            return Err("retention.journal_days is 0: at least 1".to_owned());
        }
        Ok(())
    }

    /// The database's URL: from the environment, else from its file.
    pub fn database(&self, environment: Option<String>) -> Result<String, Error> {
        database(self.database_file.as_deref(), environment)
    }
}

/// A node runs one application. Where a control plane says which version, what the file names is the first.
fn application(file: Option<&Path>, artifact: Option<&Artifact>, control: Option<&ControlPlane>) -> Result<(), String> {
    if let Some(control) = control {
        control.check(artifact)?;
    }
    let names_one = |artifact: &&Artifact| control.is_none() || !artifact.from.is_empty();
    match (file, artifact.filter(names_one)) {
        (Some(_), Some(_)) => Err("application and [artifact] both name an application: leave one out".to_owned()),
        (None, Some(artifact)) => artifact.check().map_err(|reason| format!("artifact: {reason}")),
        (_, None) => Ok(()),
    }
}

fn replica(mib: Option<usize>) -> Result<(), String> {
    let (least, most) = (edge::limits::REPLICA_MIB.start(), edge::limits::REPLICA_MIB.end());
    match mib.filter(|mib| !edge::limits::REPLICA_MIB.contains(mib)) {
        Some(mib) => Err(format!("replica_mib is {mib}: {least} to {most}")),
        None => Ok(()),
    }
}

fn database(file: Option<&Path>, environment: Option<String>) -> Result<String, Error> {
    let from_file = || {
        let file = file?;
        Some(fs::read_to_string(file).map_err(|error| wrong(file, error.to_string())).map(|url| url.trim().to_owned()))
    };
    environment.map(Ok).or_else(from_file).unwrap_or_else(|| {
        Err(Error::Setting {
            name: "SPIN_VARIABLE_DATABASE",
            reason: "a node beside a region's database needs its URL: set it, or name a file in database_file".to_owned(),
        })
    })
}

impl EdgeNode {
    /// Reads and checks the file.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let mut node: Self = read(file)?;
        node.check().map_err(|reason| wrong(file, reason))?;
        for path in [&mut node.data].into_iter().chain(node.tls.paths()) {
            *path = beside(file, path);
        }
        let shown = node.listen.tls.as_mut().map(|tls| [&mut tls.certificate, &mut tls.key]);
        let named = [&mut node.application, &mut node.variables].into_iter().flatten();
        for path in named.chain(shown.into_iter().flatten()) {
            *path = beside(file, path);
        }
        if let Some(artifact) = &mut node.artifact {
            artifact.beside(file);
        }
        Ok(node)
    }

    fn check(&self) -> Result<(), String> {
        application(self.application.as_deref(), self.artifact.as_ref(), self.control.as_ref())?;
        self.rates.check()?;
        replica(self.replica_mib)?;
        if !(1..=limits::REGIONS).contains(&self.regions.len()) {
            return Err(format!("regions: {} regions: 1 to {}", self.regions.len(), limits::REGIONS));
        }
        for (at, region) in self.regions.iter().enumerate() {
            region.check(&format!("regions[{at}]"))?;
            if self.regions.iter().take(at).any(|other| other.name == region.name) {
                return Err(format!("regions[{at}].name is {:?}, as another's", region.name));
            }
        }
        match &self.accounts {
            Some(name) if self.regions.iter().all(|region| region.name != *name) => {
                Err(format!("accounts is {name:?}, which is none of the regions"))
            }
            _ => Ok(()),
        }
    }

    /// The name of the nearest region.
    pub fn nearest(&self) -> &str {
        self.regions.first().map_or("", |region| &region.name)
    }

    /// The name of the region that keeps the accounts.
    pub fn accounts(&self) -> &str {
        self.accounts.as_deref().unwrap_or_else(|| self.nearest())
    }
}

impl Region {
    fn check(&self, at: &str) -> Result<(), String> {
        region_name(&format!("{at}.name"), &self.name)?;
        if (1..=limits::REGION_NODES).contains(&self.nodes.len()) {
            return Ok(());
        }
        Err(format!("{at}.nodes: {} nodes: 1 to {}", self.nodes.len(), limits::REGION_NODES))
    }
}

impl Tls {
    fn paths(&mut self) -> [&mut PathBuf; 3] {
        [&mut self.authority, &mut self.certificate, &mut self.key]
    }
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(file).map_err(|error| wrong(file, error.to_string()))?;
    // Of the parser's several lines, what a reason has room for: it is one line.
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        wrong(file, format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
    })
}

fn wrong(file: &Path, reason: String) -> Error {
    Error::Config { file: file.to_owned(), reason }
}

/// The address that the environment, a file, or this file says; only the first two may hold a password.
fn address(
    file: &Path,
    key: &str,
    plain: Option<String>,
    apart: Option<&Path>,
    environment: Option<&str>,
) -> Result<Option<String>, Error> {
    if let Some(address) = environment {
        return Ok(Some(address.to_owned()));
    }
    if let Some(path) = apart {
        let text = fs::read_to_string(path).map_err(|error| wrong(file, format!("{key}_file: {}: {error}", path.display())))?;
        return Ok(Some(text.trim().to_owned()));
    }
    match plain {
        Some(address) if telemetry::redact_url(&address) != address => {
            Err(wrong(file, format!("{key} holds a password: set {key}_file, or the environment variable")))
        }
        plain => Ok(plain),
    }
}

/// Relative paths begin in the folder of the file that names them.
fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

/// A region's name is the first part of ids.
fn region_name(what: &str, name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain && (1..=limits::REGION_NAME_BYTES).contains(&name.len()) {
        return Ok(());
    }
    Err(format!("{what} = {name:?}: lower-case letters and digits, 1 to {}", limits::REGION_NAME_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = r#"
name = "eu-1"
region = "eu"
data = "data/eu-1"
database_file = "/run/secrets/database"
[listen]
nodes = "127.0.0.1:7443"
admin = "127.0.0.1:8090"
[tls]
authority = "ca.pem"
certificate = "eu-1.pem"
key = "eu-1.key"
"#;
    const EDGE: &str = r#"
name = "edge-0"
data = "data"
[listen]
public = "0.0.0.0:8080"
admin = "127.0.0.1:8090"
[tls]
authority = "ca.pem"
certificate = "edge-0.pem"
key = "edge-0.key"
[[regions]]
name = "eu"
nodes = ["127.0.0.1:7443"]
[[regions]]
name = "us"
nodes = ["127.0.0.1:7444"]
"#;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        fs::write(&file, text).unwrap();
        (folder, file)
    }

    fn region_node(file: &Path) -> Result<RegionNode, Error> {
        RegionNode::read(file, &Settings::default())
    }

    #[test]
    fn paths_begin_beside_the_file() {
        let (folder, file) = written(REGION);
        let node = region_node(&file).unwrap();
        assert_eq!(node.data, folder.path().join("data/eu-1"));
        assert_eq!(node.tls.key, folder.path().join("eu-1.key"));
        assert_eq!(node.database_file.as_deref(), Some(Path::new("/run/secrets/database")));
        assert_eq!((node.retention.idempotency_hours, node.retention.journal_days), (24, 7));
        let (folder, file) = written(EDGE);
        let node = EdgeNode::read(&file).unwrap();
        assert_eq!(node.tls.certificate, folder.path().join("edge-0.pem"));
        assert_eq!((node.nearest(), node.accounts()), ("eu", "eu"));
        let shown = "[listen]\ntls = { certificate = \"public.pem\", key = \"/etc/public.key\" }";
        let (folder, file) = written(&EDGE.replace("[listen]", shown));
        let tls = EdgeNode::read(&file).unwrap().listen.tls.unwrap();
        assert_eq!((tls.certificate, tls.key), (folder.path().join("public.pem"), "/etc/public.key".into()));
        let followed =
            "[control]\nnodes = [\"a:1\"]\nlabels = { tier = \"canary\" }\n[artifact]\ntrusted_keys = [\"a.pub\"]\n[listen]";
        let (folder, file) = written(&EDGE.replace("[listen]", followed));
        let node = EdgeNode::read(&file).unwrap();
        assert_eq!(node.artifact.unwrap().trusted_keys, [folder.path().join("a.pub")]);
        assert_eq!(node.control.unwrap().labels["tier"], "canary");
        let (_folder, file) = written(&format!("accounts = \"us\"{EDGE}"));
        assert_eq!(EdgeNode::read(&file).unwrap().accounts(), "us");
    }

    #[test]
    fn errors_name_the_file() {
        for (from, to, said) in [
            ("region = \"eu\"", "region = \"e-u\"", "region = \"e-u\""),
            ("127.0.0.1:7443", "0.0.0.0:7443", "listen.advertise"),
            ("127.0.0.1:7443", "nowhere", "line 7: invalid socket address"),
            ("[tls]", "[tsl]", "tsl"),
            ("[listen]", "[retention]\nidempotency_hours = 2\n[listen]", "idempotency_hours is 2"),
            ("[listen]", "[rates]\nuser = { per_minute = 0, burst = 1 }\n[listen]", "rates.user"),
            ("region = \"eu\"", "region = \"eu\"\nreplica_mib = 0", "replica_mib is 0"),
            ("[listen]", "[control]\nnodes = [\"a:1\"]\n[listen]", "artifact.trusted_keys"),
            ("[listen]", "[artifact]\ntrusted_keys = [\"a\"]\n[listen]", "names no artifact"),
            (
                "[listen]",
                "[control]\nnodes = [\"a\"]\n[artifact]\ntrusted_keys = [\"a\"]\n[listen]",
                "control.nodes: \"a\" is no address",
            ),
            ("[listen]", "[breakers]\nkafka = { open_ms = 20, longest_ms = 10 }\n[listen]", "breakers.kafka"),
            (
                "[listen]",
                "[artifact]\nfrom = \"a.example/b:1\"\n[listen]",
                "artifact: a.example/b:1: a node runs what a digest names",
            ),
            ("[listen]", "[redis]\n[listen]", "MARQUEE_REDIS"),
            ("[listen]", "[redis]\nurl = \"redis://:pw@a\"\n[listen]", "redis.url"),
            ("[listen]", "[accounts]\nname = \"us\"\nnodes = []\n[listen]", "accounts.nodes: 0 nodes"),
            ("[listen]", "[accounts]\nname = \"eu\"\nnodes = [\"127.0.0.1:1\"]\n[listen]", "leave [accounts] out"),
        ] {
            let (_folder, file) = written(&REGION.replace(from, to));
            let message = region_node(&file).unwrap_err().to_string();
            assert!(message.contains("node.toml") && message.contains(said) && !message.contains('\n'), "{message}");
        }
        for (from, to, said) in [
            ("nodes = [\"127.0.0.1:7443\"]", "nodes = []", "regions[0].nodes: 0 nodes"),
            ("name = \"us\"", "name = \"eu\"", "as another's"),
            ("name = \"edge-0\"", "name = \"edge-0\"\naccounts = \"ap\"", "none of the regions"),
            ("public", "publik", "publik"),
        ] {
            let (_folder, file) = written(&EDGE.replace(from, to));
            let message = EdgeNode::read(&file).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn the_database_address_comes_from_the_environment() {
        let (folder, file) = written(&REGION.replace("/run/secrets/database", "database"));
        let node = region_node(&file).unwrap();
        assert!(node.database(None).unwrap_err().to_string().contains("database"));
        fs::write(folder.path().join("database"), "postgres://a/b\n").unwrap();
        assert_eq!(node.database(None).unwrap(), "postgres://a/b");
        assert_eq!(node.database(Some("postgres://c/d".to_owned())).unwrap(), "postgres://c/d");
        let (_folder, file) = written(&REGION.replace("database_file", "# "));
        assert!(region_node(&file).unwrap().database(None).unwrap_err().to_string().starts_with("SPIN_VARIABLE_DATABASE"));
    }
}

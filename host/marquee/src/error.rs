//! Why a command failed: each a sentence that says what to do, for it is the last line that a person reads.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else listens there.
    #[error("port {0} is in use: stop what listens there, or choose another with --port")]
    PortTaken(u16),
    /// It cannot be listened on for another reason.
    #[error("cannot listen on port {port} ({reason}): choose another with --port")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        reason: String,
    },
    /// An address in a node's configuration.
    #[error("cannot listen on {address} ({reason}): stop what listens there, or change the address in the configuration")]
    ListenAt {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// Accounts in a region that is not configured at the edge.
    #[error("accounts = {0:?} names none of the regions: choose one of them")]
    NoAccounts(String),
    /// Who a node is, and what it shows of that.
    #[error("{0}")]
    Identity(String),
    /// What the public listener shows.
    #[error(transparent)]
    Certificate(#[from] edge::CertificateError),
    /// Certificates could not be made.
    #[error(transparent)]
    Certificates(#[from] fleet::certificates::Error),
    /// The data folder is of no use.
    #[error("the folder {} cannot be written ({reason}): choose another with --data", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Another process has it.
    #[error("the folder {} is in use by another marquee: stop that one, or choose another with --data", .0.display())]
    Locked(PathBuf),
    /// There is no manifest where one is looked for.
    #[error("there is no spin.toml in {} nor beside this program: name one with --manifest, or as `application` in a node's file", .0.display())]
    NoManifest(PathBuf),
    /// The manifest is of no use.
    #[error(transparent)]
    Manifest(#[from] manifest::ManifestError),
    /// What it names is of no use.
    #[error(transparent)]
    Load(#[from] runtime::LoadError),
    /// A version in a registry, or what it is signed with.
    #[error(transparent)]
    Artifact(#[from] artifact::Error),
    /// wasmtime cannot run here.
    #[error(transparent)]
    Engine(#[from] runtime::EngineError),
    /// The database, whose password is left out.
    #[error("the database {database} cannot be used: {reason}")]
    Database {
        /// Which.
        database: String,
        /// What it says.
        reason: String,
    },
    /// The same, where it cannot be reached: it may come back.
    #[error("the database {database} cannot be reached: {reason}")]
    DatabaseAway {
        /// Which.
        database: String,
        /// What the system says.
        reason: String,
    },
    /// A setting in the environment.
    #[error("{name}: {reason}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A node's configuration file.
    #[error("{}: {reason}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Kafka, or what else a worker or a relay needs.
    #[error(transparent)]
    Streams(#[from] streams::Error),
    /// What a worker needs.
    #[error("the worker cannot work: {0}")]
    Worker(String),
    /// The audit log is not as it was written.
    #[error("the audit log of {region} is broken at entry {at}: {reason}")]
    Audit {
        /// Whose.
        region: String,
        /// The first entry that is not as it was written.
        at: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// What the audit log is signed with, or what was signed.
    #[error("the audit log's {} cannot be used: {reason}", file.display())]
    AuditFile {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The control plane's tables, tokens or listeners.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// What follows objects of Kubernetes.
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    /// What somebody wants of the control plane does not fit what is there.
    #[error("{0}")]
    Conflict(String),
    /// A rollout that was waited for did not end well.
    #[error("{0}")]
    NotRolledOut(String),
    /// A request that makes no sense, or cannot be met here.
    #[error("{0}")]
    Refused(String),
    /// Logs or metrics.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// It runs, and is not fit for traffic.
    #[error("not ready after {seconds} s: {reason}; the log above says more")]
    NotReady {
        /// How long it was given.
        seconds: u64,
        /// What is missing.
        reason: String,
    },
    /// The demo catalog.
    #[error("the demo catalog could not be loaded: {0}; start again to continue, or with --no-demo")]
    Demo(String),
    /// The system refused something basic.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

impl Error {
    /// Of the database of this name.
    pub fn database(database: &str, error: &region::database::Error) -> Self {
        let (database, reason) = (database.to_owned(), error.to_string());
        match error {
            region::database::Error::Unavailable(_) => Self::DatabaseAway { database, reason },
            _ => Self::Database { database, reason },
        }
    }

    /// The code that the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotRolledOut(_) => 3,
            Self::Conflict(_) => 4,
            _ => 1,
        }
    }

    /// Whether something is unreachable that may come back: then it makes sense to wait.
    pub fn is_away(&self) -> bool {
        match self {
            Self::DatabaseAway { .. } => true,
            Self::Control(error) => error.is_away(),
            Self::Streams(error) => {
                matches!(error, streams::Error::Unreachable(_) | streams::Error::Kafka(_) | streams::Error::Database(_))
            }
            _ => false,
        }
    }
}

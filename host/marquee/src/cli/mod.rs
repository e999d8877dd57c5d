//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Event booking that sells from the edge.
#[derive(Debug, Parser)]
#[command(name = "marquee", disable_version_flag = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs everything in this process: one region and two edges, with embedded databases.
    Up(Up),
    /// Runs a node of a region: its database's side, for edges and beside other nodes.
    Region(Node),
    /// Runs an edge, which asks a region's nodes; or several in one process.
    Edge(Edges),
    /// Runs a worker: mail, analytics and the audit log, out of what Kafka has of a region.
    Worker(Node),
    /// Runs an instance of the control plane, which rolls versions of the application out over a fleet.
    Control(ControlPlane),
    /// Versions of the application as signed artifacts in a registry, and their way to the nodes of a fleet.
    Fleet {
        /// What to do.
        #[command(subcommand)]
        action: artifacts::Fleet,
    },
    /// Looks whether the audit log is as it was written, and says where it is not.
    Audit {
        /// See [`Storage`].
        #[command(flatten)]
        storage: Storage,
        /// The region whose log it is.
        #[arg(long, value_name = "REGION", default_value = "local")]
        region: String,
        /// Where the keys and the signed states of who writes the log are; by default `audit` in the data folder.
        #[arg(long, value_name = "DIR")]
        seals: Option<PathBuf>,
    },
    /// Has a region's node publish a range of the journal to Kafka again, marked as replayed.
    Replay {
        /// A Postgres database; also SPIN_VARIABLE_DATABASE.
        #[arg(long, value_name = "URL")]
        postgres: Option<String>,
        /// The first position.
        #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
        first: i64,
        /// The last one.
        #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
        last: i64,
    },
    /// Lists, retires and revokes the keys that sign: access tokens in the database of the region that keeps the accounts, tickets in each
    /// region's.
    Keys {
        /// What to do.
        #[command(subcommand)]
        action: Keys,
    },
    /// Erases somebody's account, or writes everything that is known of them into a file.
    People {
        /// What to do.
        #[command(subcommand)]
        action: People,
    },
    /// Says which epoch the database is in, or begins a new one: after a restore that could not be noticed.
    Epoch {
        /// See [`Storage`].
        #[command(flatten)]
        storage: Storage,
        /// Begins a new one: every edge and every node of the region takes a new snapshot.
        #[arg(long)]
        new: bool,
    },
    /// Makes or renews certificates: an authority in the folder, where there is none, and one for each node.
    Certificates(Certificates),
    /// Brings the database to this program's version, which `up` does by itself.
    Migrate(Migrate),
    /// Reads and checks an application manifest and says what is wrong with it.
    Check {
        /// The manifest, a spin.toml.
        file: PathBuf,
    },
    /// Says which version this is.
    Version,
}

/// What to do with signing keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Shows every key there ever was, and what became of it.
    List {
        /// See [`Storage`].
        #[command(flatten)]
        storage: Storage,
    },
    /// Has a key sign no more. Its tokens stay good until they end, a quarter of an hour at most; then it is forgotten. Its tickets stay
    /// good.
    Retire {
        /// The key's id, as `list` shows it.
        kid: String,
        /// See [`Storage`].
        #[command(flatten)]
        storage: Storage,
    },
    /// Has every node refuse a key's tokens within seconds: who is logged in by them must refresh. Its tickets are refused as well, and
    /// shown with other codes.
    Revoke {
        /// The key's id, as `list` shows it.
        kid: String,
        /// See [`Storage`].
        #[command(flatten)]
        storage: Storage,
    },
}

/// What to do for people.
#[derive(Debug, Subcommand)]
pub enum People {
    /// Has an account erased, in the database of the region that keeps the accounts: a node of that region does it, and tells all others.
    Erase {
        /// Whose: the account's id or address.
        #[arg(value_name = "ID|ADDRESS")]
        who: String,
        /// See [`Storage`].
        #[command(flatten)]
        storage: Storage,
    },
    /// Writes everything that this region knows of somebody into a new file: as JSON, or, where its name ends with .zip, as an archive with tickets and
    /// receipts. Each region knows what was bought there.
    Export {
        /// Of whom: the account's id, or its address where the accounts are kept.
        #[arg(value_name = "ID|ADDRESS")]
        who: String,
        /// Where to, for its owner's eyes alone.
        file: PathBuf,
        /// See [`Storage`].
        #[command(flatten)]
        storage: Storage,
    },
}

/// `marquee edge`
#[derive(Clone, Debug, Args)]
pub struct Edges {
    /// The edge's configuration, TOML. Given several times it is so many edges in this process, which share compiled code and end together: to try a large
    /// fleet on one machine.
    #[arg(long, value_name = "FILE", required = true)]
    pub config: Vec<PathBuf>,
    /// See [`FromRegistry`].
    #[command(flatten)]
    pub registry: FromRegistry,
}

/// `marquee region`, `marquee worker`
#[derive(Clone, Debug, Args)]
pub struct Node {
    /// The node's configuration, TOML.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// See [`FromRegistry`].
    #[command(flatten)]
    pub registry: FromRegistry,
}

/// `marquee control`
#[derive(Clone, Debug, Args)]
pub struct ControlPlane {
    /// The instance's configuration, TOML.
    #[arg(long, value_name = "FILE", required_unless_present = "print_crds")]
    pub config: Option<PathBuf>,
    /// Follows objects of Kubernetes, too, in the namespace of its service account or of the kubeconfig.
    #[arg(long)]
    pub kubernetes: bool,
    /// Prints the definition of what it follows in Kubernetes, for `kubectl apply`, and ends.
    #[arg(long, conflicts_with_all = ["config", "kubernetes"])]
    pub print_crds: bool,
}

/// A version in a registry, instead of a folder.
#[derive(Clone, Debug, Args)]
pub struct FromRegistry {
    /// Runs this version, REGISTRY/REPOSITORY@sha256:…, which a trusted key must have signed.
    #[arg(long, value_name = "REFERENCE")]
    pub from: Option<String>,
    /// A public key whose signature is trusted; may be given several times, and a file may have several keys.
    #[arg(long = "trusted-key", value_name = "FILE")]
    pub trusted_keys: Vec<PathBuf>,
    /// See [`RegistryAccess`].
    #[command(flatten)]
    pub access: RegistryAccess,
}

/// How a registry is reached.
#[derive(Clone, Debug, Args)]
pub struct RegistryAccess {
    /// Who one is at the registry, as Docker's config.json has it; by default that of DOCKER_CONFIG, or ~/.docker.
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// Speaks to the registry in the clear, although it is another machine.
    #[arg(long)]
    pub plain_http: bool,
}

/// Where data is.
#[derive(Clone, Debug, Args)]
pub struct Storage {
    /// The folder for everything that is kept.
    #[arg(long, value_name = "DIR", default_value = ".marquee")]
    pub data: PathBuf,
    /// A Postgres database instead of the embedded one; also SPIN_VARIABLE_DATABASE.
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
}

/// `marquee certificates`
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Certificates {
    /// What else.
    #[command(subcommand)]
    pub other: Option<OtherCertificates>,
    /// Where they are kept, with the authority's key.
    #[arg(required = true)]
    pub folder: Option<PathBuf>,
    /// REGION/NAME for a region's node, NAME for an edge, control/NAME for an instance of the control plane.
    #[arg(required = true)]
    pub nodes: Vec<String>,
    /// How long the nodes' certificates last. A running node takes a renewed one by itself.
    #[arg(long, value_name = "DAYS", default_value_t = fleet::limits::NODE_DAYS, value_parser = days())]
    pub days: u32,
}

/// What else there is to do with certificates.
#[derive(Clone, Debug, Subcommand)]
pub enum OtherCertificates {
    /// Revokes all certificates of nodes, as when one is stolen: they are refused from then on, and their connections are closed.
    Revoke {
        /// Where they are kept, with the authority's key.
        folder: PathBuf,
        /// REGION/NAME for a region's node, NAME for an edge, control/NAME for an instance of the control plane.
        #[arg(required = true)]
        nodes: Vec<String>,
    },
}

fn days() -> clap::builder::RangedI64ValueParser<u32> {
    let days = fleet::limits::DAYS;
    clap::value_parser!(u32).range(i64::from(*days.start())..=i64::from(*days.end()))
}

/// `marquee up`
#[derive(Clone, Debug, Args)]
pub struct Up {
    /// See [`Storage`].
    #[command(flatten)]
    pub storage: Storage,
    /// The edges listen on PORT and PORT + 1, the admin listener on PORT + 10; 0: on free ports.
    #[arg(long, value_name = "PORT", default_value_t = 8080, value_parser = clap::value_parser!(u16).range(0..=65_525))]
    pub port: u16,
    /// Starts with an empty catalog.
    #[arg(long)]
    pub no_demo: bool,
    /// Takes over a component's new wasm, or a changed manifest, while it runs.
    #[arg(long)]
    pub watch: bool,
    /// Runs the components as stock Spin does: dependencies composed in, nothing of this host's own.
    #[arg(long)]
    pub composed: bool,
    /// The application; by default the spin.toml here, or beside this program.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub manifest: Option<PathBuf>,
    /// See [`FromRegistry`].
    #[command(flatten)]
    pub registry: FromRegistry,
}

/// `marquee migrate`
#[derive(Clone, Debug, Args)]
pub struct Migrate {
    /// See [`Storage`].
    #[command(flatten)]
    pub storage: Storage,
}

mod archive;
pub mod artifacts;
pub mod commands;
#[cfg(test)]
mod documents;
pub mod rollouts;
mod watching;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_match_the_manual() {
        let Command::Up(up) = Cli::parse_from(["marquee", "up"]).command else { panic!("not up") };
        assert_eq!((up.storage.data.to_str(), up.port), (Some(".marquee"), 8080));
        let Command::Keys { action: Keys::Retire { kid, .. } } = Cli::parse_from(["marquee", "keys", "retire", "k1"]).command
        else {
            panic!("not keys")
        };
        assert_eq!(kid, "k1");
        assert!(!up.no_demo && !up.watch && !up.composed && up.storage.postgres.is_none() && up.manifest.is_none());
        let Command::Certificates(made) = Cli::parse_from(["marquee", "certificates", "f", "eu/a", "b"]).command else {
            panic!()
        };
        assert_eq!((made.nodes.len(), made.days, made.other.is_none()), (2, 7, true));
        let revoked = Cli::parse_from(["marquee", "certificates", "revoke", "f", "b"]).command;
        let Command::Certificates(Certificates { other: Some(OtherCertificates::Revoke { folder, nodes }), .. }) = revoked else {
            panic!()
        };
        assert_eq!((folder.to_str(), nodes.as_slice()), (Some("f"), &["b".to_owned()][..]));
        for wrong in [
            &["marquee", "up", "--port", "65530"][..],
            &["marquee", "up", "--colour"],
            &["marquee", "fly"],
            &["marquee"],
            &["marquee", "certificates", "f"],
            &["marquee", "certificates", "f", "a", "--days", "0"],
            &["marquee", "up", "--manifest", "spin.toml", "--from", "r.example/a:1"],
            &["marquee", "fleet", "pull", "r.example/a:1"],
            &["marquee", "fleet", "verify", "r.example/a:1"],
        ] {
            assert_eq!(Cli::try_parse_from(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }
}

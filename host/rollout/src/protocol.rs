//! What agents and the control plane say to each other: JSON, over HTTP/2 with mutual TLS.
//!
//! An agent posts a [`Report`] to [`SYNC`]. It is answered with an [`Assignment`] as soon as there is one that is later than what it knows (200), or with
//! 204 after [`limits::LONG_POLL`](crate::limits::LONG_POLL). Who it is, its certificate says; what it reports is believed of nobody else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Where agents post.
pub const SYNC: &str = "/v1/agents/sync";

/// How many buckets of [`LATENCY_BOUNDS_US`] there are from one power of two to the next. Of two releases the one that is slower by a third has to be told
/// from the other also where all answers of each take equally long: so a bucket's end is no more than an eighth above its beginning.
const BUCKETS_OF_AN_OCTAVE: usize = 8;

/// Upper bounds of the buckets of [`Counters::latency`], in microseconds; one more bucket has what is above.
pub const LATENCY_BOUNDS_US: [u64; 14 * BUCKETS_OF_AN_OCTAVE + 1] = latency_bounds();

/// From half a millisecond to eight seconds.
const fn latency_bounds() -> [u64; 14 * BUCKETS_OF_AN_OCTAVE + 1] {
    let mut bounds = [0; 14 * BUCKETS_OF_AN_OCTAVE + 1];
    let (mut at, mut bound, mut width) = (0, 512, 512 / BUCKETS_OF_AN_OCTAVE as u64);
    while at < bounds.len() {
        if at > 0 && at.is_multiple_of(BUCKETS_OF_AN_OCTAVE) {
            width *= 2;
        }
        #[expect(clippy::indexing_slicing, reason = "a constant: out of bounds it would not compile")]
        {
            bounds[at] = bound;
        }
        bound += width;
        at += 1;
    }
    bounds
}

/// When an assignment was made. Of two the later counts; an epoch begins whenever another instance of the control plane acts, and a revision with each
/// change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// Of the instance that acts.
    pub epoch: u64,
    /// Of the desired state.
    pub revision: u64,
}

/// What a release is called: counted up by the control plane, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseId(pub u64);

/// A version of an application with its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its name.
    pub id: ReleaseId,
    /// The artifact, by digest: `REGISTRY/REPOSITORY@sha256:…`.
    pub reference: String,
    /// Values of variables, stronger than the node's file and weaker than what the node itself sets.
    #[serde(default)]
    pub variables: BTreeMap<String, Value>,
    /// What it needs of a node.
    #[serde(default)]
    pub needs: Needs,
}

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Itself.
    Text(String),
    /// A secret that the node has under this name among its own variables: it never passes through the control plane.
    Secret {
        /// The name there.
        secret: String,
    },
}

/// What a release needs of every node that runs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Needs {
    /// Interfaces that its components import of the host, as WIT names them with their version.
    pub interfaces: BTreeSet<String>,
    /// The least version of what edges and regions say to each other.
    pub ledger_wire: Option<u32>,
    /// The schema that it was written for, and a region's database must have at least: the number of the last migration that it needs.
    pub schema: Option<u32>,
    /// Variables without a default that the release does not set itself.
    pub variables: BTreeSet<String>,
}

/// What kind of node it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// Answers people.
    Edge,
    /// Has a region's database.
    Region,
    /// Follows what happens in a region.
    Worker,
}

impl NodeKind {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Edge, Self::Region, Self::Worker];

    /// What it is called, as it is serialized.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Region => "region",
            Self::Worker => "worker",
        }
    }
}

/// A node, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDescription {
    /// What it is.
    pub kind: NodeKind,
    /// Of which region it is; of an edge: which is nearest.
    pub region: String,
    /// As its configuration labels it, for plans to choose by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The version of its host.
    pub host: String,
    /// Interfaces that its host offers.
    pub interfaces: BTreeSet<String>,
    /// The version of what edges and regions say to each other.
    pub ledger_wire: u32,
    /// That of its region's database; none: it has no database.
    pub schema: Option<Schema>,
    /// Names of the variables that it has values for.
    pub variables: BTreeSet<String>,
}

/// Which releases a database serves: those that were written for a schema between these two, which are numbers of migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// What an earlier one used may be gone.
    pub least: u32,
    /// The last migration that was applied.
    pub last: u32,
}

/// How far a release is on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// Being fetched, verified, compiled and checked.
    Preparing,
    /// It can take traffic at once.
    Ready,
    /// It will not run here. The agent tries again while it is assigned, with growing pauses.
    Failed {
        /// Where it failed.
        kind: FailureKind,
        /// Why, in a sentence.
        reason: String,
    },
}

/// Where a release failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// It could not be fetched: the registry is gone, slow, or lacks it. This may pass.
    Fetch,
    /// There is no room for it. This may pass.
    Disk,
    /// No trusted key has signed it, or it is not what its digest says.
    Untrusted,
    /// It does not compile, or its manifest does not hold.
    Invalid,
    /// It needs what this node does not offer.
    Incompatible,
    /// It does not instantiate, or does not answer its health route.
    Unhealthy,
}

impl FailureKind {
    /// Whether another try may succeed without anybody having changed the release.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Fetch | Self::Disk)
    }

    /// What it is called, as it is serialized.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Disk => "disk",
            Self::Untrusted => "untrusted",
            Self::Invalid => "invalid",
            Self::Incompatible => "incompatible",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What a release has done on a node since the node's process began ([`Report::boot`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Requests that its components answered, or failed to.
    pub requests: u64,
    /// Those of them answered with a 5xx, whoever made it.
    pub errors: u64,
    /// Traps, loops and exhausted memories of its instances.
    pub traps: u64,
    /// Instances that ended in the middle of their work, so that others were made in their place: they failed, or had answered as many requests as one may.
    /// Not those made, nor those that nobody needed any more: the first ones of a release say nothing of it.
    pub restarts: u64,
    /// The most memory that one of its instances has had, in bytes.
    pub memory: u64,
    /// Requests by how long they took: a count for each of [`LATENCY_BOUNDS_US`] and one for what is above, not cumulative; without the zeros
    /// at its end.
    pub latency: Vec<u64>,
}

/// A release's share of a node's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Which.
    pub release: ReleaseId,
    /// In percent; all shares of a node are 100 together.
    pub weight: u8,
}

/// How a release is on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseReport {
    /// Which.
    pub release: ReleaseId,
    /// How far it is.
    #[serde(flatten)]
    pub phase: Phase,
    /// What it has done.
    #[serde(default)]
    pub counters: Counters,
}

/// What an agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its node.
    pub node: NodeDescription,
    /// Drawn when the process began: with another one, counters begin anew.
    pub boot: u64,
    /// The latest assignment that it has taken.
    pub known: Stamp,
    /// Each release of that assignment.
    pub releases: Vec<ReleaseReport>,
    /// What serves: empty where the node still runs what its own configuration names.
    pub serving: Vec<Share>,
    /// Whether it waits for an assignment that is later ([`Stamp`]), or only reports and is answered at once.
    pub wait: bool,
}

/// What a node is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// When it was made.
    pub stamp: Stamp,
    /// What to have ready; all else may be removed. The last one that served alone is among them: the instant way back.
    pub releases: Vec<Release>,
    /// What is to serve, the older first; each is among `releases`. Empty: keep what serves. Until all of it is ready, nothing changes.
    pub serving: Vec<Share>,
    /// How often to report at least, in milliseconds, also while nothing changes.
    pub report_ms: u32,
}

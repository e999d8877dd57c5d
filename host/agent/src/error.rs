//! Why an agent cannot begin, or an assignment is not acted on.

use rollout::protocol::ReleaseId;

use crate::limits;

/// Why an agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No addresses, or too many.
    #[error("an agent asks {least} to {most} instances of the control plane, and is given {0}", least = limits::INSTANCES.start(), most = limits::INSTANCES.end())]
    Instances(usize),
    /// The certificate does not serve.
    #[error(transparent)]
    Tls(#[from] fleet::tls::Error),
    /// The system has no randomness.
    #[error("the system has no randomness: {0}")]
    Random(getrandom::Error),
    /// Its own metrics: a bug, seen at start.
    #[error(transparent)]
    Metrics(#[from] telemetry::Error),
}

/// What is wrong with an assignment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Faulty {
    #[error("it is no assignment: {0}")]
    Malformed(String),
    #[error("it has {0} releases: 1 to {most}", most = rollout::limits::RELEASES)]
    Releases(usize),
    #[error("it has release {} twice", .0.0)]
    Twice(ReleaseId),
    #[error("it is that of {0}")]
    Foreign(String),
    #[error("release {} is to serve and not to be here", .0.0)]
    Absent(ReleaseId),
    #[error("shares of a node's requests are 100 % together, each at least 1, and these are {0:?}")]
    Shares(Vec<u8>),
    #[error("release {} has a reference, or variables, that are too long or too many", .0.0)]
    Long(ReleaseId),
}

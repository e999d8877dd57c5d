//! What crosses between nodes.
//!
//! Commands and their answers are [postcard](https://postcard.jamesmunns.com/wire-format): ten thousand a second are to cost little, its format is
//! written down and stable, and wasmtime brings it anyway. It is as strict as it is compact: both ends must have the same types, so
//! their version is in the path, and `commands` has a test that notices when they change. Facts of the feed are JSON, as the
//! journal has them: they are few, encoded once for all readers, and a node can skip a fact that it does not know. What is asked about accounts is JSON, too.

pub(crate) mod accounts;
pub(crate) mod commands;
pub(crate) mod feed;
pub(crate) mod forward;
pub(crate) mod frames;
#[cfg(test)]
mod fuzz;

use http::HeaderName;
use serde::{Deserialize, Serialize};

/// The protocol's version, in every path. Another one is needed whenever the types of `marquee:booking/types` change.
pub const VERSION: u32 = 5;

/// Edges, and whoever else may ask: commands to be decided here or where their event is decided.
pub const LEDGER: &str = "/node/v5/ledger";
/// Peers of the region: commands to be decided here or refused.
pub const DECIDE: &str = "/node/v5/decide";
/// What a forwarded request's path begins with.
pub const FORWARD: &str = "/node/v5/forward";
/// The feed; `?epoch=…&after=…` to go on.
pub const FEED: &str = "/node/v5/feed";
/// Lists of revoked certificates, both ways: see the module `revocations`.
pub const REVOCATIONS: &str = "/node/v5/revocations";
/// Nodes of other regions: how users are written to, where the accounts are kept.
pub const ADDRESSES: &str = "/node/v5/addresses";
/// The same nodes: whose accounts were erased, where the accounts are kept.
pub const ERASURES: &str = "/node/v5/erasures";
/// Nodes of other regions: links to guests' orders are kept where the accounts are, and whose orders are an account's is said.
pub const GUESTS: &str = "/node/v5/guests";
/// How a node is: [`Status`], in JSON.
pub const STATUS: &str = "/node/v5/status";

/// On an answer: the node itself refused, nothing was done, another one may do it.
pub(crate) const REFUSED: HeaderName = HeaderName::from_static("marquee-refused");
/// On an answer to a forwarded request: the region found this problem, and no component answered.
pub(crate) const PROBLEM: HeaderName = HeaderName::from_static("marquee-problem");
/// On a forwarded request: the authority of its URI, where it had one.
pub(crate) const AUTHORITY: HeaderName = HeaderName::from_static("marquee-forward-authority");

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub node: String,
    /// Its region.
    pub region: String,
    /// Whether it takes requests: it does until asked to stop.
    pub serving: bool,
}

/// Why a node refuses what another may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has as much to do as it may, or cannot do this now.
    Busy,
    /// It is stopping: asking it again is useless.
    Stopping,
}

impl Refusal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Stopping => "stopping",
        }
    }

    /// What the headers of an answer say.
    pub(crate) fn read(headers: &http::HeaderMap) -> Option<Self> {
        headers.get(REFUSED).map(|why| if why == Self::Stopping.as_str() { Self::Stopping } else { Self::Busy })
    }
}

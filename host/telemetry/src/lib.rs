//! Logs, metrics and health: what a node says about itself.
//!
//! A leaf: every other room of the host may use it, it uses none. Parts register what they know ([`Health::register`],
//! [`Metrics::before_scrape`]); the admin listener ([`admin`]) answers from that, without any I/O of its own.

pub mod admin;
mod breaker;
mod breakers;
mod health;
mod jitter;
pub mod keepalive;
mod kubernetes;
pub mod limits;
pub mod logs;
mod metrics;
mod redact;
pub mod rollouts;
pub mod secured;
pub mod sqlstate;
mod streams;

pub use breaker::{Breaker, BreakerCounts, BreakerOptions, CircuitOpen, Permit};
pub use breakers::{BreakerLine, BreakerSource, BreakerState, Breakers};
pub use health::{Finding, Health, Needed, Overall, State};
pub use jitter::{jittered, jittered_for};
pub use kubernetes::Kubernetes;
pub use metrics::{FailureKind, Metrics, RequestLabels, Role};
pub use redact::url as redact_url;
pub use streams::Streams;

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another subscriber took the logs already.
    #[error("logs are already set up in this process")]
    LogsTaken,
    /// A metric's definition is wrong: a bug, seen at start.
    #[error("a metric is ill-defined: {0}")]
    Metric(#[from] prometheus::Error),
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG is not a log filter: {0}")]
    Filter(String),
}

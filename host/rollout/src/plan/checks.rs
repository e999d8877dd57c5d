//! What a release is measured by, against the one before.

use serde::{Deserialize, Serialize};

/// What is looked at. A check that is none is not made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Requests that each side must have had at edges before anything is concluded.
    pub min_requests: u64,
    /// Answers with a 5xx.
    pub errors: Option<Errors>,
    /// How long answers took.
    pub latency: Option<Latency>,
    /// Traps, loops and exhausted memories.
    pub traps: Option<Traps>,
    /// The most memory of an instance.
    pub memory: Option<Memory>,
    /// How often instances end.
    pub restarts: Option<Restarts>,
    /// What Prometheus is asked.
    pub queries: Vec<Query>,
}

/// The share of errors may not be larger by more than this, by a test of two proportions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Of 1.
    pub max_increase: f64,
    /// How sure one must be that it is, of 1.
    pub confidence: f64,
}

/// A quantile of latencies may not be longer both by this factor and by this time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Which, of 1.
    pub quantile: f64,
    /// The factor.
    pub max_ratio: f64,
    /// The time, in milliseconds.
    pub min_increase_ms: f64,
    /// How sure one must be that it is, of 1.
    pub confidence: f64,
}

/// Traps beyond what the release before has for as many requests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Traps {
    /// How many are fine.
    pub max: u64,
}

/// The most memory of an instance may not be more both by this factor and by this much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The factor.
    pub max_ratio: f64,
    /// How much, in MiB.
    pub min_increase_mib: u64,
}

/// Instances made for each request may not be more both by this factor and by this many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restarts {
    /// The factor.
    pub max_ratio: f64,
    /// How many, for each request.
    pub min_increase: f64,
}

/// A query in PromQL whose value must be within bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// What it is called in events.
    pub name: String,
    /// The query; its value is one number.
    pub promql: String,
    /// The most that is fine.
    pub max: Option<f64>,
    /// The least that is fine.
    pub min: Option<f64>,
    /// Whether no answer is a failed look.
    pub required: bool,
}

//! How the new release behaves, and the one before.

use crate::protocol::{FailureKind, LATENCY_BOUNDS_US, ReleaseId};

pub(super) const MIB: u64 = 1 << 20;
pub(super) const OLD: ReleaseId = ReleaseId(7);
pub(super) const NEW: ReleaseId = ReleaseId(8);

/// What may be wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Good,
    /// 5 % of requests are answered with a 5xx.
    Errors,
    /// Answers take 30 % longer.
    Slow,
    /// One request in 200 traps.
    Traps,
    /// Instances grow.
    Leak,
    /// It does not answer its health route.
    Unhealthy,
    /// No trusted key has signed it.
    Untrusted,
    /// The registry does not have it.
    Gone,
}

impl Fault {
    pub(super) const BAD: [Self; 7] =
        [Self::Errors, Self::Slow, Self::Traps, Self::Leak, Self::Unhealthy, Self::Untrusted, Self::Gone];
}

/// What a release does to requests.
#[derive(Clone, Debug)]
pub(super) struct Behaviour {
    pub errors: f64,
    pub traps: f64,
    /// Bytes for each request.
    pub leak: f64,
    /// Of each bucket, of 1.
    pub latency: Vec<f64>,
}

/// Both releases.
#[derive(Clone, Debug)]
pub(super) struct Version {
    fault: Fault,
    /// For how long each node cannot fetch a release at first.
    pub hiccup_ms: u64,
    old: Behaviour,
    new: Behaviour,
}

impl Version {
    pub(super) fn new(fault: Fault, hiccup_ms: u64) -> Self {
        let old = Behaviour { errors: 0.001, traps: 0.0, leak: 0.0, latency: latencies(8_000.0) };
        let mut new = old.clone();
        match fault {
            Fault::Errors => new.errors = 0.05,
            Fault::Slow => new.latency = latencies(8_000.0 * 1.3),
            Fault::Traps => new.traps = 0.005,
            Fault::Leak => new.leak = 100_000.0,
            Fault::Good | Fault::Unhealthy | Fault::Untrusted | Fault::Gone => {}
        }
        Self { fault, hiccup_ms, old, new }
    }

    pub(super) fn behaviour(&self, release: ReleaseId) -> &Behaviour {
        if release == NEW { &self.new } else { &self.old }
    }

    pub(super) fn failure(&self, release: ReleaseId) -> Option<FailureKind> {
        let kind = match self.fault {
            Fault::Unhealthy => FailureKind::Unhealthy,
            Fault::Untrusted => FailureKind::Untrusted,
            Fault::Gone => FailureKind::Fetch,
            _ => return None,
        };
        (release == NEW).then_some(kind)
    }
}

/// A log-normal distribution with this median, in microseconds.
fn latencies(median: f64) -> Vec<f64> {
    let below = |us: u64| 0.5 * libm::erfc(-(us as f64 / median).ln() / 0.6 / std::f64::consts::SQRT_2);
    let bounds = LATENCY_BOUNDS_US.iter().map(|us| below(*us)).chain([1.0]);
    let mut before = 0.0;
    bounds.map(|below| below - std::mem::replace(&mut before, below)).collect()
}

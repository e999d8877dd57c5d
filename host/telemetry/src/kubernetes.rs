//! Metrics of the control plane where it reconciles objects of Kubernetes.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::Error;

/// How the reconciler is. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    connected: IntGauge,
    failures: IntCounterVec,
    written: IntCounter,
}

impl Kubernetes {
    pub(crate) fn new(registry: &Registry) -> Result<Self, Error> {
        let made = Self {
            connected: IntGauge::new("marquee_kubernetes_connected", "Whether the server of Kubernetes' API answers: 1, or 0.")?,
            failures: IntCounterVec::new(
                Opts::new("marquee_kubernetes_failures_total", "Requests to Kubernetes' API that failed, by what was asked."),
                &["request"],
            )?,
            written: IntCounter::new("marquee_kubernetes_statuses_total", "Statuses of objects that were written.")?,
        };
        registry.register(Box::new(made.connected.clone()))?;
        registry.register(Box::new(made.failures.clone()))?;
        registry.register(Box::new(made.written.clone()))?;
        Ok(made)
    }

    /// Says whether the server answers.
    pub fn connected(&self, connected: bool) {
        self.connected.set(i64::from(connected));
    }

    /// Counts a request that failed. `request` is of a closed set.
    pub fn failed(&self, request: &'static str) {
        self.failures.with_label_values(&[request]).inc();
    }

    /// Counts a status that was written.
    pub fn written(&self) {
        self.written.inc();
    }
}

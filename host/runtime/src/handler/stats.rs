//! What can be counted about one component in one role.

use std::sync::atomic::{AtomicU64, Ordering};

/// A component's requests and instances at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Requests being worked on, bodies of responses included.
    pub in_flight: usize,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Instances there are.
    pub instances: u64,
    /// Instances made since start.
    pub instances_made: u64,
    /// Attempts to make an instance that failed, since start.
    pub instances_failed: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    made: AtomicU64,
    failed: AtomicU64,
    ended: AtomicU64,
}

impl Counters {
    pub(super) fn made(&self, well: bool) {
        if well { &self.made } else { &self.failed }.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn fill(&self, stats: &mut Stats) {
        stats.instances_made = self.made.load(Ordering::Relaxed);
        stats.instances_failed = self.failed.load(Ordering::Relaxed);
        stats.instances = stats.instances_made.saturating_sub(self.ended.load(Ordering::Relaxed));
    }
}

//! What a version has done in one role, for whoever compares it with another: atomics, and nothing that a request could wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::limits::{LATENCY_BOUNDS, LATENCY_BOUNDS_US};

/// How many buckets there are: one for each bound, and one for what is above.
const BUCKETS: usize = LATENCY_BOUNDS + 1;

/// What was done until now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Requests and calls that components answered, or failed to; also those whose sender did not wait for the answer.
    pub requests: u64,
    /// Those of them answered with a 5xx or not at all, by their own fault.
    pub errors: u64,
    /// Instances that trapped, looped or ran out of memory.
    pub traps: u64,
    /// Instances that ended in the middle of their work: they failed, or had answered as many requests as one may.
    pub restarts: u64,
    /// The most memory that one of them has had, in bytes.
    pub memory: u64,
    /// Requests by how long they took until their answer began: a count for each of [`LATENCY_BOUNDS_US`], in microseconds, and one for what is above.
    pub latency: Vec<u64>,
}

impl Counts {
    /// What two have done together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let buckets = self.latency.len().max(other.latency.len());
        let bucket = |counts: &Self, at: usize| counts.latency.get(at).copied().unwrap_or_default();
        Self {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            traps: self.traps + other.traps,
            restarts: self.restarts + other.restarts,
            memory: self.memory.max(other.memory),
            latency: (0..buckets).map(|at| bucket(self, at) + bucket(other, at)).collect(),
        }
    }
}

/// Counts them: three additions and two looks at the clock for each request.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    traps: AtomicU64,
    used_up: AtomicU64,
    /// Instances raise it themselves, when they grow.
    memory: Arc<AtomicU64>,
    latency: Latencies,
}

/// A count for each bucket.
#[derive(Debug)]
struct Latencies([AtomicU64; BUCKETS]);

impl Default for Latencies {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// A request that is being worked on; it is counted when this goes.
pub(crate) struct CountedRequest<'a> {
    counters: &'a Counters,
    began: Instant,
    failed: bool,
}

impl Counters {
    pub(crate) fn begin(&self) -> CountedRequest<'_> {
        CountedRequest { counters: self, began: Instant::now(), failed: false }
    }

    /// An instance has answered as many requests as one may.
    pub(crate) fn used_up(&self) {
        self.used_up.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn trapped(&self) {
        self.traps.fetch_add(1, Ordering::Relaxed);
    }

    /// What instances say how much memory they have.
    pub(crate) fn memory(&self) -> &Arc<AtomicU64> {
        &self.memory
    }

    pub(crate) fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: count(&self.requests),
            errors: count(&self.errors),
            traps: count(&self.traps),
            restarts: count(&self.traps) + count(&self.used_up),
            memory: count(&self.memory),
            latency: self.latency.0.iter().map(count).collect(),
        }
    }
}

impl CountedRequest<'_> {
    /// It has an answer, or will have none.
    pub(crate) fn end(mut self, failed: bool) {
        self.failed = failed;
    }
}

impl Drop for CountedRequest<'_> {
    fn drop(&mut self) {
        let took = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_US.partition_point(|bound| *bound < took);
        if let Some(bucket) = self.counters.latency.0.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.counters.errors.fetch_add(u64::from(self.failed), Ordering::Relaxed);
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_counted_once_also_one_that_nobody_waits_for() {
        let counters = Counters::default();
        counters.begin().end(false);
        counters.begin().end(true);
        drop(counters.begin());
        counters.memory().fetch_max(7, Ordering::Relaxed);
        let Counts { requests, errors, memory, latency, .. } = counters.counts();
        assert_eq!((requests, errors, memory, latency.iter().sum::<u64>()), (3, 1, 7, 3));
        assert_eq!(latency.len(), LATENCY_BOUNDS_US.len() + 1);
        let counts = counters.counts();
        let both = Counts::default().and(&counts).and(&counts);
        assert_eq!((both.requests, both.errors, both.memory, both.latency.iter().sum::<u64>()), (6, 2, 7, 6));
    }

    #[test]
    fn failed_and_used_up_instances_are_restarts() {
        let counters = Counters::default();
        counters.trapped();
        counters.used_up();
        let Counts { traps, restarts, .. } = counters.counts();
        assert_eq!((traps, restarts), (1, 2));
    }
}

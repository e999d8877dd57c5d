//! Sums and differences of what nodes have counted. Nodes' numbers are not believed to fit each other: nothing overflows, and nothing is less than nothing.

use crate::protocol::{Counters, LATENCY_BOUNDS_US, ReleaseId, Report};

/// Buckets of latencies.
const BUCKETS: usize = LATENCY_BOUNDS_US.len() + 1;

/// What a node says of a release.
pub(crate) fn counters_of(report: &Report, release: ReleaseId) -> Counters {
    let of = report.releases.iter().find(|of| of.release == release);
    of.map(|of| of.counters.clone()).unwrap_or_default()
}

/// What was counted between two looks at one process. Memory is the most there was so far.
pub(crate) fn since(now: &Counters, before: &Counters) -> Counters {
    let requests = now.requests.saturating_sub(before.requests);
    let earlier = before.latency.iter().copied().chain(std::iter::repeat(0));
    Counters {
        requests,
        errors: now.errors.saturating_sub(before.errors).min(requests),
        traps: now.traps.saturating_sub(before.traps),
        restarts: now.restarts.saturating_sub(before.restarts),
        memory: now.memory,
        latency: now.latency.iter().take(BUCKETS).zip(earlier).map(|(now, before)| now.saturating_sub(before)).collect(),
    }
}

/// Adds what another node has counted. Memory is that of the instance that has most.
pub(crate) fn add(sum: &mut Counters, more: &Counters) {
    sum.requests = sum.requests.saturating_add(more.requests);
    sum.errors = sum.errors.saturating_add(more.errors);
    sum.traps = sum.traps.saturating_add(more.traps);
    sum.restarts = sum.restarts.saturating_add(more.restarts);
    sum.memory = sum.memory.max(more.memory);
    if sum.latency.len() < BUCKETS {
        sum.latency.resize(BUCKETS, 0);
    }
    for (sum, more) in sum.latency.iter_mut().zip(&more.latency) {
        *sum = sum.saturating_add(*more);
    }
}

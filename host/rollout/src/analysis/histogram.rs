//! Quantiles out of buckets. Within a bucket requests are taken to be spread evenly.

use super::statistics::float;
use crate::protocol::LATENCY_BOUNDS_US;

/// A bucket: its bounds in microseconds, and how many requests are in it. The last one has no end, and is taken to be as wide as the one before.
fn buckets(latency: &[u64]) -> impl Iterator<Item = (f64, f64, f64)> {
    let lower = std::iter::once(0).chain(LATENCY_BOUNDS_US);
    let last = LATENCY_BOUNDS_US.last().map_or(0, |last| last * 2);
    let upper = LATENCY_BOUNDS_US.into_iter().chain(std::iter::once(last));
    lower.zip(upper).zip(latency).map(|((lower, upper), count)| (float(lower), float(upper), float(*count)))
}

/// Requests that were timed.
pub(super) fn total(latency: &[u64]) -> u64 {
    latency.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

/// The quantile of [`Counters::latency`](crate::protocol::Counters::latency) in microseconds; none of no requests.
#[must_use]
pub fn quantile(latency: &[u64], quantile: f64) -> Option<f64> {
    let mut left = float(total(latency)) * quantile;
    let mut end = None;
    for (lower, upper, count) in buckets(latency).filter(|(_, _, count)| *count > 0.0) {
        if left <= count {
            return Some(lower + (upper - lower) * left / count);
        }
        left -= count;
        end = Some(upper);
    }
    end
}

/// The share of requests that took longer, of 1.
pub(super) fn share_above(latency: &[u64], limit_us: f64) -> f64 {
    let above = buckets(latency).map(|(lower, upper, count)| {
        let share = ((upper - limit_us) / (upper - lower)).clamp(0.0, 1.0);
        count * share
    });
    above.sum::<f64>() / float(total(latency)).max(1.0)
}

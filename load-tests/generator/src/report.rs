//! What came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

/// A run's results. Times are in milliseconds, from when a request was due to its whole answer.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Requests that were due.
    due: usize,
    /// Answers, by status.
    answers: BTreeMap<u16, usize>,
    /// Requests without an answer at the end.
    unanswered: usize,
    /// Holds that were taken, a second until the last answer.
    holds_per_second: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// What an answer that took places says.
const CREATED: u16 = 201;

impl Report {
    /// Of all latencies, in no order, of a run that took so long from its begin to its last answer.
    pub fn new(due: usize, answers: BTreeMap<u16, usize>, mut latencies: Vec<Duration>, time: Duration) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| {
            let last = latencies.len().saturating_sub(1);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place in a list"
            )]
            let place = (last as f64 * share).ceil() as usize;
            latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let holds_per_second = answers.get(&CREATED).copied().unwrap_or_default() as f64 / time.as_secs_f64();
        let (p50_ms, p90_ms, p99_ms, max_ms) = (at(0.5), at(0.9), at(0.99), at(1.0));
        Self { due, unanswered: due.saturating_sub(latencies.len()), answers, holds_per_second, p50_ms, p90_ms, p99_ms, max_ms }
    }

    /// As one line.
    #[expect(clippy::print_stdout, reason = "it is what this program is for")]
    pub fn print(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_latencies() {
        let latencies = (1..=100).rev().map(Duration::from_millis).collect();
        let report = Report::new(103, BTreeMap::from([(201, 90), (503, 10)]), latencies, Duration::from_secs(9));
        assert_eq!((report.p50_ms, report.p99_ms, report.max_ms), (51.0, 100.0, 100.0));
        assert_eq!((report.unanswered, report.holds_per_second), (3, 10.0));
    }
}

//! One line for many batches that could not be decided: in an outage there are hundreds a second.

use std::sync::{Mutex, PoisonError};

use contracts::Failure;
use tokio::time::Instant;

use crate::limits;

/// Counts failed batches. The first is logged at once, the others periodically, and at the end their total.
#[derive(Default)]
pub(super) struct Summary(Mutex<Option<FailureCounts>>);

struct FailureCounts {
    since: Instant,
    said: Instant,
    batches: u64,
    commands: u64,
    /// What has not been said yet.
    unsaid: u64,
}

impl Summary {
    /// A batch of so many commands could not be decided.
    pub(super) fn note(&self, commands: usize, failure: &Failure, what: &'static str) {
        self.count(commands, &failure.to_string(), what);
    }

    /// Returns whether it was logged.
    fn count(&self, commands: usize, error: &str, what: &'static str) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let first = failures.is_none();
        let failures = failures.get_or_insert(FailureCounts { since: now, said: now, batches: 0, commands: 0, unsaid: 0 });
        failures.batches += 1;
        failures.unsaid += 1;
        failures.commands = failures.commands.saturating_add(u64::try_from(commands).unwrap_or(u64::MAX));
        let says = first || now.duration_since(failures.said) >= limits::SUMMARY;
        if says {
            let for_s = now.duration_since(failures.since).as_secs();
            tracing::warn!(batches = failures.unsaid, commands_in_all = failures.commands, for_s, error, "{what}");
            (failures.said, failures.unsaid) = (now, 0);
        }
        says
    }

    /// A batch was decided.
    pub(super) fn ends(&self) {
        let Some(FailureCounts { since, batches, commands, .. }) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
        else {
            return;
        };
        tracing::info!(batches, commands, for_ms = since.elapsed().as_millis(), "batches are decided again after an outage");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_logged_in_a_few_lines() {
        let summary = Summary::default();
        let mut lines = 0;
        for _ in 0..3_000 {
            lines += usize::from(summary.count(10, "there is no database", "the ledger could not be asked"));
            tokio::time::advance(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(lines, 3, "of 30 s");
        summary.ends();
        summary.ends();
        assert!(summary.count(1, "there is no database", "the ledger could not be asked"), "the next one is said at once");
    }
}

//! How far the relay is, for people and metrics.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use telemetry::Metrics;
use tokio::time::Instant;

use crate::journal::JournalHead;

/// How far the relay is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether this node runs it.
    pub running: bool,
    /// The last position that Kafka has, and all before it.
    pub position: i64,
    /// The last position that there is, when that was last looked at.
    pub last: i64,
    /// Records that Kafka has acknowledged since this node's start, those that were published again included.
    pub published: u64,
    /// Rows that have gone by in the last second or so, a second.
    pub rate: f64,
    /// How old the oldest row is that is not published.
    pub oldest: Option<Duration>,
    /// How often it had to begin again.
    pub errors: u64,
}

impl Status {
    /// Positions that Kafka does not have yet.
    #[must_use]
    pub fn lag(&self) -> i64 {
        (self.last - self.position).max(0)
    }
}

/// What of it is known.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<ProgressState>);

#[derive(Debug, Default)]
struct ProgressState {
    status: Status,
    /// Where it was when the rate was last reckoned, and when that was.
    reckoned: Option<(i64, Instant)>,
}

impl Progress {
    fn with<T>(&self, change: impl FnOnce(&mut ProgressState) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn status(&self) -> Status {
        self.with(|known| known.status)
    }

    pub(super) fn begun(&self, position: i64) {
        self.with(|known| {
            known.status.running = true;
            known.status.position = position;
            known.reckoned = Some((position, Instant::now()));
        });
    }

    pub(super) fn paused(&self, metrics: &Metrics) {
        self.with(|known| {
            known.status.running = false;
            known.status.rate = 0.0;
        });
        // Only one node of a region speaks of the lag.
        metrics.streams().relay_lag(0, Duration::ZERO);
    }

    pub(super) fn failed(&self) {
        self.with(|known| known.status.errors += 1);
    }

    pub(super) fn published(&self, records: u64) {
        self.with(|known| known.status.published += records);
    }

    pub(super) fn reached(&self, position: i64) {
        self.with(|known| known.status.position = position);
    }

    pub(super) fn stands(&self, standing: JournalHead, metrics: &Metrics) {
        let status = self.with(|known| {
            known.status.last = standing.last.max(known.status.position);
            let oldest = standing.oldest.map(|age| Duration::from_micros(u64::try_from(age).unwrap_or_default()));
            known.status.oldest = oldest.filter(|_| known.status.lag() > 0);
            let position = known.status.position;
            if let Some((from, at)) = known.reckoned.replace((position, Instant::now())) {
                let seconds = at.elapsed().as_secs_f64().max(0.001);
                known.status.rate = f64::from(u32::try_from(position - from).unwrap_or_default()) / seconds;
            }
            known.status
        });
        metrics.streams().relay_lag(status.lag(), status.oldest.unwrap_or_default());
    }
}

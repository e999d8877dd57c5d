//! The database's clock between two readings of it.

use crate::{Host, limits};
use std::time::Duration;

/// The database's clock as it was read, advanced by the monotonic clock. A node's own clock decides nothing.
#[derive(Debug)]
pub struct Clock {
    database: i64,
    read: Duration,
}

impl Clock {
    /// It says this now: microseconds since the Unix epoch.
    pub fn new(database: i64, host: &impl Host) -> Self {
        Self { database, read: host.elapsed() }
    }

    /// What it says by now; after a pause only what it said, so that a caller finds it behind and reads it again.
    pub fn now(&self, host: &impl Host) -> i64 {
        #[cfg(feature = "bugs")]
        if crate::bugs::planted(crate::bugs::Bug::NodeClock) {
            return host.wall_clock();
        }
        let since = host.elapsed().saturating_sub(self.read);
        if since > Duration::from_micros(limits::CLOCK_TRUSTED) {
            return self.database;
        }
        self.database.saturating_add(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

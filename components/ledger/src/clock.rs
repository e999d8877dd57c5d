//! The database's clock between two readings of it.

use crate::limits;
use std::time::{Duration, Instant};

/// The database's clock as it was read, advanced by the monotonic clock. A node's own clock decides nothing.
pub struct Clock {
    database: i64,
    read: Instant,
}

impl Clock {
    /// It says this now: microseconds since the Unix epoch.
    pub fn new(database: i64) -> Self {
        Self { database, read: Instant::now() }
    }

    /// What it says by now; after a pause only what it said, so that whoever goes by it finds it behind and reads it again.
    pub fn now(&self) -> i64 {
        let since = self.read.elapsed();
        if since > Duration::from_micros(limits::CLOCK_TRUSTED) {
            return self.database;
        }
        self.database.saturating_add(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

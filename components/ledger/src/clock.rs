//! The database's clock between two readings of it.

use std::time::Instant;

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

    /// What it says by now.
    pub fn now(&self) -> i64 {
        self.database.saturating_add(i64::try_from(self.read.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

//! Every bound of this crate.

use std::time::Duration;

/// Tries of a request that was not answered for good.
pub const TRIES: u32 = 8;
/// Pause before a further try, times the number of tries so far, where the platform does not say how long.
pub const PAUSE: Duration = Duration::from_millis(200);
/// Longest pause before a further try, whatever the platform says.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Events on a page of those that are there already: as many as the API gives.
pub const PAGE: usize = 100;
/// Pages of those; a catalog that has more is not one for a demo.
pub const PAGES: usize = 1_000;

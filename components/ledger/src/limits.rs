//! Every bound of this crate; those of what it runs are in [`ledger_engine::limits`].

use std::ops::RangeInclusive;

/// What the settings of how many places may be held at a time may say.
pub const PLACES: RangeInclusive<u32> = 1..=1_000_000_000;
/// The same in hundredths of an event's places.
pub const PERCENT: RangeInclusive<u32> = 0..=100;
/// Random bytes asked for a command: as many as a hold needs.
pub const RANDOM_BYTES: usize = 48;

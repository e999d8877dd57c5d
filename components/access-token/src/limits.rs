//! Every bound of this crate.

use std::ops::RangeInclusive;

/// How long a token that is issued is good, in seconds.
pub const LIFETIME_SECONDS: i64 = 900;
/// How far two clocks may be apart, in seconds.
pub const LEEWAY_SECONDS: i64 = 60;
/// How long a key is trusted after it has signed for the last time, in microseconds: until its last token has expired, by any node's clock.
pub const KEY_MICROSECONDS: i64 = (LIFETIME_SECONDS + LEEWAY_SECONDS) * 1_000_000;
/// Length of a token in bytes.
pub const TOKEN_BYTES: usize = 4_096;
/// Length of a key's id in bytes.
pub const KEY_ID_BYTES: RangeInclusive<usize> = 1..=128;

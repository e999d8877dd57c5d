//! Every bound of this crate.

use std::ops::RangeInclusive;

/// Bytes of an address.
pub const URL_BYTES: RangeInclusive<usize> = 1..=2_000;
/// Bytes of one label of a domain.
pub const LABEL_BYTES: RangeInclusive<usize> = 1..=63;
/// Bytes of a domain.
pub const DOMAIN_BYTES: usize = 253;
/// Ports that may be called beside the scheme's own: below are services that speak something else.
pub const PORTS: RangeInclusive<u16> = 1_024..=u16::MAX;

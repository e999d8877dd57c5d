//! Every bound of this crate.

use jiff::SignedDuration;

/// Bytes of a line without its end (RFC 5545, 3.1).
pub const LINE: usize = 75;
/// Characters of a value. No title, venue or list of what was bought is longer; a longer one ends with `…`.
pub const VALUE: usize = 4_000;
/// How long after an event's end changes of its zone's offset are told of: most zones change twice a year.
pub const BEYOND: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Changes of a zone's offset that are told of. No event takes so long that it has more.
pub const CHANGES: usize = 64;

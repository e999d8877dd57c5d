//! Every bound of this component.

use std::ops::RangeInclusive;

/// Ticket types of one booking.
pub const ITEMS: RangeInclusive<usize> = 1..=20;
/// Places of one ticket type in one booking.
pub const QUANTITY: RangeInclusive<i64> = 1..=100;
/// Events whose overdue holds one call tidies; the ledger takes up to 256 commands at once.
pub const DUE_EVENTS: i64 = 100;
/// Overdue holds looked at to find those events.
pub const DUE_BOOKINGS: i64 = 1000;
/// For how long a booking's tickets let nobody in while the ledger is asked to cancel it: longer than a command can be decided.
pub const STOP_MICROSECONDS: i64 = kit::limits::COMMAND_MICROSECONDS + 35_000_000;
/// Bytes of a list's cursor.
pub const CURSOR_BYTES: RangeInclusive<usize> = 1..=96;
/// Digits of the microseconds in such a cursor: enough for thirty thousand years.
pub const CURSOR_DIGITS: usize = 18;

//! Every bound of this component.

use kit::time::SECOND;
use std::ops::RangeInclusive;

/// Characters that a search looks for.
pub const SEARCH: RangeInclusive<usize> = 1..=100;
/// Bytes of a list's cursor.
pub const CURSOR_BYTES: RangeInclusive<usize> = 1..=96;
/// Rows of one answer in CSV; the next page has its own.
pub const CSV_ROWS: i64 = 5000;
/// Characters of a name.
pub const NAME: RangeInclusive<usize> = 1..=200;
/// Characters of an email address before it is looked at closely.
pub const EMAIL: RangeInclusive<usize> = 3..=254;
/// Characters of a note.
pub const NOTE: RangeInclusive<usize> = 1..=2000;
/// Minor units of a refund.
pub const REFUND: RangeInclusive<i64> = 0..=500_000_000_000_000_000;
/// Orders whose items are read at once: a statement takes only so many parameters.
pub const ORDERS_AT_ONCE: usize = 500;
/// Payments of one order that are shown.
pub const PAYMENTS: i64 = 20;
/// Refunds of one order that are shown.
pub const REFUNDS: i64 = 100;
/// An order's mail is sent again once in this time.
pub const RESEND_EVERY: i64 = 60 * SECOND;

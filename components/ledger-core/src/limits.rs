//! Every bound of this crate.

use std::ops::RangeInclusive;

/// Bytes of an id: of an event, a user, a booking, a payment, a ticket type.
pub const ID_BYTES: RangeInclusive<usize> = 1..=200;
/// Bytes of an idempotency key.
pub const KEY_BYTES: RangeInclusive<usize> = 1..=200;
/// Ticket types of one event.
pub const OFFERS: RangeInclusive<usize> = 1..=50;
/// Capacities that ticket types of an event share at a time.
pub const SHARED: RangeInclusive<usize> = 0..=16;
/// Ticket types of one of them.
pub const SHARED_TYPES: RangeInclusive<usize> = 1..=50;
/// Shared capacities that one ticket type may be in: a place taken of it writes as many lines more.
pub const SHARED_OF_TYPE: usize = 4;
/// Shared capacities of an event over its life: their lines stay, so that an id means one for good.
pub const SHARED_EVER: usize = 200;
/// Lines of one order; a ticket type is in it once.
pub const ORDER_LINES: RangeInclusive<usize> = 1..=50;
/// A price, in minor units. With [`QUANTITY`] and [`ORDER_LINES`] it keeps every total far inside an `i64`.
pub const PRICE: RangeInclusive<i64> = 0..=1_000_000_000_000;
/// Places of one order line; what one person may have is the event's own matter.
pub const QUANTITY: RangeInclusive<u32> = 1..=10_000;
/// Overdue holds that one `expire` tidies.
pub const SWEPT_BY_EXPIRE: usize = 200;
/// After how many milliseconds a command that came to nothing may be tried again.
pub const RETRY_MILLISECONDS: u32 = 200;

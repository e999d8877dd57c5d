//! Every bound of this component. Durations are microseconds.

use kit::time::SECOND;
use std::ops::RangeInclusive;

/// Characters of a payment method's token.
pub const TOKEN: RangeInclusive<usize> = 1..=200;
/// Minor units of a refund that is asked for: as much as the ledger's largest order may cost.
pub const REFUND: RangeInclusive<i64> = 1..=500_000_000_000_000_000;
/// Steps that one request drives one payment: begin, start, look up, and some room for others who drive it too.
pub const STEPS: usize = 8;
/// Times that a write looks again after losing a race.
pub const ATTEMPTS: usize = 4;
/// How long the request that accepted a payment has it for itself, before other drivers may continue it.
pub const OWN_TIME: i64 = 10 * SECOND;
/// The shortest and longest wait before a payment is looked at again. It grows with the payment's age.
pub const WAIT: RangeInclusive<i64> = SECOND..=5 * 60 * SECOND;
/// The shortest time between two looks where the provider says when to look.
pub const WAIT_FLOOR: i64 = SECOND / 10;
/// How long after a provider gave no answer the outcome is asked for.
pub const NO_ANSWER: i64 = 2 * SECOND;
/// The shortest and longest wait before a refund is tried again. It doubles with every attempt.
pub const REFUND_WAIT: RangeInclusive<i64> = 2 * SECOND..=3600 * SECOND;
/// Payments, and refunds, that one call of the due route moves on.
pub const DUE: i64 = 50;
/// After this long the due route leaves the rest to the next call.
pub const DUE_TIME: i64 = 8 * SECOND;
/// Refunds of one payment that are shown; more than occur in practice.
pub const REFUNDS_SHOWN: i64 = 1_000;
/// Refunds of one payment that a read of it moves on.
pub const REFUNDS_OF_ONE: i64 = 10;
/// How far a webhook's timestamp may be from now.
pub const WEBHOOK_TOLERANCE: i64 = 300 * SECOND;
/// Bytes of a webhook's signature header.
pub const SIGNATURE_BYTES: usize = 1024;
/// Ticket types of one sale at the counter.
pub const SALE_ITEMS: RangeInclusive<usize> = 1..=20;
/// Places of one ticket type in one sale at the counter.
pub const SALE_QUANTITY: RangeInclusive<i64> = 1..=100;
/// Characters of the name of somebody who buys at the counter.
pub const BUYER_NAME: RangeInclusive<usize> = 1..=200;
/// Characters of such a buyer's address, before it is looked at closely.
pub const BUYER_EMAIL: RangeInclusive<usize> = 3..=254;
/// Characters of a webhook's event id, and of its reason.
pub const WEBHOOK_TEXT: RangeInclusive<usize> = 1..=200;
/// Bytes of the sandbox page's form.
pub const FORM_BYTES: usize = 1024;

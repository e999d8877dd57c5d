//! Every bound of this component. Durations are microseconds where nothing else is said.

use kit::time::SECOND;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Records of one transaction.
pub const RECORDS: usize = 500;
/// Transactions tried again at once after losing a race.
pub const ATTEMPTS: usize = 4;
/// When to hand a record over again that the database did not take, in milliseconds.
pub const RETRY_MILLISECONDS: u32 = 1_000;
/// Bytes of a record's id.
pub const ID_BYTES: RangeInclusive<usize> = 1..=200;
/// Bytes of any other of its headers that is kept.
pub const HEADER_BYTES: RangeInclusive<usize> = 1..=100;
/// Bytes of a record's value.
pub const VALUE_BYTES: usize = 1 << 20;
/// Minor units in one record: as much as the ledger's largest order may cost, fifty lines of 10,000 places at 10¹² each.
pub const AMOUNT: RangeInclusive<i64> = 0..=500_000_000_000_000_000;
/// Characters of a reason that is kept or given.
pub const REASON: usize = 500;

/// Mails sent by a call that had records: they wait for it.
pub const MAILS_AFTER_A_BATCH: usize = 16;
/// Mails sent by a tick.
pub const MAILS_OF_A_TICK: usize = 128;
/// Mails sent at once.
pub const MAILS_AT_ONCE: usize = 8;
/// After so long a call sends no more of what it has claimed.
pub const SEND_TIME: Duration = Duration::from_secs(10);
/// How long a mail is its claimer's. Longer than any call: who comes after it comes after a crash.
pub const CLAIM: i64 = 120 * SECOND;
/// The shortest and longest wait before a mail is tried again. It doubles with every attempt.
pub const WAIT: RangeInclusive<i64> = 5 * SECOND..=3600 * SECOND;
/// Attempts at one mail, over a day and a half; then it has failed.
pub const MAIL_ATTEMPTS: i64 = 40;
/// Characters of a value in a mail; no title, name or venue has more.
pub const VALUE: usize = 300;
/// Characters of a mail's subject; a longer one is shortened.
pub const SUBJECT: usize = 200;
/// Tickets whose codes stand in a mail. Of an order that has more, the mail says how many and where.
pub const TICKETS: usize = 200;

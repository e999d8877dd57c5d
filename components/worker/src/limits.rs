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
/// Mails to many people (messages, reminders) that wait to be sent: the next are written down when there is room.
pub const BULK_DUE: i64 = 1_000;
/// Bookings whose people's mails are written down in one transaction.
pub const BULK_BOOKINGS: i64 = 250;
/// Such transactions of one tick, for messages and for reminders each.
pub const BULK_TURNS: i64 = 4;
/// How far ahead of an event its reminders may be: what the catalog permits, 14 days.
pub const REMINDER_AHEAD: i64 = 14 * 86_400 * SECOND;
/// Characters of a value in a mail; no title, name or venue has more.
pub const VALUE: usize = 300;
/// Characters of a mail's subject; a longer one is shortened.
pub const SUBJECT: usize = 200;
/// Orders of guests that one mail opens, those that can be opened for longest.
pub const GUEST_ORDERS: i64 = 20;
/// Tickets whose codes stand in a mail. Of an order that has more, the mail says how many and where.
pub const TICKETS: usize = 200;

/// Webhooks' messages on their way at once, from one tick.
pub const HOOKS_AT_ONCE: usize = 32;
/// Of those, to one receiver; to one that failed last it is one.
pub const HOOK_AT_ONCE: i64 = 4;
/// Webhooks that have a turn at a time.
pub const HOOK_TURNS: i64 = 32;
/// For how long a tick goes on sending what comes due meanwhile. With the attempts that have begun then it stays below what a call may take.
pub const HOOK_TIME: Duration = Duration::from_secs(20);
/// How often it looks for more while it waits for answers.
pub const HOOK_PAUSE: Duration = Duration::from_millis(250);
/// How long a message is its claimer's. Longer than any call: who comes after it comes after a crash.
pub const HOOK_CLAIM: i64 = 90 * SECOND;
/// How long an attempt may wait for a connection, for the head of the answer, for each piece of its body, and for all of that body.
pub const HOOK_CONNECT: Duration = Duration::from_secs(5);
/// See [`HOOK_CONNECT`].
pub const HOOK_FIRST_BYTE: Duration = Duration::from_secs(10);
/// See [`HOOK_CONNECT`].
pub const HOOK_BETWEEN_BYTES: Duration = Duration::from_secs(3);
/// See [`HOOK_CONNECT`].
pub const HOOK_BODY: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read and kept.
pub const HOOK_ANSWER: usize = 1_024;
/// The shortest and longest wait before a message is tried again, give or take a fifth. It doubles with every attempt.
pub const HOOK_WAIT: RangeInclusive<i64> = 5 * SECOND..=3 * 3_600 * SECOND;
/// Attempts at one message, over about a day; then it has failed.
pub const HOOK_ATTEMPTS: i64 = 19;
/// After so long what fails is not tried again, however seldom it had its turn.
pub const HOOK_GIVEN_UP: i64 = 30 * 3_600 * SECOND;
/// The longest that a receiver is left alone which fails: so long it may take until one that is there again is told.
pub const HOOK_REST: i64 = 600 * SECOND;
/// A receiver that has failed for so long, whatever it was told, is told nothing any more.
pub const HOOK_FAILING: i64 = 3 * 86_400 * SECOND;
/// Messages of a webhook that wait; what happens beyond that it is not told.
pub const HOOK_DUE: i64 = 10_000;
/// Messages of a webhook that are kept beside those.
pub const HOOK_LOG: i64 = 1_000;
/// Orders, or events, that are read at once.
pub const HOOK_ORDERS: usize = 500;
/// Messages written by one statement.
pub const HOOK_ROWS: usize = 100;

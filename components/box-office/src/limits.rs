//! Every bound of this component.
//! Every bound of this component. Durations are microseconds.

use kit::time::SECOND;
use std::ops::RangeInclusive;

/// Bytes of a list's cursor.
pub const CURSOR_BYTES: RangeInclusive<usize> = 1..=96;
/// Rows of one answer in CSV; the next page has its own.
pub const CSV_ROWS: i64 = 5000;
/// Characters of a buyer's name.
pub const BUYER_NAME: RangeInclusive<usize> = 1..=200;
/// Characters of an email address before it is looked at closely.
pub const EMAIL: RangeInclusive<usize> = 3..=254;
/// Characters of a note.
pub const NOTE: RangeInclusive<usize> = 1..=2000;
/// Minor units of a refund.
pub const REFUND: RangeInclusive<i64> = 0..=500_000_000_000_000_000;
/// Orders whose items are read at once: a statement takes only so many parameters.
pub const ORDERS_AT_ONCE: usize = 500;
/// Orders whose answers are in memory at once.
pub const ANSWERED_AT_ONCE: usize = 100;
/// Payments of one order that are shown.
pub const PAYMENTS: i64 = 20;
/// Refunds of one order that are shown.
pub const REFUNDS: i64 = 100;
/// An order's mail is sent again once in this time.
pub const RESEND_EVERY: i64 = 60 * SECOND;
/// Characters of a name: of who comes, and of a check-in list.
pub const NAME: RangeInclusive<usize> = 1..=100;
/// Characters of a gate.
pub const GATE: RangeInclusive<usize> = 1..=64;
/// Characters of what was scanned.
pub const CODE: RangeInclusive<usize> = 0..=256;
/// Characters of what attendees are searched for.
pub const SEARCH: RangeInclusive<usize> = 1..=100;
/// Bytes of a cursor.
pub const CURSOR: RangeInclusive<usize> = 1..=110;
/// Digits of the microseconds in one.
pub const CURSOR_DIGITS: usize = 18;
/// Numbers of tickets: a booking has 20 items of 100 places at most.
pub const NUMBER: RangeInclusive<u32> = 1..=9_999;

/// Tickets of one PDF: drawing them takes half a second, in which their instance answers nobody else.
pub const PRINTED: usize = 200;

/// How far a scanner's clock may be ahead of the database's.
pub const SKEW: i64 = 120 * SECOND;
/// How old a scan may be when it is told of: a device may come back long after a festival.
pub const SCAN_AGE: i64 = 14 * 86_400 * SECOND;
/// Scans that are merged by one request.
pub const SCANS: RangeInclusive<usize> = 1..=500;
/// Scans that are merged in one transaction.
pub const SCANS_AT_ONCE: usize = 50;
/// Check-in lists of an event.
pub const LISTS: usize = 50;
/// Ticket types of a list: as many as an event may have.
pub const LIST_TYPES: RangeInclusive<usize> = 1..=50;

/// Tickets that one request answers about.
pub const TICKETS_ANSWERED: RangeInclusive<usize> = 0..=500;
/// Characters of an answer in a line.
pub const ANSWER_LINE: usize = 200;
/// Characters of an answer of several lines.
pub const ANSWER: usize = 2_000;
/// Characters of all answers about an order, or about a ticket.
pub const ANSWERS: usize = 5_000;
/// Characters of all answers of a booking, with their questions and [`ANSWER_TEXT`] for each: they are read at once.
pub const BOOKING_ANSWERS: i64 = 1_000_000;
/// What an answer counts as beside its characters and its question's.
pub const ANSWER_TEXT: i64 = 100;
/// Questions whose answers have a column in CSV although they are asked no more.
pub const ANSWERED_QUESTIONS: i64 = 100;

/// How long an offer of a ticket can be accepted.
pub const OFFER: i64 = 7 * 86_400 * SECOND;
/// Offers that a person makes a day: each is a mail to an address that they choose.
pub const OFFERS_A_DAY: i64 = 50;
/// A day.
pub const DAY: i64 = 86_400 * SECOND;
/// How often a ticket is given out anew: a list for scanners names every generation of it.
pub const GENERATIONS: u32 = 50;

/// Bookings of an event that are read at once.
pub const BOOKINGS_AT_ONCE: i64 = 250;
/// Tickets that are looked at for one page of attendees.
pub const TICKETS_LOOKED_AT: usize = 50_000;
/// Tickets of one CSV document.
pub const CSV_TICKETS: usize = 50_000;
/// Rows of it that are in memory beside the document, with what was answered.
pub const CSV_TICKETS_AT_ONCE: usize = 250;
/// Public keys that scanners are told of.
pub const KEYS: i64 = 100;
/// Tickets on a page of the list for scanners.
pub const OFFLINE_TICKETS: usize = 5_000;
/// Times that a person's bookings are read for one page of their tickets: some have none that are still theirs.
pub const MINE_READS: usize = 10;

/// Events whose short codes are looked for where the scanner does not say which.
pub const SHORT_CODE_EVENTS: i64 = 10;
/// How long before it begins and after it ends such an event counts.
pub const SHORT_CODE_AROUND: i64 = 86_400 * SECOND;
/// Tickets whose short codes are written down by one scan.
pub const SHORT_CODES: usize = 100_000;
/// Short codes in one statement.
pub const SHORT_CODES_AT_ONCE: usize = 500;

/// Characters of a region's name.
pub const REGION: RangeInclusive<usize> = 1..=16;
/// Characters of the address that a webhook's messages go to.
pub const WEBHOOK_URL: RangeInclusive<usize> = 1..=2_000;
/// Characters of what a webhook is for.
pub const WEBHOOK_DESCRIPTION: RangeInclusive<usize> = 1..=200;
/// Webhooks of an organiser in a region: each is told everything by itself.
pub const WEBHOOKS: i64 = 20;
/// Bytes of a webhook's secret; Standard Webhooks asks for 24 to 64.
pub const WEBHOOK_SECRET: usize = 32;
/// How long the secret before signs as well.
pub const WEBHOOK_SECRET_BEFORE: i64 = DAY;
/// Test messages of a webhook in [`WEBHOOK_TESTS_IN`]: a server may be somebody else's.
pub const WEBHOOK_TESTS: i64 = 10;
/// See [`WEBHOOK_TESTS`].
pub const WEBHOOK_TESTS_IN: i64 = 60 * SECOND;
/// A message is sent again by hand once in this time.
pub const WEBHOOK_RESEND_EVERY: i64 = 5 * SECOND;
/// How long a message is tried that was asked for by hand; what the worker writes down itself, it tries as long.
pub const WEBHOOK_GIVEN_UP: i64 = 30 * 3_600 * SECOND;

/// Characters of a message's subject.
pub const MESSAGE_SUBJECT: RangeInclusive<usize> = 1..=150;
/// Characters of its text.
pub const MESSAGE_TEXT: RangeInclusive<usize> = 1..=10_000;
/// Messages of an event within a day: whoever comes is written to for a reason, and a thief of an account reaches nobody often.
pub const MESSAGES_OF_EVENT: i64 = 5;
/// Messages of an organiser within a day, in a region.
pub const MESSAGES_OF_ORGANISER: i64 = 20;
/// Tests that somebody has sent to themselves in [`MESSAGE_TESTS_IN`].
pub const MESSAGE_TESTS: i64 = 10;
/// See [`MESSAGE_TESTS`].
pub const MESSAGE_TESTS_IN: i64 = 3_600 * SECOND;

/// Bytes of the cursor of an export: an instant and what an item is called, which has up to three ids in it.
pub const EXPORT_CURSOR: RangeInclusive<usize> = 1..=300;
/// Papers in an archive of everything about somebody, the newest of each kind first.
pub const EXPORT_PAPERS: usize = 300;
/// Bytes of these: on a slow connection they are through before its time is over.
pub const EXPORT_BYTES: usize = 12 << 20;
/// After how long no other paper is begun: the answer begins well before it would be given up.
pub const EXPORT_TIME: i64 = 12 * SECOND;
/// Bookings, tickets received, and payments of which it is said whether their papers are there.
pub const EXPORT_NAMED: i64 = 2_000;
/// Things of a person that the archive lists; the list in pages has all.
pub const EXPORT_ITEMS: usize = 10_000;
/// Those that are read at once.
pub const EXPORT_ITEMS_AT_ONCE: i64 = 500;
/// Tickets of one booking in it.
pub const EXPORT_TICKETS: usize = 2_000;

//! Every bound of this component.

use std::ops::RangeInclusive;

/// Characters of a title.
pub const TITLE: RangeInclusive<usize> = 1..=200;
/// Characters of a description.
pub const DESCRIPTION: RangeInclusive<usize> = 0..=10_000;
/// Characters of any code: a category, a currency, a country, a time zone.
pub const CODE: RangeInclusive<usize> = 1..=64;
/// Characters of a category, a slug.
pub const CATEGORY: RangeInclusive<usize> = 1..=40;
/// Characters of a venue's name.
pub const VENUE_NAME: RangeInclusive<usize> = 1..=200;
/// Characters of a city.
pub const CITY: RangeInclusive<usize> = 1..=100;
/// Characters of a ticket type's name.
pub const TICKET_NAME: RangeInclusive<usize> = 1..=100;
/// Ticket types of an event.
pub const TICKET_TYPES: RangeInclusive<usize> = 1..=50;
/// Questions of an event.
pub const QUESTIONS: RangeInclusive<usize> = 0..=kit::limits::QUESTIONS;
/// Characters of a question.
pub const QUESTION_LABEL: RangeInclusive<usize> = 1..=200;
/// Characters of what helps to answer it.
pub const QUESTION_HELP: RangeInclusive<usize> = 0..=1_000;
/// What there is to choose from.
pub const CHOICES: RangeInclusive<usize> = 1..=50;
/// Characters of a choice.
pub const CHOICE: RangeInclusive<usize> = 1..=100;
/// Characters of all questions of an event, with what helps and what there is to choose from: every edge has them in its memory.
pub const QUESTIONS_TEXT: usize = 20_000;
/// Minor units, in any currency: what the ledger takes. In each it is bound by what it is worth, too: see [`crate::codes::highest_price`].
pub const PRICE: RangeInclusive<i64> = 0..=1_000_000_000_000;
/// What a ticket may be worth, in euros, roughly: ten million at most, and one million where a currency's magnitude is rounded down.
pub const WORTH: i64 = 10_000_000;
/// Places of a ticket type.
pub const CAPACITY: RangeInclusive<i64> = 1..=1_000_000;
/// Places one person may have of a ticket type.
pub const PER_PERSON: RangeInclusive<i64> = 1..=1000;
/// Places one person may have where the organiser does not say.
pub const PER_PERSON_DEFAULT: u32 = 10;
/// What a quota may be set to.
pub const QUOTA: RangeInclusive<u32> = 1..=1_000_000_000;
/// What a ticket type counts as beside its name, in characters of text.
pub const TICKET_TEXT: usize = 100;
/// Characters of the filter `q`.
pub const SEARCH_TEXT: RangeInclusive<usize> = 0..=200;
/// Characters of a cursor; longer ones are not ours.
pub const CURSOR: RangeInclusive<usize> = 1..=read_model::MAX_CURSOR_BYTES;
/// Events on a page of an organiser's own: each with its description.
pub const ORGANISER_PAGE: RangeInclusive<i64> = 1..=50;
/// Events on such a page where the client does not say.
pub const ORGANISER_PAGE_DEFAULT: i64 = 20;
/// Bytes of the cursor of a list by creation.
pub const CREATED_CURSOR: RangeInclusive<usize> = 1..=96;
/// Digits of the microseconds in such a cursor: enough for thirty thousand years.
pub const CURSOR_DIGITS: usize = 18;
/// Copies of an event that one request makes.
pub const COPIES: RangeInclusive<i64> = 1..=60;
/// Days, weeks or months between two copies.
pub const REPEAT_INTERVAL: RangeInclusive<i64> = 1..=12;
/// Hours before an event in which those who come are reminded of it; 0: they are not. The worker looks two weeks ahead.
pub const REMINDER_HOURS: RangeInclusive<i64> = 0..=336;
/// What that is where the organiser does not say.
pub const REMINDER_DEFAULT: i64 = 24;
/// How far ahead of now an event may be: a hundred years, in microseconds.
pub const AHEAD: i64 = 100 * 366 * 86_400 * 1_000_000;

/// Days whose analytics are shown; totals are of all days.
pub const DAYS: i64 = 400;

/// Bookings of a cancelled event that are cancelled in one call of the ledger.
pub const CHUNK: usize = 50;
/// Chunks taken on by one request.
pub const CHUNKS_PER_REQUEST: usize = 4;
/// Events that one tick drives on.
pub const DUE_EVENTS: i64 = 20;
/// How often one request begins anew because somebody else's step stood in its way.
pub const ROUNDS: usize = 4;
/// Retry-After for what the ledger could not do yet, in milliseconds.
pub const RETRY_MILLISECONDS: u32 = 1_000;

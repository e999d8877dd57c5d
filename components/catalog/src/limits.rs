//! Every bound of this component.

use std::ops::RangeInclusive;
use std::time::Duration;

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
/// Capacities that ticket types of an event share at a time. As the ledger has it.
pub const SHARED: RangeInclusive<usize> = 0..=16;
/// Ticket types that share one. As the ledger has it.
pub const SHARED_TYPES: RangeInclusive<usize> = 1..=50;
/// Shared capacities that a ticket type may be in. As the ledger has it.
pub const SHARED_OF_TYPE: usize = 4;
/// Shared capacities of an event over its life, once it was published. As the ledger has it.
pub const SHARED_EVER: usize = 200;
/// Characters of what a request calls a new ticket type, or a ticket type's id.
pub const TICKET_KEY: RangeInclusive<usize> = 1..=200;
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

/// Bytes of a picture that is sent: a telephone's photograph of 24 megapixels has 3 to 8 MiB. As `body_mib` of its route in `spin.toml` says.
pub const IMAGE_BYTES: usize = 10 * 1024 * 1024;
/// Pixels of a picture that is decoded whole: a screen of 3840 x 2160 has fewer. A decoder takes up to 12 bytes for each, and of the kind that is slowest
/// to decode about half a second for all.
pub const IMAGE_PIXELS: u64 = 8_500_000;
/// Pixels of a photograph, JPEG, which is decoded in a half, a quarter or an eighth of its size: a camera of 24 megapixels has up to 24.5 million. Of a
/// progressive one the decoder keeps up to 6 bytes for each.
pub const IMAGE_PHOTOGRAPH_PIXELS: u64 = 25_000_000;
/// How many times as long as the other one of its sides may be.
pub const IMAGE_OBLONG: u64 = 4;
/// Pixels of the longer side of each file that is made of it: for cards, and for an event's page.
pub const IMAGE_SIDES: [u32; 2] = [480, 1280];
/// Pixels of the longer side of a logo: the first with which its file is small enough is taken. With the last one it always is.
pub const LOGO_SIDES: [u32; 3] = [512, 384, 256];
/// From how many times a file's size on a picture is reduced to it by whole blocks.
pub const IMAGE_BLOCKS_FROM: u32 = 3;
/// Qualities of JPEG: the first with which a file is small enough is taken.
pub const IMAGE_QUALITIES: [u8; 3] = [82, 70, 50];
/// Bytes of a file: rows that a database reads well, and much less than what an edge keeps of an answer (`edge::limits::IMMUTABLE_ONE_BYTES`).
pub const IMAGE_FILE_BYTES: usize = 512 * 1024;
/// Bytes of what a picture carries beside its pixels, once it is no longer compressed.
pub const IMAGE_EXTRA_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of a bucket's name.
pub const S3_BUCKET: RangeInclusive<usize> = 3..=63;
/// Bytes of what keys of objects begin with; with a picture's id and more behind it they are within the 1,024 that S3 permits.
pub const S3_PREFIX: usize = 200;
/// Letters of an error's code that are written down.
pub const S3_CODE: usize = 64;
/// How long a signed address of an object is good: longer than two clocks differ.
pub const OBJECTS_SIGNED: Duration = Duration::from_secs(300);
/// How long a connection to the store of objects may take, and then the beginning of an answer, and each further part: a picture has two files, and its
/// request ten seconds.
pub const OBJECTS_CONNECT: Duration = Duration::from_secs(1);
/// See [`OBJECTS_CONNECT`].
pub const OBJECTS_FIRST_BYTE: Duration = Duration::from_secs(3);
/// See [`OBJECTS_CONNECT`].
pub const OBJECTS_BETWEEN_BYTES: Duration = Duration::from_secs(2);
/// How long an answer of it may take to come.
pub const OBJECTS_BODY: Duration = Duration::from_secs(5);
/// Retry-After while it is away, in milliseconds.
pub const OBJECTS_RETRY_MILLISECONDS: u32 = 5_000;
/// How long an object that was written may wait to be taken into use before it is deleted, in microseconds: much longer than a request takes.
pub const OBJECTS_WRITTEN: i64 = 3_600_000_000;
/// After how long another try is made to delete one, in microseconds.
pub const OBJECTS_AGAIN: i64 = 60_000_000;
/// For how long the store is left alone by ticks after it has failed, in microseconds.
pub const OBJECTS_PAUSE: i64 = 10_000_000;
/// Objects that a tick deletes, and files that it moves.
pub const OBJECTS_DELETED: i64 = 20;
/// See [`OBJECTS_DELETED`].
pub const OBJECTS_MOVED: usize = 4;
/// Objects that are deleted beside a request.
pub const OBJECTS_DELETED_BESIDE: i64 = 4;
/// Letters of a picture's digest, of five bits each: with the longest name of a region before them they are an id.
pub const IMAGE_DIGEST: usize = 32;

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

//! What bounds the read model's inputs.

/// How long after its end an event stays in read models and lists, in microseconds: 30 days. Later its page is answered from the database of its
/// home region.
pub const ARCHIVED_AFTER: i64 = 30 * 86_400 * 1_000_000;
/// Bytes that an event, a ticket type and a line of an inventory take beside their texts, roughly.
pub(crate) const EVENT_BYTES: usize = 768;
/// See [`EVENT_BYTES`].
pub(crate) const LINE_BYTES: usize = 96;
/// How much of what a read model may have it gives up at once when it has too much, so that it need not look again at every event: a twentieth.
pub(crate) const ROOM: usize = 20;
/// Entries of one search page.
pub const MAX_PAGE: u32 = 100;
/// Values of one facet.
pub const MAX_FACETS: usize = 50;
/// Words of a query's text that are looked at: as many as the longest text that the API takes can have.
pub const MAX_QUERY_WORDS: usize = 100;
/// Signs at the end of a word, as in `C++`, that belong to it, beside the first.
pub(crate) const MAX_SIGNS: usize = 2;
/// Bytes of what search looks at of an event; what of a description goes beyond is not found. Some characters are eighteen when they are taken apart.
pub(crate) const HAYSTACK_BYTES: usize = 64 * 1024;
/// Characters of a word that an index goes by; the rest of it is looked at in the text itself.
pub(crate) const KEY_CHARS: usize = 8;
/// The same in scripts written without spaces, where every character may begin a word.
pub(crate) const KEY_CHARS_UNSPACED: usize = 3;
/// Length of a cursor in bytes; longer ones are not ours.
pub const MAX_CURSOR_BYTES: usize = 2_048;
/// Characters of a folded title that it is sorted by, so that a cursor stays short.
pub(crate) const MAX_TITLE_KEY_CHARS: usize = 200;
/// Entries of a `Marquee-Seen` token; the newest stay.
pub const MAX_SEEN_ENTRIES: usize = 8;
/// Length of a `Marquee-Seen` token in bytes; longer ones are ignored.
pub const MAX_SEEN_BYTES: usize = 2_048;
/// Length of an id in bytes, as far as tokens are concerned.
pub(crate) const MAX_ID_BYTES: usize = 64;
/// Length of an access token in bytes; longer ones are not ours.
pub const MAX_TOKEN_BYTES: usize = 4_096;

//! What bounds the read model's inputs.

/// Entries of one search page.
pub const MAX_PAGE: u32 = 100;
/// Values of one facet.
pub const MAX_FACETS: usize = 50;
/// Words of a query's text that are looked at; the rest is ignored.
pub const MAX_QUERY_WORDS: usize = 16;
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

//! Every bound of this crate.

/// Pages of a receipt. The longest that can be sold, fifty ticket types with names as long as may be, takes fewer than ten.
pub const PAGES: usize = 20;
/// Files of a fonts folder that are looked at.
pub const FONT_FILES: usize = 1_000;
/// How deep folders may stand in each other there.
pub const FONT_FOLDERS: usize = 4;
/// Bytes of one font.
pub const FONT_BYTES: u64 = 24 << 20;
/// Bytes of all fonts that are in memory.
pub const FONTS_BYTES: u64 = 28 << 20;
/// Lines that are set once and kept for the next page of a document.
pub const LINES: usize = 1_000;
/// Characters of which it is remembered in which font they are.
pub const FOUND: usize = 4_000;
/// Bytes of the table that says which characters a font has.
pub const COVERAGE_BYTES: u32 = 1 << 20;

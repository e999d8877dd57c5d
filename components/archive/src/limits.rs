//! Every bound of this crate.

/// Bytes of a file's name, folders included.
pub const NAME_BYTES: usize = 255;
/// Files of an archive: the format counts them in 16 bits, and keeps the last number for an extension that is not written here.
pub const FILES: usize = 65_534;
/// Bytes of an archive: the format counts them in 32 bits, and keeps the last number likewise.
pub const BYTES: usize = 0x7fff_ffff;

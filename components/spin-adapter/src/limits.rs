//! Every bound of this component.

/// Length of a token in bytes.
pub const TOKEN_BYTES: usize = 4_096;
/// Length of a key's id in bytes.
pub const KEY_ID_BYTES: usize = 128;
/// After how many milliseconds to ask again when the database could not be asked.
pub const RETRY_MILLISECONDS: u32 = 1_000;

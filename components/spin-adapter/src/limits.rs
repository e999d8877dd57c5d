//! Every bound of this component.

/// After how many milliseconds to ask again when the database could not be asked.
pub const RETRY_MILLISECONDS: u32 = 1_000;

//! Every bound of this component.

/// Events that one search looks at, soonest first: all there are, in what stock Spin is for.
pub const EVENTS: i64 = 20_000;
/// After how many milliseconds to ask again when the database could not be asked.
pub const RETRY_MILLISECONDS: u32 = 1_000;

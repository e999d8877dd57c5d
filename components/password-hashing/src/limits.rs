//! Every bound of this crate.

/// Memory that hashing one password takes, in KiB.
pub const ARGON2_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const ARGON2_PASSES: u32 = 2;
/// Lanes.
pub const ARGON2_LANES: u32 = 1;

//! Every bound of this crate.

/// Origins that may be configured.
pub const ORIGINS: usize = 32;
/// How long a browser may keep the answer to a preflight, in seconds.
pub const PREFLIGHT_SECONDS: u32 = 600;

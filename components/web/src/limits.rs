//! Every bound of this crate.

/// Bytes of an `Accept` header that are looked at.
pub const ACCEPT_BYTES: usize = 1024;
/// Depth to which a schema's parts are described in place; what is deeper is named only.
pub const SCHEMA_DEPTH: usize = 4;

//! Every limit of this crate, with its unit and its reason.

/// Bytes of a manifest or a variables file.
pub const MANIFEST_BYTES: u64 = 1024 * 1024;

/// Bounds and defaults of the `tool.marquee` table. By default nothing is shared: a component may be third-party code.
pub const CONCURRENCY: (u32, u32, u32) = (1, 1, 64);
/// Requests after which an instance is replaced: least, default, most.
pub const REUSE: (u32, u32, u32) = (1, 1_000, 1_000_000);
/// MiB of an instance's memory: least, default, most.
pub const MEMORY_MIB: (u32, u32, u32) = (1, 64, 1_024);
/// Milliseconds a request may take until its response begins: least, default, most.
pub const TIMEOUT_MS: (u32, u32, u32) = (10, 10_000, 120_000);

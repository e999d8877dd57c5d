//! Every limit of this crate, with its unit and its reason.

use std::ops::RangeInclusive;

/// Bytes of a manifest or a variables file.
pub const MANIFEST_BYTES: u64 = 1024 * 1024;

/// Bounds and defaults of the `tool.marquee` table. By default nothing is shared: a component may be third-party code.
pub const CONCURRENCY: (u32, u32, u32) = (1, 1, 64);
/// Instances of a component that work at once: least, default, most. With its concurrency, bounds the requests in flight.
pub const INSTANCES: (u32, u32, u32) = (1, 32, 32);
/// Requests after which an instance is replaced: least, default, most.
pub const REUSE: (u32, u32, u32) = (1, 1_000, 1_000_000);
/// MiB of an instance's memory: least, default, most.
pub const MEMORY_MIB: (u32, u32, u32) = (1, 64, 1_024);
/// MiB of a body that a row of the table of routes may permit, where it takes a file. Without it a body has 1 MiB (`edge::limits::BODY_BYTES`).
pub const BODY_MIB: RangeInclusive<u32> = 2..=16;
/// Milliseconds a request may take until its response begins: least, default, most.
pub const TIMEOUT_MS: (u32, u32, u32) = (10, 10_000, 120_000);

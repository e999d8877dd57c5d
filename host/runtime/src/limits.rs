//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

/// How often the engine's epoch advances: a busy guest gives its thread back after at most two of these.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);

/// Sizes of the instance pool, tried in this order until one fits the address space. A slot reserves about 4 GiB of
/// addresses (no memory) for each linear memory; what cannot have even the last is allocated on demand.
pub const POOL_INSTANCES: [u32; 3] = [3_072, 512, 64];
/// Core instances a component instance may have: its module, its adapters' shims, and the same for each dependency composed in.
pub const POOL_CORE_INSTANCES_PER_COMPONENT: u32 = 64;
/// Linear memories in the pool for each instance, on average: most components have one, composed ones more.
pub const POOL_MEMORIES_PER_INSTANCE: u32 = 2;
/// Tables in the pool for each instance, on average: functions, and the shims between a component and its imports.
pub const POOL_TABLES_PER_INSTANCE: u32 = 4;
/// Entries of a component's function table.
pub const POOL_TABLE_ELEMENTS: usize = 20_000;
/// Bytes of a slot that stay in memory between two instances, so that taking a used slot again costs no page faults.
pub const POOL_KEEP_RESIDENT: usize = 256 * 1024;

/// Files that a component sees: all are read for the version's id.
pub const ASSET_FILES: usize = 10_000;
/// Bytes of those that are copied for it.
pub const ASSET_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of a component's wasm.
pub const WASM_BYTES: u64 = 64 * 1024 * 1024;

/// Requests of one component that are worked on at once, however many of them share an instance.
pub const IN_FLIGHT: u32 = 512;
/// Requests of one component that may wait for their turn.
pub const WAITING: usize = 1_024;
/// How long a request may wait for its turn. Longer, and its sender had better ask again later.
pub const WAIT: Duration = Duration::from_secs(2);

/// How long making an instance may take, start function included.
pub const INSTANTIATION: Duration = Duration::from_secs(5);
/// An instance that has had no request for so long is dropped.
pub const IDLE: Duration = Duration::from_secs(15);
/// How long an instance may keep working (sending a body, tidying up) after its last response has begun.
pub const POST_RETURN: Duration = Duration::from_secs(60);
/// A request's own deadline is checked inside the instance's event loop, which a busy guest blocks. So long after it the
/// instance is ended from outside.
pub const EXPIRY_GRACE: Duration = Duration::from_millis(50);
/// How long a request that lost its instance waits for the reason. It comes at once; this only bounds a bug.
pub const CAUSE: Duration = Duration::from_secs(1);

/// How long a new version's health check may take, for one component.
pub const HEALTH_CHECK: Duration = Duration::from_secs(10);

/// How many buckets of [`LATENCY_BOUNDS_US`] there are from one power of two to the next.
const BUCKETS_OF_AN_OCTAVE: usize = 8;
/// How many of [`LATENCY_BOUNDS_US`] there are.
pub const LATENCY_BOUNDS: usize = 14 * BUCKETS_OF_AN_OCTAVE + 1;
/// Upper bounds of the buckets that requests are counted in by how long they took, in microseconds: as the control plane compares them.
pub const LATENCY_BOUNDS_US: [u64; LATENCY_BOUNDS] = latency_bounds();

/// From half a millisecond to eight seconds.
const fn latency_bounds() -> [u64; LATENCY_BOUNDS] {
    let mut bounds = [0; LATENCY_BOUNDS];
    let (mut at, mut bound, mut width) = (0, 512, 512 / BUCKETS_OF_AN_OCTAVE as u64);
    while at < bounds.len() {
        if at > 0 && at.is_multiple_of(BUCKETS_OF_AN_OCTAVE) {
            width *= 2;
        }
        #[expect(clippy::indexing_slicing, reason = "a constant: out of bounds it would not compile")]
        {
            bounds[at] = bound;
        }
        bound += width;
        at += 1;
    }
    bounds
}
/// Applications that share the traffic: a version, the one before, and what else is tried beside them.
pub const SHARES: usize = 4;

/// Bytes that the compile cache may hold, and entries.
pub const CACHE_BYTES: u64 = 512 * 1024 * 1024;
/// Entries of the compile cache.
pub const CACHE_ENTRIES: usize = 128;
/// Bytes of one entry.
pub const CACHE_ENTRY_BYTES: u64 = 256 * 1024 * 1024;
/// A half-written file this old was left behind by a process that died.
pub const CACHE_LEFTOVER: Duration = Duration::from_secs(3_600);

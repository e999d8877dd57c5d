//! Every bound of this crate.

/// Commands of one `apply`.
pub const COMMANDS: usize = 256;
/// Overdue holds that one transaction reads, and so may tidy.
pub const OVERDUE: i64 = 1000;
/// How often one transaction is tried when it loses a race or its commit is in doubt.
pub const TRIES: u32 = 3;
/// Transactions of one `apply`: enough to single out a few bad commands among [`COMMANDS`].
pub const TRANSACTIONS: u32 = 64;
/// After how many milliseconds a command that was not done may be tried again.
pub const RETRY_MILLISECONDS: u32 = 500;

/// Events cached in memory.
pub const EVENTS: usize = 1000;
/// Live holds cached in memory, of one event and of all. A hold takes some 200 bytes at most.
pub const HOLDS: usize = 300_000;
/// Seconds until an event that had more holds than that is looked at again.
pub const TOO_LARGE_SECONDS: u64 = 30;
/// Events that one batch loads; others wait for a later one, and are decided in a transaction meanwhile.
pub const LOADS: usize = 8;
/// Holds that one statement loads.
pub const HOLDS_PAGE: i64 = 5000;
/// How often one batch is read: again where its clock was behind, and where overdue holds turned out to be needed.
pub const READS: u32 = 3;
/// How far the database's clock may be ahead of the one advanced here, in microseconds.
pub const CLOCK_BEHIND: i64 = 250_000;
/// How long a reading of the clock is advanced, in microseconds; beyond that it is read again. More than [`CLOCK_BEHIND`].
pub const CLOCK_TRUSTED: u64 = 1_000_000;

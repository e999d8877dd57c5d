//! Every bound of this crate.

/// Commands of one `apply`.
pub const COMMANDS: usize = 256;
/// Overdue holds that one transaction reads, and so may tidy.
pub const OVERDUE: i64 = 1000;
/// Rows of one statement. Of the widest one it keeps the parameters well under SQLite's 32,766.
pub const ROWS: usize = 500;
/// How often one transaction is tried when it loses a race or its commit is in doubt.
pub const TRIES: u32 = 3;
/// Transactions of one `apply`: enough to single out a few bad commands among [`COMMANDS`].
pub const TRANSACTIONS: u32 = 64;
/// After how many milliseconds a command that was not done may be tried again.
pub const RETRY_MILLISECONDS: u32 = 500;

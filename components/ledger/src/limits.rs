//! Every bound of this crate; those of what it runs are in [`ledger_engine::limits`].

/// Rows of one statement. Of the widest one it keeps the parameters well under SQLite's 32,766.
pub const ROWS: usize = 500;
/// Random bytes asked for a command: as many as a hold needs.
pub const RANDOM_BYTES: usize = 48;

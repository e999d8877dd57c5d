//! Every bound of this crate.

/// Pages of a receipt.
pub const PAGES: usize = 20;

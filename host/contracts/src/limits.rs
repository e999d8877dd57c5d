//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

/// Commands of one `apply`, as its WIT says.
pub const LEDGER_COMMANDS: usize = 256;
/// What an overloaded component's `Retry-After` says.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

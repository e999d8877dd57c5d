//! Who decides about bookings.

use futures::future::BoxFuture;
use vocabulary::booking::{Command, Receipt, Rejection};

/// Decides commands: in this process, or wherever the event's home region is.
pub trait Ledger: Send + Sync + 'static {
    /// One answer per command, in order. An accepted answer is durable before it is given. At most
    /// [`LEDGER_COMMANDS`](crate::limits::LEDGER_COMMANDS) commands.
    ///
    /// Expected outcomes are rejections; so are failures, as `unavailable` (certainly not done) or `unknown`.
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Result<Receipt, Rejection>>>;
}

//! The ledger's decisions, and nothing else: no I/O, no clock, no randomness. The component `ledger` is the shell around it; tests and
//! simulations run it natively.
//!
//! [`decide`] takes one event's inventory ([`State`]), what was read by key for the command at hand ([`Facts`]), the database's time and the
//! [`Command`], and gives the answer beside the [`Changes`] that make it true. Changes are data: [`State::apply`] and [`Facts::apply`] fold
//! them back, so that the next command sees them, and the shell turns them into SQL. A [`Batch`] does that for a row of commands on one
//! event and sums up what is to be written.
//!
//! Invariants:
//! - per line, `held + sold <= capacity`, and both equal the sums over the bookings in these states: of a ticket type, or of all that share the line;
//! - a hold whose deadline has passed counts as free everywhere from that instant on. Its row is tidied (`expired`) by `expire`, or by the
//!   decision that needs its places, in one and the same transaction;
//! - an answer that is accepted is stored under its key, and the same key gives it again. Refusals are not stored;
//! - a refusal changes nothing but, at most, rows of overdue holds.

mod batch;
mod booking;
mod changes;
mod decide;
mod draft;
mod facts;
mod holds;
pub mod limits;
mod sale;
mod state;
#[cfg(test)]
mod tests;
mod types;
mod validate;

pub use batch::Batch;
pub use changes::{
    BookingWrite, CancelledBy, Changes, Entry, EntryKind, InventoryWrite, KeyWrite, LineWrite, Refund, RefundReason,
};
pub use decide::{CommandInputs, Decision, HoldLimits, Settings, decide, request_hash};
pub use facts::{Facts, StoredKey};
pub use holds::Holds;
pub use state::{Line, LineTerms, LineView, Record, SaleStatus, State, Terms};
pub use types::*;
pub use validate::validate;

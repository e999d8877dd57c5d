//! Leases: which node leads which partitions, and whose ticker runs.
//!
//! [`decide`] says what to do, without I/O and without a clock. [`Store`] has the statements, each short and by itself. [`Leases`]
//! runs one round of them after the other: renew, look, decide, claim, give up.
//!
//! # Invariants
//! - Expiry in the database is by the database's clock; this node counts on a lease only until a margin before it can expire, on its own
//!   monotonic clock, from before it sent the renewal.
//! - A claim swaps the epoch: of those who claim at the same time one succeeds.
//! - No answer of the ledger depends on any of this.

mod decide;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use service::{Leases, State};

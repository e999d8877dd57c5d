//! How components run, at the crate's boundary: real components, real instances, no network.
//!
//! What is run here is built by `cargo xtask build` and `cargo xtask test`; where it is missing, the tests say so.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod accounts;
mod composition;
mod failures;
mod ledger;
mod older;
mod support;
mod switching;

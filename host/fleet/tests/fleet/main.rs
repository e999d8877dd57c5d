//! Nodes that reach each other over TLS on loopback. What is at their ends is made up, so that each case can be had at will.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says its seed"
)]

mod addresses;
mod breaker;
mod certificates;
mod chaos;
mod control;
mod drain;
mod fakes;
mod feed;
mod forward;
mod ledger;
mod outcomes;
mod proxy;
mod scene;
mod trust;

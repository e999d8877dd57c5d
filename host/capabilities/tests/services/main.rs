//! Postgres and mail, against real servers: those that `MARQUEE_TEST_POSTGRES_URL` and `MARQUEE_TEST_SMTP` (which keeps mail in the Maildir
//! `MARQUEE_TEST_MAILDIR`) name.
//!
//! Each test makes what it needs under a name of its own and removes it, so that they can run at once and again.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod mail;
mod postgres;

use std::{
    env, process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use manifest::allowed_hosts::AllowedHosts;

/// The address in this variable.
fn address(variable: &str) -> String {
    let address = env::var(variable).ok().filter(|address| !address.is_empty());
    address
        .unwrap_or_else(|| panic!("{variable} is not set: `cargo xtask test` sets it, and `cargo xtask services up` prints it"))
}

/// A name that no other test has.
fn unique(kind: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("capabilities_{kind}_{}_{}", process::id(), COUNT.fetch_add(1, Relaxed))
}

fn anybody() -> AllowedHosts {
    AllowedHosts::parse(&["*://*:*"]).unwrap()
}

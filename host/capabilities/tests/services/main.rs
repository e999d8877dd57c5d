//! Postgres, Redis and mail, against real servers: those that `MARQUEE_TEST_POSTGRES_URL`, `MARQUEE_TEST_REDIS_URL` and `MARQUEE_TEST_SMTP`
//! (which keeps mail in the Maildir `MARQUEE_TEST_MAILDIR`) name; and servers of Redis that a test starts itself and kills.
//!
//! Each test makes what it needs under a name of its own and removes it, so that they can run at once and again.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod failover;
mod mail;
mod postgres;
mod private;
mod redis;

use std::{
    env,
    io::Write as _,
    process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use capabilities::allowed_hosts::AllowedHosts;

/// The address in this variable; where there is none, says so and the test ends.
fn address(variable: &str) -> Option<String> {
    let address = env::var(variable).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        skipped(&format!("needs {variable}"));
    }
    address
}

fn skipped(reason: &str) {
    // Past the harness, which keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// A name that no other test has.
fn unique(kind: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("capabilities_{kind}_{}_{}", process::id(), COUNT.fetch_add(1, Relaxed))
}

fn anybody() -> AllowedHosts {
    AllowedHosts::parse(&["*://*:*"]).unwrap()
}

//! What the tests of `marquee` have in common: platforms as processes, and people who use them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by panicking, and its names say what they are"
)]

pub mod client;
pub mod fleet;
pub mod openapi;
pub mod server;

use std::path::{Path, PathBuf};

/// The folder that this build writes to, which the test's binary is two folders deep in.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// The binary under test, which cargo builds before the tests.
pub fn marquee() -> PathBuf {
    built().join("marquee")
}

/// Where tests write: the folder that cargo has for it.
pub fn temporary() -> PathBuf {
    built().parent().unwrap().join("tmp")
}

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

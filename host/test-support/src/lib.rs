//! What tests of several crates have in common: platforms as processes and people who use them, and servers of a test's own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by panicking, and its names say what they are"
)]

#[cfg(feature = "platform")]
pub mod client;
#[cfg(feature = "platform")]
pub mod fleet;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "platform")]
pub mod openapi;
#[cfg(feature = "platform")]
pub mod people;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "platform")]
pub mod server;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// What a variable says; a test fails where it is not set.
pub fn variable(name: &str) -> String {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.unwrap_or_else(|| panic!("{name} is not set: `cargo xtask services up` starts what it is to name, and prints it"))
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Asks again and again until there is an answer; for so long that only what never comes fails.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), asking).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

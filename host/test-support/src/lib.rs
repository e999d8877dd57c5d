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
pub mod archives;
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

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where servers of tests listen: below what Linux, other systems and IANA set aside for connections.
const LISTENED: Range<u16> = 10_000..32_000;

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

/// Where nodes keep compiled code. Tests that load components themselves find there what nodes have compiled, and leave them theirs: compiling the
/// whole application takes a while.
pub fn compiled_code() -> PathBuf {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    caches.expect("HOME is set").join("marquee")
}

/// What a variable says; a test fails where it is not set.
pub fn variable(name: &str) -> String {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.unwrap_or_else(|| panic!("{name} is not set: `cargo xtask services up` starts what it is to name, and prints it"))
}

/// A port that was free a moment ago, and none of those that the system gives to connections, of which tests open thousands.
pub fn free_port() -> u16 {
    // The keys of these are random.
    let drawn = || LISTENED.start + (RandomState::new().hash_one(()) % LISTENED.len() as u64) as u16;
    std::iter::repeat_with(drawn).take(1000).find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
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

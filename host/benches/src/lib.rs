//! What the benchmarks have in common. Each is a program of its own: `cargo xtask bench NAME`.

use std::path::Path;

/// The repository: paths that a benchmark is given are relative to it.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What a benchmark was called with, beside what `cargo bench` says to every one.
pub fn arguments() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|argument| argument != "--bench")
}

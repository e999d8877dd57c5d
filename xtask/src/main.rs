//! The project's automation: build, up, test, bench, load, check.
fn main() {}

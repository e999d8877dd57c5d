//! Artifacts against registries: one in this process that lies as it is told to, and a real one, which `MARQUEE_TEST_REGISTRY` names.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by panicking, and its names say what they are"
)]

mod attacks;
mod real;
mod registry;
mod signatures;
mod spin;
mod support;
mod there_and_back;

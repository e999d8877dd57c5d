//! Several nodes of one region in one process, on a real Postgres: where `MARQUEE_TEST_POSTGRES_URL` names a server in which this may make databases.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it skips"
)]

mod handover;
mod sharing;
mod support;

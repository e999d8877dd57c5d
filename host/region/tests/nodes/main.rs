//! Several nodes of one region in one process, on a real Postgres: `MARQUEE_TEST_POSTGRES_URL` names a server in which this may make databases.
//! Beside it stands a real Redis, which a test starts itself.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it saw"
)]

mod handover;
mod redis;
mod sharing;
mod support;

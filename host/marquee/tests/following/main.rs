//! Everything that follows a booking, in processes and services that are real: a fleet with a Kafka of its own, a worker, a mail server, RabbitMQ. Needs
//! what `cargo xtask services up` names.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it measured"
)]

mod accounts;
mod faults;
mod mail;
mod messages;
mod once;
mod people;
mod scene;
mod topics;

use test_support::{client, fleet, server};

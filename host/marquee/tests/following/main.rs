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

#[path = "../support/client.rs"]
#[allow(dead_code, reason = "shared with the API suite")]
mod client;
#[path = "../support/fleet.rs"]
#[allow(dead_code, reason = "shared with the API suite")]
mod fleet;
#[path = "../support/openapi.rs"]
#[allow(dead_code, reason = "shared with the API suite")]
mod openapi;
#[path = "../../../streams/tests/streams/private_kafka.rs"]
#[allow(dead_code, reason = "shared with the tests of `streams`")]
mod private_kafka;
#[path = "../support/server.rs"]
#[allow(dead_code, reason = "shared with the API suite")]
mod server;

mod accounts;
mod faults;
mod mail;
mod once;
mod scene;
mod topics;

//! Kafka, RabbitMQ and the journal in Postgres, against real servers: those that `MARQUEE_TEST_KAFKA`, `MARQUEE_TEST_AMQP_URL` and
//! `MARQUEE_TEST_POSTGRES_URL` name. Where one is stopped, it is the test's own: a Kafka from the jars in `MARQUEE_TEST_KAFKA_JARS` by `MARQUEE_TEST_JAVA`,
//! or a proxy before RabbitMQ.
//!
//! Each test makes what it needs under names of its own and removes it, so that they can run at once and again. A variable that is missing fails
//! its tests.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod consumer;
mod handlers;
mod mirror;
mod proxy;
mod relay;
mod scene;
mod secure;
mod topics;

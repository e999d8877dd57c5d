//! The control plane as its clients see it: instances on a real Postgres, simulated agents over real mutual TLS, people over HTTP.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by panicking, and its names say what they are"
)]

mod api;
mod declarations;
mod fleet_of_agents;
mod instances;
mod rollouts;

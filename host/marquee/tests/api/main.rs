//! The API suite: black-box over HTTP, the same tests and the same answers in every form (`MARQUEE_TEST_FORM`): `up`, `postgres`, `fleet`,
//! `composed`, `spin`.
//!
//! What only our host has stands in `native.rs`, the one place that asks for the form.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it skips"
)]

mod accounts;
mod addresses;
mod admins;
mod bad_input;
mod bookings;
mod box_office_events;
mod browsers;
mod concurrency;
mod cookies;
mod door;
mod evening;
mod events;
mod expiry;
mod factors;
mod guests;
mod languages;
mod live;
mod matrix;
mod messages;
mod native;
mod operations;
mod orders;
mod passes;
mod payments;
mod people;
mod pictures;
mod questions;
mod search;
mod sessions;
mod teams;
mod tickets;
mod web;
mod webhooks;

use server::Server;
use std::sync::LazyLock;
use test_support::{client, openapi, server};

const ADMIN_EMAIL: &str = "admin@example.com";
const WEBHOOK_SECRET: &str = "a secret of the tests";
/// The example of RFC 8410 §10.3: tests sign tokens with it that the platform would not.
const SIGNING_KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

/// The platform that most tests share: no test depends on what another left there.
static SHARED: LazyLock<Server> = LazyLock::new(|| {
    let variables = [
        ("admin_email", ADMIN_EMAIL),
        ("admin_password", client::PASSWORD),
        ("sandbox_webhook_secret", WEBHOOK_SECRET),
        ("signing_key", SIGNING_KEY),
    ];
    Server::start("shared", &[&variables[..], &passes::variables()].concat())
});

/// One where holds last two seconds and payments keep them for four at most.
static HASTY: LazyLock<Server> = LazyLock::new(|| Server::start("hasty", &[("hold_seconds", "2"), ("paying_cap_seconds", "4")]));

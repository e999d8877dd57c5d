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

/// What fits into one fleet: to set a scene, with a Kafka and its nodes, takes longer than what is played in it.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_messages_have_their_mails_and_records() {
    let scene = scene::Scene::start("mails").await;
    tokio::join!(
        accounts::an_address_registered_by_somebody_else_goes_to_its_mailbox_owner(&scene),
        accounts::an_invitation_comes_by_mail_and_its_token_makes_a_member_once(&scene),
        messages::who_comes_is_written_to_until_they_want_no_news_and_is_reminded_once(&scene),
        once::account_and_event_records_carry_their_trace(&scene),
    );
    accounts::the_welcome_mail_verifies_the_address(&scene).await;
}

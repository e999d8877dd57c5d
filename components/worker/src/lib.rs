//! The worker: what follows from what has happened.
//!
//! Its host hands it Kafka's records (`marquee:kafka/consumer`), at least once each. What they lead to in the database, it does exactly once
//! (`batch`): the record's id goes into `inbox` in the transaction that
//!
//! - counts it in its event's figures (`analytics`),
//! - adds it to the audit log (`audit_log`),
//! - and writes down the mail that it asks for (`mail::queue`), and what organisers' webhooks are told (`webhooks::queue`).
//!
//! Records may come twice and out of order. Nothing that is kept here is a state that a later version replaces: figures are sums, the audit log tells what
//! happened in the order in which it was heard, and a mail is written from the tables as they are when it is sent. So there is no older version to
//! ignore, only records that were handled already.
//!
//! Mail cannot be undone, so it comes after the commit (`mail`), from rows that say what is due: none is missing, and one that was in flight
//! at a crash comes twice with the same `Message-ID`. Records that are published again (`ce_replayed`) never make mail.

mod analytics;
mod audit_log;
mod batch;
mod bulk;
mod effects;
mod limits;
mod mail;
mod record;
#[cfg(test)]
mod tests;
mod webhooks;
mod wit;

use mail::Mailer;
use wit::kafka::ConsumerRecord;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It is done with.
    Done,
    /// To be handed over again after so many milliseconds: certainly not done, or not known.
    Retry(u32),
    /// It can never succeed, for this reason.
    Reject(String),
}

/// Handles these records, one fate each in order, and then sends mail that is due. Without records it only does the latter: a tick, in which it also writes
/// down and sends what goes to many people, and tells webhooks what is due; records never wait for those.
async fn handle(records: &[ConsumerRecord], mailer: &impl Mailer, base: &str) -> Vec<Fate> {
    let fates = batch::handle(records).await;
    let is_tick = records.is_empty();
    if is_tick && let Err(problem) = bulk::write_down().await {
        kit::router::log(&format!("messages and reminders wait: {}", problem.log.as_deref().unwrap_or(&problem.detail)));
    }
    let most = if is_tick { limits::MAILS_OF_A_TICK } else { limits::MAILS_AFTER_A_BATCH };
    // The records are done, whatever becomes of the mail: its rows say that it is due.
    if let Err(problem) = mail::send_due(mailer, base, most, is_tick).await {
        kit::router::log(&format!("mail stays due: {}", problem.log.as_deref().unwrap_or(&problem.detail)));
    }
    fates
}

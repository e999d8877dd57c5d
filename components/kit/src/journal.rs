//! The journal: what happened, written in the transaction that makes it so.

use crate::{id, params, sql, sql::Tx};
use read_model::Fact;
use serde_json::Value as Json;

/// Kafka topics. A row without one is for the feed only.
pub const USER_EVENTS: Option<&str> = Some("user-events");
/// Bookings.
pub const BOOKING_EVENTS: Option<&str> = Some("booking-events");
/// Payments and refunds.
pub const PAYMENT_EVENTS: Option<&str> = Some("payment-events");
/// The catalog.
pub const CATALOG_EVENTS: Option<&str> = Some("catalog-events");
/// No topic: the fact is for edges alone.
pub const FEED_ONLY: Option<&str> = None;

/// One thing that happened.
pub struct Entry {
    /// One of this module's topics.
    pub topic: Option<&'static str>,
    /// For example `booking.created`.
    pub kind: &'static str,
    /// The id of what it happened to; the key of its Kafka record.
    pub aggregate: String,
    /// The aggregate's version after it.
    pub version: i64,
    /// For consumers inside; never a secret.
    pub payload: Json,
    /// What the public may know of it.
    pub fact: Option<Fact>,
}

/// Writes these entries, in this order.
pub async fn write(tx: &mut Tx, entries: &[Entry]) -> Result<(), sql::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    let prefix = id::unique(now);
    let mut parameters = Vec::with_capacity(entries.len() * 8);
    for (index, entry) in entries.iter().enumerate() {
        let fact = entry.fact.as_ref().map(serde_json::to_string).transpose();
        let fact = fact.map_err(|error| sql::Error::Other(format!("a fact does not serialize: {error}")))?;
        parameters.extend(params![
            // Rows of one transaction keep their order: the sequencer numbers by id.
            format!("{prefix}{index:04}"),
            entry.topic,
            entry.kind,
            &entry.aggregate,
            entry.version,
            now,
            entry.payload.to_string(),
            fact,
        ]);
    }
    let statement = format!(
        "INSERT INTO journal (id, topic, type, aggregate, version, at, payload, feed) VALUES {}",
        sql::rows(entries.len(), 8)
    );
    tx.execute(&statement, parameters).await.map(drop)
}

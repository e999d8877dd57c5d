//! The journal: what happened, written in the transaction that makes it so.

use crate::{id, params, sql, sql::Tx};
use read_model::Fact;
use serde::Serialize;
use serde_json::Value as Json;

pub use read_model::journal::{BOOKING_EVENTS, CATALOG_EVENTS, FEED_ONLY, PAYMENT_EVENTS, Row, USER_EVENTS, facts};

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

impl Entry {
    fn row(&self, trace: Option<&str>) -> Result<Row, sql::Error> {
        let Self { topic, kind, aggregate, version, payload, fact } = self;
        let fact = fact.as_ref().map(text).transpose()?;
        let (aggregate, payload) = (aggregate.clone(), payload.to_string());
        Ok(Row { topic: *topic, kind, aggregate, version: *version, payload, trace: trace.map(str::to_owned), fact })
    }
}

/// As JSON.
///
/// # Errors
/// Where it cannot be: a fault of ours.
pub fn text<T: Serialize + ?Sized>(value: &T) -> Result<String, sql::Error> {
    serde_json::to_string(value).map_err(|error| sql::Error::Other(format!("an entry does not serialize: {error}")))
}

/// Writes these entries, in this order, as part of what the transaction is [part of](Tx::part_of).
pub async fn write(tx: &mut Tx, entries: &[Entry]) -> Result<(), sql::Error> {
    let rows = entries.iter().map(|entry| entry.row(tx.trace())).collect::<Result<_, _>>()?;
    write_rows(tx, rows).await
}

/// As [`write`], of rows: a batch of its own, whose rows get their positions together.
pub async fn write_rows(tx: &mut Tx, rows: Vec<Row>) -> Result<(), sql::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    let (batch, count) = (id::unique(now), rows.len());
    let entries = i64::try_from(count).unwrap_or(i64::MAX);
    let parameters = params![&batch, now, entries, facts(&rows)];
    tx.execute("INSERT INTO journal_batches (id, at, entries, facts) VALUES ($1, $2, $3, $4)", parameters).await?;
    let mut parameters = Vec::with_capacity(count * 8);
    for (ordinal, Row { topic, kind, aggregate, version, payload, trace, fact: _ }) in (0i64..).zip(rows) {
        parameters.extend(params![&batch, ordinal, topic, kind, aggregate, version, payload, trace]);
    }
    let statement = format!(
        "INSERT INTO journal (batch, ordinal, topic, type, aggregate, version, payload, trace) VALUES {}",
        sql::rows(count, 8)
    );
    tx.execute(&statement, parameters).await.map(drop)
}

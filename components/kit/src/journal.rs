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

/// As [`write()`], of rows: a batch of its own, whose rows get their positions together.
pub async fn write_rows(tx: &mut Tx, rows: Vec<Row>) -> Result<(), sql::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let count = rows.len();
    let batch = begin(tx, count, facts(&rows)).await?;
    let mut parameters = Vec::with_capacity(count * 8);
    for (ordinal, Row { topic, kind, aggregate, version, payload, trace, fact: _ }) in (0i64..).zip(rows) {
        parameters.extend(params![&batch, ordinal, topic, kind, aggregate, version, payload, trace]);
    }
    insert(tx, count, parameters).await
}

/// An event that is not the platform's own.
#[derive(Debug)]
pub struct Custom<'a> {
    /// A topic that there is.
    pub topic: &'a str,
    /// None of the platform's own types.
    pub kind: &'a str,
    /// What it is about; the key of its Kafka record.
    pub subject: &'a str,
    /// A JSON object, passed on as it was written.
    pub data: &'a str,
}

/// Writes such an event. Its version is 0: it is no state of its subject. Returns its id, as its record will have it.
pub async fn write_custom(tx: &mut Tx, custom: &Custom<'_>) -> Result<String, sql::Error> {
    let Custom { topic, kind, subject, data } = *custom;
    let batch = begin(tx, 1, None).await?;
    let trace = tx.trace().map(str::to_owned);
    insert(tx, 1, params![&batch, 0i64, topic, kind, subject, 0i64, data, trace].into()).await?;
    Ok(format!("{batch}.0"))
}

/// A new batch of so many entries.
async fn begin(tx: &mut Tx, count: usize, facts: Option<String>) -> Result<String, sql::Error> {
    let now = tx.now();
    let (batch, entries) = (id::unique(now), i64::try_from(count).unwrap_or(i64::MAX));
    let parameters = params![&batch, now, entries, facts];
    tx.execute("INSERT INTO journal_batches (id, at, entries, facts) VALUES ($1, $2, $3, $4)", parameters).await?;
    Ok(batch)
}

async fn insert(tx: &mut Tx, count: usize, parameters: Vec<sql::Value>) -> Result<(), sql::Error> {
    let statement = format!(
        "INSERT INTO journal (batch, ordinal, topic, type, aggregate, version, payload, trace) VALUES {}",
        sql::rows(count, 8)
    );
    tx.execute(&statement, parameters).await.map(drop)
}

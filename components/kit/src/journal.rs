//! The journal: what happened, written in the transaction that makes it so.

use crate::sql::table::{self, Column, Write};
use crate::{id, sql, sql::Tx};
use read_model::Fact;
use serde::Serialize;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::mem::take;

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
    /// For consumers inside: ids and states, never a secret, and nothing that somebody is called, reads mail at or has written. It goes to Kafka and, as
    /// a hash, into the audit log, which nothing is taken out of; whoever needs a name reads it from the tables when they act.
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
    let now = tx.now();
    let batch = BatchRow::of(id::unique(now), &rows);
    let entries = rows.into_iter().enumerate().map(|(ordinal, row)| EntryRow::new(&batch.id, ordinal, row)).collect();
    put(tx, batch, entries).await
}

/// A batch of entries, as its table has it.
pub struct BatchRow {
    /// Unique; they sort by time.
    pub id: String,
    /// How many.
    pub entries: i64,
    /// What is public of them.
    pub facts: Option<String>,
}

impl BatchRow {
    /// Of these rows.
    pub fn of(id: String, rows: &[Row]) -> Self {
        Self { id, entries: i64::try_from(rows.len()).unwrap_or(i64::MAX), facts: facts(rows) }
    }
}

impl table::Row for BatchRow {
    const TABLE: &'static str = "journal_batches";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("id", |batch| Some(take(&mut batch.id))),
            Column::now("at"),
            Column::number("entries", |batch| Some(batch.entries)),
            Column::text("facts", |batch| batch.facts.take()),
        ]
    }
}

/// An entry of a batch, as its table has it.
pub struct EntryRow {
    batch: String,
    ordinal: i64,
    topic: Option<Cow<'static, str>>,
    kind: Cow<'static, str>,
    aggregate: String,
    version: i64,
    payload: String,
    trace: Option<String>,
}

impl EntryRow {
    /// The entry at this place of the batch.
    pub fn new(batch: &str, ordinal: usize, row: Row) -> Self {
        let Row { topic, kind, aggregate, version, payload, trace, fact: _ } = row;
        let ordinal = i64::try_from(ordinal).unwrap_or(i64::MAX);
        Self {
            batch: batch.to_owned(),
            ordinal,
            topic: topic.map(Into::into),
            kind: kind.into(),
            aggregate,
            version,
            payload,
            trace,
        }
    }
}

impl table::Row for EntryRow {
    const TABLE: &'static str = "journal";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::text("batch", |entry| Some(take(&mut entry.batch))),
            Column::number("ordinal", |entry| Some(entry.ordinal)),
            Column::text("topic", |entry| entry.topic.take().map(Cow::into_owned)),
            Column::text("type", |entry| Some(take(&mut entry.kind).into_owned())),
            Column::text("aggregate", |entry| Some(take(&mut entry.aggregate))),
            Column::number("version", |entry| Some(entry.version)),
            Column::text("payload", |entry| Some(take(&mut entry.payload))),
            Column::text("trace", |entry| entry.trace.take()),
        ]
    }
}

async fn put(tx: &mut Tx, batch: BatchRow, entries: Vec<EntryRow>) -> Result<(), sql::Error> {
    let now = tx.now();
    let entries = entries.into_iter().map(|entry| ("", entry)).collect();
    for Write { text, parameters, .. } in table::insert(vec![("", batch)], now).into_iter().chain(table::insert(entries, now)) {
        tx.execute(&text, parameters).await?;
    }
    Ok(())
}

/// An event that is not the platform's own.
#[derive(Debug)]
pub struct CustomEvent<'a> {
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
pub async fn write_custom(tx: &mut Tx, custom: &CustomEvent<'_>) -> Result<String, sql::Error> {
    let CustomEvent { topic, kind, subject, data } = *custom;
    let batch = BatchRow { id: id::unique(tx.now()), entries: 1, facts: None };
    let entry = EntryRow {
        batch: batch.id.clone(),
        ordinal: 0,
        topic: Some(topic.to_owned().into()),
        kind: kind.to_owned().into(),
        aggregate: subject.to_owned(),
        version: 0,
        payload: data.to_owned(),
        trace: tx.trace().map(str::to_owned),
    };
    let id = format!("{}.0", batch.id);
    put(tx, batch, vec![entry]).await?;
    Ok(id)
}

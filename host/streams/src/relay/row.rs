//! A row of the journal as a record.

use rdkafka::message::{Header, OwnedHeaders};

use crate::cloud_events::{HEADERS, Headers};
use crate::journal::Row;

/// A row's headers, as the client of Kafka takes them.
pub(super) fn native(headers: &mut Headers, row: &Row<'_>, replayed: bool) -> OwnedHeaders {
    let mut native = Some(OwnedHeaders::new_with_capacity(HEADERS));
    headers.each(row, replayed, |key, value| {
        native = native.take().map(|native| native.insert(Header { key, value: Some(value) }));
    });
    native.unwrap_or_default()
}

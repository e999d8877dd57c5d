//! A row of the journal as a record: CloudEvents 1.0 in binary mode.

use std::fmt::Write as _;

use rdkafka::message::{Header, OwnedHeaders};

use crate::journal::Row;

/// What is written over and over while rows become records.
pub(super) struct Headers {
    source: String,
    id: String,
    number: String,
    /// Of the instant that the text is of: rows that were written together have one.
    time: (i64, String),
}

impl Headers {
    pub(super) fn new(region: &str) -> Self {
        Self { source: format!("/regions/{region}"), id: String::new(), number: String::new(), time: (i64::MIN, String::new()) }
    }

    /// A row's headers.
    pub(super) fn of(&mut self, row: &Row<'_>, replayed: bool) -> OwnedHeaders {
        if self.time.0 != row.at {
            self.time = (row.at, time(row.at));
        }
        self.id.clear();
        _ = write!(self.id, "{}.{}", row.batch, row.ordinal);
        let headers = OwnedHeaders::new_with_capacity(11);
        let headers = with(headers, "content-type", "application/json");
        let headers = with(headers, "ce_specversion", "1.0");
        let headers = with(headers, "ce_id", &self.id);
        let headers = with(headers, "ce_source", &self.source);
        let headers = with(headers, "ce_type", row.kind);
        let headers = with(headers, "ce_subject", row.aggregate);
        let headers = with(headers, "ce_time", &self.time.1);
        let headers = with(headers, "ce_aggregateversion", decimal(&mut self.number, row.version));
        let mut headers = with(headers, "ce_position", decimal(&mut self.number, row.position));
        if let Some(trace) = row.trace {
            headers = with(headers, "traceparent", trace);
        }
        if replayed { with(headers, "ce_replayed", "true") } else { headers }
    }
}

fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

fn decimal(text: &mut String, number: i64) -> &str {
    text.clear();
    _ = write!(text, "{number}");
    text
}

/// RFC 3339, with microseconds.
fn time(at: i64) -> String {
    jiff::Timestamp::from_microsecond(at).map_or_else(|_| String::new(), |at| format!("{at:.6}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_six_digits() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(time(1_795_546_337_120_500), "2026-11-24T18:52:17.120500Z");
    }
}

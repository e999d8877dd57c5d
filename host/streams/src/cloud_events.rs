//! A row of the journal as CloudEvents 1.0 has it, in binary mode: its headers, for whoever hands it on.

use std::fmt::Write as _;

use crate::journal::Row;

/// As many as an event has at most.
pub const HEADERS: usize = 11;

/// What is written over and over while rows become events.
#[derive(Debug)]
pub struct Headers {
    source: String,
    id: String,
    number: String,
    /// Of the instant that the text is of: rows that were written together have one.
    time: (i64, String),
}

impl Headers {
    /// Of events that come from this region.
    #[must_use]
    pub fn new(region: &str) -> Self {
        Self { source: format!("/regions/{region}"), id: String::new(), number: String::new(), time: (i64::MIN, String::new()) }
    }

    /// Hands each of a row's headers to `put`, name and text, in order.
    pub fn each(&mut self, row: &Row<'_>, replayed: bool, mut put: impl FnMut(&'static str, &str)) {
        if self.time.0 != row.at {
            self.time = (row.at, time(row.at));
        }
        self.id.clear();
        _ = write!(self.id, "{}.{}", row.batch, row.ordinal);
        put("content-type", "application/json");
        put("ce_specversion", "1.0");
        put("ce_id", &self.id);
        put("ce_source", &self.source);
        put("ce_type", row.kind);
        put("ce_subject", row.aggregate);
        put("ce_time", &self.time.1);
        put("ce_aggregateversion", decimal(&mut self.number, row.version));
        put("ce_position", decimal(&mut self.number, row.position));
        if let Some(trace) = row.trace {
            put("traceparent", trace);
        }
        if replayed {
            put("ce_replayed", "true");
        }
    }
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

    #[test]
    fn headers_carry_the_type_and_the_replay_mark() {
        let row = Row {
            position: 7,
            at: 0,
            batch: "eu_b",
            ordinal: 2,
            topic: Some("booking-events"),
            kind: "booking.created",
            aggregate: "eu_1",
            version: 3,
            payload: "{}",
            trace: None,
        };
        let mut headers = Headers::new("eu");
        let mut texts = |row: &Row<'_>, replayed| {
            let mut texts = Vec::new();
            headers.each(row, replayed, |key, value| texts.push(format!("{key}: {value}")));
            texts
        };
        let expected = [
            "content-type: application/json",
            "ce_specversion: 1.0",
            "ce_id: eu_b.2",
            "ce_source: /regions/eu",
            "ce_type: booking.created",
            "ce_subject: eu_1",
            "ce_time: 1970-01-01T00:00:00.000000Z",
            "ce_aggregateversion: 3",
            "ce_position: 7",
        ];
        assert_eq!(texts(&row, false), expected);
        let again = texts(&Row { trace: Some("00-1-2-01"), ..row }, true);
        assert_eq!(
            (again[..9] == expected, &again[9..]),
            (true, &["traceparent: 00-1-2-01".to_owned(), "ce_replayed: true".to_owned()][..])
        );
        assert_eq!(again.len(), HEADERS);
    }
}

//! Records that cannot be handled, into their topic's dead-letter topic.

use std::sync::Arc;

use crate::{Header, Outgoing, Producer, Record, limits, topics};

/// A record that is given up.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) record: Arc<Record>,
    pub(super) reason: String,
}

/// Writes dead letters, and returns which are written.
pub(super) async fn bury(producer: &Producer, group: &str, doomed: &[DeadLetter]) -> Vec<bool> {
    let answers = producer.send(doomed.iter().map(letter).collect()).await;
    let told = doomed.iter().zip(answers).map(|(DeadLetter { record, reason }, answer)| {
        let (topic, partition, offset) = (&record.topic, record.partition, record.offset);
        match &answer {
            Ok(_) => tracing::warn!(group, %topic, partition, offset, reason, "a record went to the dead letters"),
            Err(error) => tracing::warn!(group, %topic, partition, offset, %error, "a dead letter was not written"),
        }
        answer.is_ok()
    });
    told.collect()
}

fn letter(doomed: &DeadLetter) -> Outgoing {
    let DeadLetter { record, reason } = doomed;
    let mut end = reason.len().min(limits::REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = reason.get(..end).unwrap_or_default();
    let mut headers = record.headers.clone();
    for (key, value) in [
        ("marquee_reason", reason.to_owned()),
        ("marquee_topic", record.topic.to_string()),
        ("marquee_partition", record.partition.to_string()),
        ("marquee_offset", record.offset.to_string()),
    ] {
        headers.push(Header { key: key.to_owned(), value: value.into_bytes() });
    }
    Outgoing { topic: topics::dead_letter(&record.topic), key: record.key.clone(), headers, value: record.value.clone() }
}

//! Records, by Kafka's names.

use std::fmt;
use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _, OwnedHeaders};

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub key: String,
    /// What it says; a header without a value is empty.
    pub value: Vec<u8>,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it was.
    pub topic: Arc<str>,
    /// Where in its topic.
    pub partition: i32,
    /// Where in its partition.
    pub offset: i64,
    /// Milliseconds since the Unix epoch, as Kafka has it.
    pub timestamp: i64,
    /// Empty where it has none.
    pub key: Vec<u8>,
    /// In order.
    pub headers: Vec<Header>,
    /// A tombstone has none.
    pub value: Option<Vec<u8>>,
}

impl Record {
    /// Out of the client's memory. Topics are few, so the caller keeps their names.
    pub(crate) fn from_message(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Self {
        let headers = message.headers().map(|headers| {
            let headers = headers.iter();
            headers.map(|it| Header { key: it.key.to_owned(), value: it.value.unwrap_or_default().to_vec() }).collect()
        });
        Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or_default(),
            key: message.key().unwrap_or_default().to_vec(),
            headers: headers.unwrap_or_default(),
            value: message.payload().map(<[u8]>::to_vec),
        }
    }

    /// The text of a header: the last one of this name, where it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().rev().find(|header| header.key == name)?;
        std::str::from_utf8(&header.value).ok()
    }

    /// Roughly what it takes of memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|header| header.key.len() + header.value.len() + 48).sum();
        128 + self.key.len() + headers + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// The outcome of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Done with; its offset may be committed.
    Done,
    /// Hand it over again after so many milliseconds, or later. Holds back its own key only.
    Retry(u32),
    /// Can never succeed, for this reason: to the dead-letter topic.
    Reject(String),
}

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: String,
    /// Records of one key keep their order. Empty: none.
    pub key: Vec<u8>,
    /// In order.
    pub headers: Vec<Header>,
    /// None writes a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Outgoing {
    /// Bytes of key, headers and value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|header| header.key.len() + header.value.len()).sum();
        self.key.len() + headers + self.value.as_ref().map_or(0, Vec::len)
    }

    pub(crate) fn native_headers(&self) -> OwnedHeaders {
        self.headers.iter().fold(OwnedHeaders::new_with_capacity(self.headers.len()), |headers, header| {
            headers.insert(rdkafka::message::Header { key: &header.key, value: Some(&header.value) })
        })
    }
}

/// Where a record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLocation {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

/// A partition of a topic.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicPartition {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

impl fmt::Debug for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

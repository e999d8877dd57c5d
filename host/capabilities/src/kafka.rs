//! `marquee:kafka/producer`: records for Kafka.

pub use bindings::kafka::types::{ConsumerRecord, Error, Header, ProducerRecord, RecordMetadata};
use bindings::kafka::{producer, types};
use futures::future::BoxFuture;
use wasmtime::component::Accessor;

use crate::{
    limits,
    state::{Host, InstanceState},
};

/// The result of writing one record.
pub type WriteResult = Result<RecordMetadata, Error>;

/// Writes records.
pub trait Producer: Send + Sync + 'static {
    /// One answer for each of these records, which have been checked, in order. Those of one topic and key keep theirs.
    fn send(&self, records: Vec<ProducerRecord>) -> BoxFuture<'_, Vec<WriteResult>>;
}

impl types::Host for InstanceState {}
impl producer::Host for InstanceState {}

impl<T: Send> producer::HostWithStore<T> for Host {
    async fn send(accessor: &Accessor<T, Self>, records: Vec<ProducerRecord>) -> Vec<WriteResult> {
        let refused = accessor.with(|mut access| {
            let granted = &access.get().grants.kafka_topics;
            let many = records.len() > limits::KAFKA_RECORDS;
            let refuse = |record: &ProducerRecord| match refuse(record) {
                _ if many => Some(Error::Other(format!("at most {} records at once", limits::KAFKA_RECORDS))),
                _ if !granted.contains(&record.topic) => Some(Error::AccessDenied),
                refused => refused,
            };
            records.iter().map(refuse).collect::<Vec<_>>()
        });
        let binding = accessor.with(|mut access| access.get().bindings.producer.clone());
        let good: Vec<_> =
            records.into_iter().zip(&refused).filter(|(_, refused)| refused.is_none()).map(|(record, _)| record).collect();
        let mut written = match binding {
            _ if good.is_empty() => Vec::new(),
            Some(producer) => producer.send(good).await,
            None => good.iter().map(|_| Err(Error::Unavailable(limits::RETRY_AFTER_MS))).collect(),
        }
        .into_iter();
        // A missing answer would be a bug of the producer: the outcome is unknown, then.
        let one = |refused: Option<Error>| refused.map_or_else(|| written.next().unwrap_or(Err(Error::Unknown)), Err);
        refused.into_iter().map(one).collect()
    }
}

fn refuse(record: &ProducerRecord) -> Option<Error> {
    let headers = record.headers.iter().map(|header| header.key.len() + header.value.len()).sum::<usize>();
    let bytes = record.key.len() + record.value.len() + headers;
    (bytes > limits::KAFKA_RECORD_BYTES).then(|| Error::TooLarge(u32::try_from(limits::KAFKA_RECORD_BYTES).unwrap_or(u32::MAX)))
}

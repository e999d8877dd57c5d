//! Writes single records: dead letters, and what callers publish themselves.
//!
//! Idempotent, `acks=all`, no transactions: a record that this says is written is in every copy that Kafka requires.

use std::sync::Arc;

use futures::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use crate::client::{self, Logs};
use crate::{Breaker, Error, Outgoing, RecordLocation, Settings, limits};

/// Writes records. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Producer {
    producer: FutureProducer<Logs>,
    breaker: Breaker,
    slots: Arc<tokio::sync::Semaphore>,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

/// Why a record was not written.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SendError {
    /// Larger than so many bytes.
    #[error("larger than {0} bytes")]
    TooLarge(u32),
    /// Certainly not written; milliseconds after which to try again.
    #[error("not written; try again in {0} ms")]
    Unavailable(u32),
    /// May or may not have been written.
    #[error("may or may not have been written")]
    Unknown,
    /// Kafka refused it.
    #[error("{0}")]
    Other(String),
}

/// The configuration of every producer, the relay's as well. Fails where the settings do not make sense.
pub fn config(settings: &Settings) -> Result<ClientConfig, Error> {
    let mut config = settings.client()?;
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", limits::LINGER_MS.to_string())
        .set("batch.size", limits::BATCH_BYTES.to_string())
        .set("batch.num.messages", "10000")
        .set("compression.type", "none")
        // As Kafka's own clients do it, so that a key is in the same partition for every client.
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", limits::DELIVERY.as_millis().to_string())
        .set("request.timeout.ms", (limits::DELIVERY / 2).as_millis().to_string());
    Ok(config)
}

impl Producer {
    /// A producer; Kafka is connected to in the background.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let mut config = config(settings)?;
        config.set("queue.buffering.max.messages", limits::PRODUCER_RECORDS.to_string());
        Ok(Self {
            producer: config.create_with_context(Logs)?,
            breaker: Breaker::new("kafka-producer", settings.breaker),
            slots: Arc::new(tokio::sync::Semaphore::new(limits::PRODUCER_RECORDS)),
        })
    }

    /// Its circuit breaker, to be added to the node's. It shows and refuses nothing: every record is tried, and fails by itself.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    /// Writes records; one answer a record, in order, each within [`limits::DELIVERY`] or a little more. Records beyond
    /// [`limits::SEND_RECORDS`], and those that find the producer full, are refused.
    pub async fn send(&self, records: Vec<Outgoing>) -> Vec<Result<RecordLocation, SendError>> {
        let answers = join_all(records.into_iter().enumerate().map(|(number, record)| async move {
            if number >= limits::SEND_RECORDS {
                return Err(SendError::Unavailable(limits::TRY_AGAIN_MS));
            }
            self.send_one(record).await
        }))
        .await;
        let failed = answers.iter().find_map(|answer| match answer {
            Err(error @ (SendError::Unavailable(_) | SendError::Unknown)) => Some(error.to_string()),
            _ => None,
        });
        match failed {
            Some(reason) => _ = self.breaker.failed(&reason),
            None if answers.iter().any(Result::is_ok) => _ = self.breaker.works(),
            None => {}
        }
        answers
    }

    async fn send_one(&self, record: Outgoing) -> Result<RecordLocation, SendError> {
        if record.bytes() > limits::RECORD_BYTES {
            return Err(SendError::TooLarge(u32::try_from(limits::RECORD_BYTES).unwrap_or(u32::MAX)));
        }
        let _slot = self.slots.try_acquire().map_err(|_| SendError::Unavailable(limits::TRY_AGAIN_MS))?;
        let headers = record.native_headers();
        let mut wanted = FutureRecord::<[u8], [u8]>::to(&record.topic).headers(headers);
        if !record.key.is_empty() {
            wanted = wanted.key(&record.key);
        }
        if let Some(value) = &record.value {
            wanted = wanted.payload(value);
        }
        let delivery = self.producer.send_result(wanted).map_err(|(error, _)| refused(&error))?;
        match delivery.await {
            Ok(Ok(placed)) => Ok(RecordLocation { topic: record.topic, partition: placed.partition, offset: placed.offset }),
            Ok(Err((error, _))) => Err(failed(&error)),
            Err(_) => Err(SendError::Unknown),
        }
    }

    /// Waits, blocking, until all that was sent has been answered.
    pub(crate) fn flush(&self) {
        _ = self.producer.flush(limits::DELIVERY);
    }
}

/// It did not get as far as the producer's queue.
fn refused(error: &KafkaError) -> SendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => SendError::Unavailable(limits::TRY_AGAIN_MS),
        _ => SendError::Other(error.to_string()),
    }
}

/// It was on its way.
fn failed(error: &KafkaError) -> SendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            SendError::TooLarge(u32::try_from(limits::RECORD_BYTES).unwrap_or(u32::MAX))
        }
        // A timeout does not say whether the record was sent.
        _ if client::unreachable(error) => SendError::Unknown,
        _ => SendError::Other(error.to_string()),
    }
}

//! The producer of one round, and what it says of each record.

use std::ops::ControlFlow;
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use telemetry::Metrics;

use super::row::native;
use super::window::{Page, Window};
use crate::cloud_events::Headers;
use crate::journal::Row;
use crate::{client, limits};

/// What a record's headers, lengths and place take, beside what its row says, in bytes.
const OVERHEAD: usize = 512;

pub(super) struct Outlet {
    producer: ThreadedProducer<Deliveries>,
    pub(super) window: Arc<Window>,
    region: String,
    metrics: Arc<Metrics>,
}

/// Receives the delivery report of each record.
struct Deliveries {
    window: Arc<Window>,
    metrics: Arc<Metrics>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        client::log(level, fac, log_message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&error, reason);
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fatal)) {
            self.window.fail(reason);
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Page>;

    fn delivery(&self, delivery_result: &DeliveryResult<'_>, page: Arc<Page>) {
        match delivery_result {
            Ok(message) => {
                use rdkafka::Message as _;
                self.metrics.streams().published(message.topic());
                self.window.acknowledged(&page);
            }
            Err((error, _)) => self.window.fail(&error.to_string()),
        }
    }
}

impl Outlet {
    /// Fails where Kafka does not answer.
    pub(super) async fn open(config: &ClientConfig, region: &str, metrics: Arc<Metrics>) -> Result<Self, String> {
        let window = Arc::new(Window::new());
        let deliveries = Deliveries { window: Arc::clone(&window), metrics: Arc::clone(&metrics) };
        let config = config.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let producer: ThreadedProducer<Deliveries> = config.create_with_context(deliveries)?;
            producer.client().fetch_metadata(Some(""), limits::METADATA)?;
            Ok(producer)
        });
        let producer = opening.await.map_err(|error| error.to_string())?.map_err(|error: KafkaError| error.to_string())?;
        Ok(Self { producer, window, region: region.to_owned(), metrics })
    }

    pub(super) fn headers(&self) -> Headers {
        Headers::new(&self.region)
    }

    /// Sends a row, which is of this page; returns its bytes. Breaks where the producer refuses it, which the window then knows.
    pub(super) fn send(&self, row: &Row<'_>, page: &Arc<Page>, headers: &mut Headers, replayed: bool) -> ControlFlow<(), usize> {
        let bytes = row.payload.len() + row.aggregate.len() + OVERHEAD;
        let Some(topic) = row.topic else { return ControlFlow::Continue(0) };
        if bytes > limits::RECORD_BYTES {
            tracing::error!(position = row.position, kind = row.kind, bytes, "a row is too large for Kafka, and is left out");
            self.metrics.streams().relay_left_out();
            return ControlFlow::Continue(0);
        }
        page.sending();
        let record = BaseRecord::with_opaque_to(topic, Arc::clone(page))
            .key(row.aggregate)
            .payload(row.payload)
            .timestamp(row.at / 1_000)
            .headers(native(headers, row, replayed));
        match self.producer.send(record) {
            Ok(()) => ControlFlow::Continue(bytes),
            Err((error, _)) => {
                page.not_sent();
                self.window.fail(&error.to_string());
                ControlFlow::Break(())
            }
        }
    }
}

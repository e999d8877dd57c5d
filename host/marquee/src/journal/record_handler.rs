//! The effects of a booking: the component that takes records from any source, and the Kafka producer that components get.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use capabilities::kafka::{ConsumerRecord, Error, Header, Producer, ProducerRecord, RecordMetadata, WriteResult};
use futures::FutureExt;
use futures::future::BoxFuture;
use runtime::Disposition;
use runtime::{Application, ConsumerInstance, Switch};
use streams::{Handler, Outgoing, Record};

use crate::limits;

/// The component that takes records, of whatever version has the traffic. Several calls at once have an instance each.
pub struct RecordHandler {
    traffic: Arc<Switch>,
    idle: Mutex<Vec<(Arc<Application>, ConsumerInstance)>>,
    /// The version that was here last, and since when; no time: the process began with it.
    latest: Mutex<(u64, Option<Instant>)>,
}

impl RecordHandler {
    /// The component of the version that has the traffic.
    pub fn new(traffic: Arc<Switch>) -> Self {
        let began_with = traffic.current().version().number();
        Self { traffic, idle: Mutex::default(), latest: Mutex::new((began_with, None)) }
    }

    /// Hands records over: what became of each, in order. None at all are a tick.
    pub async fn take(&self, records: Vec<ConsumerRecord>) -> Result<Vec<Disposition>, String> {
        let application = self.traffic.current();
        self.notice(&application);
        let mut instance = self.instance(&application)?;
        let outcome = instance.handle(records).await.map_err(|failure| failure.to_string());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < limits::FOLLOWING_IDLE {
            idle.push((application, instance));
        }
        outcome
    }

    /// Whether the version that has the traffic has had it for so short a time that it may still be taken back.
    fn is_on_trial(&self) -> bool {
        let (_, since) = *self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() < limits::FOLLOWING_TRIAL)
    }

    fn notice(&self, application: &Application) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.0 != application.version().number() {
            *latest = (application.version().number(), Some(Instant::now()));
        }
    }

    fn instance(&self, application: &Arc<Application>) -> Result<ConsumerInstance, String> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of a version that is no longer there go.
        idle.retain(|(version, _)| Arc::ptr_eq(version, application));
        let found = idle.pop().map(|(_, instance)| instance).or_else(|| application.consumer());
        found.ok_or_else(|| "no component of the application takes records".to_owned())
    }
}

impl Handler for RecordHandler {
    fn handle(&self, records: Vec<Arc<Record>>) -> BoxFuture<'_, Result<Vec<streams::Disposition>, String>> {
        async move {
            match self.take(records.iter().map(|record| consumed(record)).collect()).await {
                Ok(outcome) => Ok(outcome.into_iter().map(disposition).collect()),
                // The record would go to the dead letters within seconds. While the version may still go back, it is the version that is doubted.
                Err(reason) if records.len() == 1 && self.is_on_trial() => {
                    tracing::warn!(
                        reason,
                        "a version that is new here fails with a record: it is tried again for as long as an hour"
                    );
                    Ok(vec![streams::Disposition::Retry(0)])
                }
                Err(reason) => Err(reason),
            }
        }
        .boxed()
    }
}

fn consumed(record: &Record) -> ConsumerRecord {
    let header = |header: &streams::Header| Header { key: header.key.clone(), value: header.value.clone() };
    ConsumerRecord {
        topic: record.topic.to_string(),
        partition: record.partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.clone(),
        headers: record.headers.iter().map(header).collect(),
        value: record.value.clone(),
    }
}

fn disposition(disposition: Disposition) -> streams::Disposition {
    match disposition {
        Disposition::Done => streams::Disposition::Done,
        Disposition::Retry(after) => streams::Disposition::Retry(after),
        Disposition::Reject(reason) => streams::Disposition::Reject(reason),
    }
}

/// Kafka, as components write to it.
pub struct Topics(pub streams::Producer);

impl Producer for Topics {
    fn send(&self, records: Vec<ProducerRecord>) -> BoxFuture<'_, Vec<WriteResult>> {
        let outgoing = |record: ProducerRecord| Outgoing {
            topic: record.topic,
            key: record.key,
            headers: record.headers.into_iter().map(|Header { key, value }| streams::Header { key, value }).collect(),
            value: Some(record.value),
        };
        let records = records.into_iter().map(outgoing).collect();
        async move { self.0.send(records).await.into_iter().map(written).collect() }.boxed()
    }
}

fn written(sent: Result<streams::RecordLocation, streams::producer::SendError>) -> WriteResult {
    use streams::producer::SendError;
    match sent {
        Ok(streams::RecordLocation { topic, partition, offset }) => Ok(RecordMetadata { topic, partition, offset }),
        Err(error) => Err(match error {
            SendError::TooLarge(limit) => Error::TooLarge(limit),
            SendError::Unavailable(after) => Error::Unavailable(after),
            SendError::Unknown => Error::Unknown,
            SendError::Other(reason) => Error::Other(reason),
        }),
    }
}

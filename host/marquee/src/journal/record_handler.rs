//! The effects of a booking: the component that takes records from any source, and the Kafka producer that components get.

use std::sync::{Arc, Mutex, PoisonError};

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
}

impl RecordHandler {
    /// The component of the version that has the traffic.
    pub fn new(traffic: Arc<Switch>) -> Self {
        Self { traffic, idle: Mutex::default() }
    }

    /// Hands records over: what became of each, in order. None at all are a tick.
    pub async fn take(&self, records: Vec<ConsumerRecord>) -> Result<Vec<Disposition>, String> {
        let application = self.traffic.current();
        let mut instance = self.instance(&application)?;
        let outcome = instance.handle(records).await.map_err(|failure| failure.to_string());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < limits::FOLLOWING_IDLE {
            idle.push((application, instance));
        }
        outcome
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
            let outcome = self.take(records.iter().map(|record| consumed(record)).collect()).await?;
            Ok(outcome.into_iter().map(disposition).collect())
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

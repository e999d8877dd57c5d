//! Topics, read by somebody who has nothing to do with the code under test.

use crate::client::unique;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A record as anybody reads it.
#[derive(Clone, Debug)]
pub struct TopicRecord {
    pub key: String,
    pub value: serde_json::Value,
    pub headers: BTreeMap<String, String>,
}

impl TopicRecord {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Everything in a topic, in the order of each key, once that is enough.
pub async fn read(
    broker: String,
    topic: &'static str,
    enough: impl Fn(&[TopicRecord]) -> bool + Send + 'static,
) -> Vec<TopicRecord> {
    let reading = move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker).set("group.id", unique("reader")).set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().unwrap();
        consumer.subscribe(&[topic]).unwrap();
        let (begun, mut read) = (Instant::now(), Vec::new());
        while !enough(&read) {
            assert!(begun.elapsed() < Duration::from_secs(90), "not enough in {topic}: {} records", read.len());
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
            let headers = message
                .headers()
                .map(|headers| headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect());
            read.push(TopicRecord {
                key: text(message.key()),
                value: serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default(),
                headers: headers.unwrap_or_default(),
            });
        }
        read
    };
    tokio::task::spawn_blocking(reading).await.unwrap()
}

/// Writes a record that nobody can make sense of.
pub fn poison(broker: &str, topic: &str) {
    let producer: ThreadedProducer<_> = ClientConfig::new().set("bootstrap.servers", broker).create().unwrap();
    let record: BaseRecord<'_, str, str> = BaseRecord::to(topic).key("poison").payload("{");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
}

use std::collections::BTreeSet;
use std::sync::Arc;

use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use streams::mirror::{self, Options, RabbitMqMirror};
use streams::{Handler, Header, Outgoing, Producer, Secret};
use test_support::variable;

use crate::handlers::{consume, rules};
use crate::proxy::Proxy;
use crate::scene::{Topic, unique, until};

pub struct Queue {
    channel: Channel,
    _connection: Connection,
    pub name: String,
}

impl Queue {
    pub async fn create() -> Self {
        let connection = Connection::connect(&variable("MARQUEE_TEST_AMQP_URL"), ConnectionProperties::default()).await.unwrap();
        Self { channel: connection.create_channel().await.unwrap(), _connection: connection, name: unique("queue") }
    }

    pub async fn next(&self) -> Option<BasicGetMessage> {
        let message = self.channel.basic_get(self.name.as_str().into(), BasicGetOptions::default()).await.unwrap()?;
        message.ack(BasicAckOptions::default()).await.unwrap();
        Some(message)
    }

    /// What is in it, until it has had so many different messages.
    async fn ids(&self, ids: &mut BTreeSet<String>, count: usize) {
        until("all messages are in the queue", async || {
            while let Some(message) = self.next().await {
                ids.insert(message.properties.message_id().clone().unwrap().to_string());
            }
            ids.len() == count
        })
        .await;
    }

    pub async fn remove(&self) {
        self.channel.queue_delete(self.name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }
}

pub fn record(topic: &Topic, number: usize) -> Outgoing {
    let header = |key: &str, value: String| Header { key: key.to_owned(), value: value.into_bytes() };
    Outgoing {
        topic: topic.name.clone(),
        key: format!("booking{number}").into_bytes(),
        headers: vec![
            header("content-type", "application/json".to_owned()),
            header("ce_id", format!("batch.{number}")),
            header("ce_type", "booking.created".to_owned()),
        ],
        value: Some(format!("{{\"number\":{number}}}").into_bytes()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_copied_after_a_rabbitmq_outage() {
    let (topic, queue) = (Topic::create().await, Queue::create().await);
    let address = variable("MARQUEE_TEST_AMQP_URL");
    let (user, rest) = address.rsplit_once('@').unwrap();
    let (host, vhost) = rest.split_once('/').unwrap();
    let proxy = Proxy::to(host.to_owned()).await;
    let options = Options {
        url: Secret::new(format!("{user}@127.0.0.1:{}/{vhost}", proxy.port)),
        authority: None,
        queue: queue.name.clone(),
        breaker: streams::limits::AMQP_BREAKER,
        metrics: Arc::clone(&topic.metrics),
    };
    let mirror = Arc::new(RabbitMqMirror::new(options).unwrap());
    topic.metrics.breakers().add(mirror.breaker());
    let group = mirror::group(&unique("group"));
    let consuming = consume(&topic, &group, Arc::clone(&mirror) as Arc<dyn Handler>, rules());
    let producer = Producer::new(&topic.settings).unwrap();
    let send = async |numbers: std::ops::Range<usize>| {
        let records = numbers.map(|number| record(&topic, number)).collect();
        assert!(producer.send(records).await.iter().all(Result::is_ok));
    };

    send(0..1).await;
    let mut first = None;
    until("the first is in the queue", async || {
        let declared = queue.channel.status().connected() && topic.committed(&group).await == 1;
        if declared {
            first = queue.next().await;
        }
        first.is_some()
    })
    .await;
    let first = first.unwrap();
    assert_eq!(first.data, b"{\"number\":0}");
    let properties = &first.properties;
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "batch.0");
    assert_eq!(properties.kind().as_ref().unwrap().as_str(), "booking.created");
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
    assert_eq!(*properties.delivery_mode(), Some(2));
    let header = properties.headers().as_ref().unwrap().inner().get("ce_type").cloned();
    assert_eq!(header, Some(AMQPValue::LongString("booking.created".into())));
    // Durable: to declare it otherwise is refused.
    let probe = queue._connection.create_channel().await.unwrap();
    let passing = probe.queue_declare(queue.name.as_str().into(), QueueDeclareOptions::default(), FieldTable::default()).await;
    assert!(passing.is_err());

    proxy.cut();
    send(1..200).await;
    let open = "marquee_circuit_breaker_state{breaker=\"rabbitmq\"} 1";
    until("the breaker is open", async || String::from_utf8(topic.metrics.render().unwrap()).unwrap().contains(open)).await;
    assert_eq!(topic.committed(&group).await, 1);
    proxy.mend();
    let mut ids = BTreeSet::from(["batch.0".to_owned()]);
    queue.ids(&mut ids, 200).await;
    until("all is committed", async || topic.committed(&group).await == 200).await;
    assert_eq!(topic.dead_count().await, 0);
    consuming.end().await;
    queue.remove().await;
    topic.remove().await;
}

//! Copies records to a RabbitMQ queue (AMQP 0.9.1), for consumers that still read one.
//!
//! A [`RabbitMqMirror`] is a [`Handler`] for a [`Consumer`](crate::Consumer) with a group of its own ([`group`]), so that it and other consumers do not delay each other. Each record
//! becomes a persistent message in a durable queue, and is done once the broker has confirmed it. While RabbitMQ is unreachable records stay in Kafka, for as long
//! as that keeps them, and are retried every 5 s or sooner; the health check reports it, and nothing else is affected. A record whose confirmation was lost is in the
//! queue twice, with the same message id.
//!
//! | message | record |
//! |---|---|
//! | body, content type | value, `content-type` |
//! | message id, type, timestamp | `ce_id`, `ce_type`, timestamp (whole seconds) |
//! | headers | the record's, by the same names |

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, try_join_all};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use telemetry::{BreakerOptions, Health, Metrics, Needed, secured};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::{Breaker, Disposition, Error, Handler, Record, Secret, limits};

/// The queue that booking events are mirrored to.
pub const BOOKING_QUEUE: &str = "booking_queue";

/// A message outlives the broker's restart.
const PERSISTENT: u8 = 2;

/// The consumer group of a worker's mirror.
#[must_use]
pub fn group(worker: &str) -> String {
    format!("{worker}-mirror")
}

/// What a mirror is made from.
#[derive(Debug)]
pub struct Options {
    /// `amqps://user:password@host:port/vhost`; `amqp` without TLS, to this machine, or where `?tls=off` stands at its end.
    pub url: Secret,
    /// Certificates, PEM, of who may have signed the server's, beside those that the system trusts.
    pub authority: Option<String>,
    /// Usually [`BOOKING_QUEUE`].
    pub queue: String,
    /// When it is left alone, and for how long: usually [`limits::AMQP_BREAKER`].
    pub breaker: BreakerOptions,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// Copies records to a queue.
#[derive(Debug)]
pub struct RabbitMqMirror {
    options: Options,
    breaker: Breaker,
    link: Mutex<Option<Link>>,
}

#[derive(Debug)]
struct Link {
    connection: Connection,
    channel: Channel,
}

impl RabbitMqMirror {
    /// A mirror; it connects when there is something to copy. Fails where the address is none.
    pub fn new(options: Options) -> Result<Self, Error> {
        let address: Result<lapin::uri::AMQPUri, _> = options.url.reveal().parse();
        let Ok(address) = address else {
            return Err(Error::Setting("RabbitMQ's address is not amqp://user:password@host:port/vhost".to_owned()));
        };
        let clear = options.url.reveal().split_once('?').is_some_and(|(_, query)| query.split('&').any(|pair| pair == "tls=off"));
        if address.scheme == lapin::uri::AMQPScheme::AMQP && !clear && !secured::is_loopback(&address.authority.host) {
            return Err(Error::Setting(format!(
                "RabbitMQ at {} is on another machine and its address asks for no TLS: write amqps instead of amqp, or add ?tls=off where nobody else \
                 is on the network",
                address.authority.host
            )));
        }
        if options.queue.is_empty() || options.queue.len() > 255 {
            return Err(Error::Setting("the queue's name has 1 to 255 bytes".to_owned()));
        }
        let breaker = Breaker::new("rabbitmq", options.breaker);
        Ok(Self { options, breaker, link: Mutex::new(None) })
    }

    /// Its circuit breaker, `rabbitmq`, to be added to the node's.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    /// Registers the check `rabbitmq`.
    pub fn register(&self, health: &Health) {
        let breaker = self.breaker();
        health.register("rabbitmq", Needed::Information, move || breaker.finding("takes what is mirrored"));
    }

    async fn copy(&self, records: &[Arc<Record>]) -> Result<(), String> {
        let mut link = self.link.lock().await;
        if link.as_ref().is_some_and(|link| !link.connection.status().connected() || !link.channel.status().connected()) {
            *link = None;
        }
        let channel = match &*link {
            Some(link) => link.channel.clone(),
            None => {
                let connecting = timeout(limits::AMQP_CONNECT, self.connect()).await;
                let made = connecting.map_err(|_| "no connection in time".to_owned())?.map_err(|error| error.to_string())?;
                link.insert(made).channel.clone()
            }
        };
        let copied = match timeout(limits::AMQP_CONFIRM, self.publish(&channel, records)).await {
            Ok(copied) => copied,
            Err(_) => Err("not confirmed in time".to_owned()),
        };
        if copied.is_err() {
            // Whatever is wrong with it, the next one is new.
            *link = None;
        }
        copied
    }

    async fn connect(&self) -> lapin::Result<Link> {
        let properties = ConnectionProperties::default().with_connection_name("marquee-mirror".into());
        let tls = OwnedTLSConfig { cert_chain: self.options.authority.clone(), ..OwnedTLSConfig::default() };
        let (url, runtime) = (self.options.url.reveal(), lapin::runtime::default_runtime()?);
        let connection = Connection::connect_with_config(url, properties, tls, runtime).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.options.queue.as_str().into(), durable, FieldTable::default()).await?;
        Ok(Link { connection, channel })
    }

    async fn publish(&self, channel: &Channel, records: &[Arc<Record>]) -> Result<(), String> {
        let mut confirmations = Vec::with_capacity(records.len());
        for record in records {
            // A queue that is gone is an error, not a void.
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let body = record.value.as_deref().unwrap_or_default();
            let sent = channel.basic_publish("".into(), self.options.queue.as_str().into(), options, body, properties(record));
            confirmations.push(sent.await.map_err(|error| error.to_string())?);
        }
        let confirmations = try_join_all(confirmations).await.map_err(|error| error.to_string())?;
        if confirmations.iter().all(|confirmation| matches!(confirmation, Confirmation::Ack(None))) {
            self.options.metrics.streams().mirrored(records.len() as u64);
            return Ok(());
        }
        Err("RabbitMQ did not take a message".to_owned())
    }
}

fn properties(record: &Record) -> BasicProperties {
    let mut headers = FieldTable::default();
    for header in &record.headers {
        let name = short(&header.key);
        headers.insert(name, AMQPValue::LongString(LongString::from(header.value.clone())));
    }
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type(short(record.header("content-type").unwrap_or("application/octet-stream")))
        .with_message_id(short(record.header("ce_id").unwrap_or_default()))
        .with_type(short(record.header("ce_type").unwrap_or_default()))
        .with_timestamp(u64::try_from(record.timestamp / 1_000).unwrap_or_default())
        .with_headers(headers)
}

/// AMQP's short strings have 255 bytes at most.
fn short(text: &str) -> ShortString {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().into()
}

impl Handler for RabbitMqMirror {
    fn handle(&self, records: Vec<Arc<Record>>) -> BoxFuture<'_, Result<Vec<Disposition>, String>> {
        async move {
            if records.is_empty() {
                return Ok(Vec::new());
            }
            match self.copy(&records).await {
                Ok(()) => {
                    if self.breaker.works() {
                        tracing::info!("RabbitMQ accepts messages again");
                    }
                    Ok(records.iter().map(|_| Disposition::Done).collect())
                }
                Err(reason) => {
                    if self.breaker.failed(&reason) {
                        tracing::warn!(reason, "RabbitMQ does not accept messages: they wait in Kafka");
                    }
                    // All of them: an outage, which the consumer tries again for as long as it takes.
                    Ok(records.iter().map(|_| Disposition::Retry(0)).collect())
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(url: &str) -> Result<RabbitMqMirror, String> {
        let metrics = Arc::new(Metrics::new().map_err(|error| error.to_string())?);
        let (url, queue) = (Secret::new(url.to_owned()), BOOKING_QUEUE.to_owned());
        RabbitMqMirror::new(Options { url, authority: None, queue, breaker: limits::AMQP_BREAKER, metrics })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_remote_server_requires_tls_unless_its_address_opts_out() {
        for url in ["amqp://me:s3cret@rabbit/%2f", "amqp://me:s3cret@10.0.0.1:5672/%2f?heartbeat=5"] {
            let text = made(url).unwrap_err();
            assert!(text.contains("amqps") && text.contains("?tls=off") && !text.contains("s3cret"), "{text}");
        }
        for url in ["amqps://me:s3cret@rabbit/%2f", "amqp://me:s3cret@rabbit/%2f?tls=off", "amqp://guest:guest@127.0.0.1/%2f"] {
            assert!(made(url).is_ok(), "{url}");
        }
    }
}

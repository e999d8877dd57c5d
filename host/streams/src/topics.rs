//! The topics, made where they are missing.
//!
//! | topic | its key | keeps |
//! |---|---|---|
//! | `user-events`, `booking-events`, `payment-events`, `catalog-events` | the aggregate's id | [`Settings::retention_days`] |
//! | each with `.dead-letter` behind it | as the record had it | [`Settings::dead_letter_days`] |
//!
//! All have [`Settings::partitions`] partitions. With three copies or more a write counts once two have it.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::types::RDKafkaErrorCode;

use crate::client::{self, LastError, Logs};
use crate::{Error, Settings, limits};

/// What happened to accounts.
pub const USER_EVENTS: &str = "user-events";
/// To bookings.
pub const BOOKING_EVENTS: &str = "booking-events";
/// To payments and refunds.
pub const PAYMENT_EVENTS: &str = "payment-events";
/// In the catalog.
pub const CATALOG_EVENTS: &str = "catalog-events";

/// Every topic that the relay writes to.
pub const EVENTS: [&str; 4] = [USER_EVENTS, BOOKING_EVENTS, PAYMENT_EVENTS, CATALOG_EVENTS];

/// Where records of a topic go that cannot be handled.
#[must_use]
pub fn dead_letter(topic: &str) -> String {
    format!("{topic}.dead-letter")
}

/// A topic as it should be.
struct TopicSpec {
    name: String,
    retention_ms: String,
}

/// Creates those of [`EVENTS`] and their dead-letter topics that are missing.
pub async fn create(settings: &Settings) -> Result<(), Error> {
    create_these(settings, &EVENTS).await
}

/// Creates those of `topics` and their dead-letter topics that are missing. What exists is left as it is, and where it is not as the settings
/// say, the log says so. Fails where Kafka cannot be reached within [`limits::ADMIN`], or refuses.
pub async fn create_these(settings: &Settings, topics: &[&str]) -> Result<(), Error> {
    let brokers = i32::try_from(tokio::task::block_in_place(|| brokers(settings))?).unwrap_or(i32::MAX);
    let admin: AdminClient<Logs> = settings.client()?.create_with_context(Logs)?;
    let replication = settings.replication.unwrap_or_else(|| limits::REPLICATION.min(brokers).max(1));
    let ms = |days: u32| (u64::from(days) * 86_400_000).to_string();
    let wanted: Vec<TopicSpec> = topics
        .iter()
        .flat_map(|&topic| {
            [
                TopicSpec { name: topic.to_owned(), retention_ms: ms(settings.retention_days) },
                TopicSpec { name: dead_letter(topic), retention_ms: ms(settings.dead_letter_days) },
            ]
        })
        .collect();
    let new: Vec<NewTopic<'_>> = wanted
        .iter()
        .map(|topic| {
            let new = NewTopic::new(&topic.name, settings.partitions, TopicReplication::Fixed(replication))
                .set("retention.ms", &topic.retention_ms)
                .set("cleanup.policy", "delete");
            if replication >= limits::REPLICATED { new.set("min.insync.replicas", "2") } else { new }
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(limits::ADMIN)).operation_timeout(Some(limits::ADMIN));
    for outcome in admin.create_topics(&new, &options).await? {
        match outcome {
            Ok(name) => tracing::info!(topic = name, partitions = settings.partitions, replication, "created a topic"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(Error::Refused(format!("Kafka does not create topic {name}: {code}"))),
        }
    }
    compare(&admin, settings, &wanted, replication).await
}

/// How many brokers there are. Blocks. Asked by a producer, because an admin client never reports why no broker answers.
fn brokers(settings: &Settings) -> Result<usize, Error> {
    let reasons = LastError::default();
    let asking: BaseProducer<LastError> = settings.client()?.create_with_context(reasons.clone())?;
    asking.client().fetch_metadata(Some(""), limits::METADATA).map(|it| it.brokers().len()).map_err(|error| {
        asking.poll(limits::REASON);
        match reasons.last() {
            Some(reason) if client::unreachable(&error) => Error::Unreachable(format!("{reason}{}", settings.hint())),
            _ => error.into(),
        }
    })
}

/// Logs what is not as it should be.
async fn compare(admin: &AdminClient<Logs>, settings: &Settings, wanted: &[TopicSpec], replication: i32) -> Result<(), Error> {
    let metadata = tokio::task::block_in_place(|| admin.inner().fetch_metadata(None, limits::ADMIN))?;
    let resources: Vec<_> = wanted.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let configs = admin.describe_configs(&resources, &AdminOptions::new().request_timeout(Some(limits::ADMIN))).await?;
    for (topic, config) in wanted.iter().zip(configs) {
        let mut differences = Vec::new();
        let mut compare = |what: &str, is: String, should: &str| {
            if is != should {
                differences.push(format!("{what} is {is}, not {should}"));
            }
        };
        if let Some(found) = metadata.topics().iter().find(|found| found.name() == topic.name) {
            compare("partitions", found.partitions().len().to_string(), &settings.partitions.to_string());
            let copies = found.partitions().first().map_or(0, |partition| partition.replicas().len());
            compare("replication", copies.to_string(), &replication.to_string());
        }
        if let Some(retention) = config.ok().and_then(|config| config.get("retention.ms").and_then(|entry| entry.value.clone())) {
            compare("retention.ms", retention, &topic.retention_ms);
        }
        if !differences.is_empty() {
            tracing::warn!(
                topic = topic.name,
                differences = differences.join("; "),
                "a topic is not as the settings say, and is left so"
            );
        }
    }
    Ok(())
}

//! Kafka and RabbitMQ: how what the journal says reaches everybody outside.
//!
//! - [`relay`] publishes the journal's rows to Kafka, in order of position, and remembers how far Kafka has acknowledged them.
//!   [`replay`] asks it to publish a range again.
//! - [`consumer`] hands records to a [`Handler`] in batches, and commits what the handler is done with.
//! - [`mirror`] is such a handler: it copies booking events to a RabbitMQ queue, for those who still read one.
//! - [`cloud_events`] says what a row is called outside, [`retry`] when a record is tried again: both are also used without Kafka.
//! - [`producer`] writes single records; [`topics`] creates what is written to; [`Settings`] says where Kafka is.
//!
//! *Invariants:* nothing is lost: the relay's place moves only past what Kafka has acknowledged, a consumer's offset only past what is done
//! with, so after any fault records come again and never too few; records of one key are handed over one after the other, and one that is to
//! be tried again holds back its own key alone; a record leaves a consumer as done or into the dead-letter topic, never otherwise; an
//! outage, in which nothing succeeds, sends nothing to the dead letters; every queue, wait and retry has a limit; no database but the
//! journal's, no component and no role is known here.

mod breaker;
mod client;
pub mod cloud_events;
pub mod consumer;
pub mod journal;
pub mod limits;
pub mod mirror;
pub mod producer;
mod record;
pub mod relay;
pub mod replay;
pub mod retry;
mod settings;
pub mod topics;

pub use breaker::Breaker;
pub use consumer::{Consumer, Handler};
pub use journal::Journal;
pub use mirror::RabbitMqMirror;
pub use producer::Producer;
pub use record::{Disposition, Header, Outgoing, Record, RecordLocation};
pub use relay::{Relay, RelayWaker};
pub use settings::{Mechanism, Protocol, Secret, Settings};

/// What can go wrong here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing or wrong; the sentence says which.
    #[error("{0}")]
    Setting(String),
    /// A client of Kafka could not be made, or Kafka refused something.
    #[error("Kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// No broker could be used; why.
    #[error("Kafka cannot be used: {0}")]
    Unreachable(String),
    /// The journal's database.
    #[error("the journal: {0}")]
    Database(#[from] sqlx::Error),
    /// The request is invalid.
    #[error("{0}")]
    Refused(String),
}

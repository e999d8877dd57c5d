//! Metrics of what goes through Kafka and RabbitMQ.

use std::time::Duration;

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::Error;
use crate::limits::STREAM_BATCH_BUCKETS;

/// The topics that are labels; others are counted together.
const TOPICS: [&str; 4] = ["user-events", "booking-events", "payment-events", "catalog-events"];

const OTHER: &str = "other";

/// What goes through Kafka and RabbitMQ.
#[derive(Debug)]
pub struct Streams {
    published: Vec<(&'static str, IntCounter)>,
    left_out: IntCounter,
    failures: IntCounter,
    lag: IntGauge,
    oldest: Gauge,
    consumed: IntCounterVec,
    consumer_lag: IntGaugeVec,
    waiting: IntGaugeVec,
    batch: Histogram,
    handling: Histogram,
    mirrored: IntCounter,
}

impl Streams {
    pub(crate) fn new(registry: &Registry) -> Result<Self, Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let by_topic =
            counter("marquee_relay_published_total", "Records of the journal that Kafka has acknowledged.", &["topic"])?;
        registry.register(Box::new(by_topic.clone()))?;
        // Counted for each record: not looked up each time.
        let topics = TOPICS.into_iter().chain([OTHER]);
        let published: Vec<_> = topics.map(|topic| (topic, by_topic.with_label_values(&[topic]))).collect();
        let made = Self {
            published,
            left_out: IntCounter::new("marquee_relay_left_out_total", "Rows of the journal that are too large for Kafka.")?,
            failures: IntCounter::new("marquee_relay_failures_total", "How often the relay had to begin again at its place.")?,
            lag: IntGauge::new("marquee_relay_lag_positions", "Positions of the journal that Kafka does not have yet.")?,
            oldest: Gauge::new("marquee_relay_oldest_seconds", "How old the oldest row is that Kafka does not have yet.")?,
            consumed: counter(
                "marquee_consumer_records_total",
                "Records by what became of them: done, retry (once for each try), dead-letter.",
                &["group", "topic", "outcome"],
            )?,
            consumer_lag: IntGaugeVec::new(
                Opts::new("marquee_consumer_lag_records", "Records of this consumer's partitions that are not done yet."),
                &["group", "topic"],
            )?,
            waiting: IntGaugeVec::new(
                Opts::new("marquee_consumer_waiting_records", "Records that wait to be tried again, and those behind them."),
                &["group"],
            )?,
            batch: Histogram::with_opts(
                HistogramOpts::new("marquee_consumer_batch_size", "Records of one call of a handler.")
                    .buckets(STREAM_BATCH_BUCKETS.to_vec()),
            )?,
            handling: Histogram::with_opts(
                HistogramOpts::new("marquee_consumer_handle_duration_seconds", "How long one call of a handler took.")
                    .buckets(crate::limits::DURATION_BUCKETS.to_vec()),
            )?,
            mirrored: IntCounter::new("marquee_mirror_confirmed_total", "Records that RabbitMQ has confirmed.")?,
        };
        registry.register(Box::new(made.left_out.clone()))?;
        registry.register(Box::new(made.failures.clone()))?;
        registry.register(Box::new(made.lag.clone()))?;
        registry.register(Box::new(made.oldest.clone()))?;
        registry.register(Box::new(made.consumed.clone()))?;
        registry.register(Box::new(made.consumer_lag.clone()))?;
        registry.register(Box::new(made.waiting.clone()))?;
        registry.register(Box::new(made.batch.clone()))?;
        registry.register(Box::new(made.handling.clone()))?;
        registry.register(Box::new(made.mirrored.clone()))?;
        Ok(made)
    }

    /// Counts a record of the journal that Kafka has acknowledged.
    pub fn published(&self, topic: &str) {
        let topic = bounded(topic);
        if let Some((_, counter)) = self.published.iter().find(|(known, _)| *known == topic) {
            counter.inc();
        }
    }

    /// Counts a row that is too large for Kafka.
    pub fn relay_left_out(&self) {
        self.left_out.inc();
    }

    /// Counts that the relay had to begin again.
    pub fn relay_failed(&self) {
        self.failures.inc();
    }

    /// How far the relay is behind.
    pub fn relay_lag(&self, positions: i64, oldest: Duration) {
        self.lag.set(positions);
        self.oldest.set(oldest.as_secs_f64());
    }

    /// Counts records that a consumer has handled. `group` comes from the configuration, `outcome` is of a closed set.
    pub fn consumed(&self, group: &str, topic: &str, outcome: &'static str, records: u64) {
        if records > 0 {
            self.consumed.with_label_values(&[group, bounded(topic), outcome]).inc_by(records);
        }
    }

    /// How far a consumer is behind in a topic.
    pub fn consumer_lag(&self, group: &str, topic: &str, records: i64) {
        self.consumer_lag.with_label_values(&[group, bounded(topic)]).set(records);
    }

    /// How many records wait to be tried again.
    pub fn waiting(&self, group: &str, records: usize) {
        self.waiting.with_label_values(&[group]).set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// Counts a call of a handler.
    pub fn handled(&self, records: usize, took: Duration) {
        self.batch.observe(f64::from(u32::try_from(records).unwrap_or(u32::MAX)));
        self.handling.observe(took.as_secs_f64());
    }

    /// Counts records that RabbitMQ has confirmed.
    pub fn mirrored(&self, records: u64) {
        self.mirrored.inc_by(records);
    }
}

fn bounded(topic: &str) -> &'static str {
    TOPICS.into_iter().find(|known| *known == topic).unwrap_or(OTHER)
}

//! The journal's entries as their columns have them: what everybody writes who tells of something.

/// Kafka topic of what becomes of accounts.
pub const USER_EVENTS: Option<&str> = Some("user-events");
/// Of bookings.
pub const BOOKING_EVENTS: Option<&str> = Some("booking-events");
/// Of payments and refunds.
pub const PAYMENT_EVENTS: Option<&str> = Some("payment-events");
/// Of the catalog.
pub const CATALOG_EVENTS: Option<&str> = Some("catalog-events");
/// No topic: the fact is for edges alone.
pub const FEED_ONLY: Option<&str> = None;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// One of this module's topics.
    pub topic: Option<&'static str>,
    /// For example `booking.created`.
    pub kind: &'static str,
    /// The id of what it happened to; the key of its Kafka record.
    pub aggregate: String,
    /// The aggregate's version after it.
    pub version: i64,
    /// For consumers inside, JSON; never a secret.
    pub payload: String,
    /// The W3C `traceparent` of what caused it.
    pub trace: Option<String>,
    /// A [`Fact`](crate::Fact) as JSON: what the public may know of it.
    pub fact: Option<String>,
}

/// The facts of one batch as one text: a JSON array. None where nothing is public.
#[must_use]
pub fn facts(rows: &[Row]) -> Option<String> {
    let facts: Vec<&str> = rows.iter().filter_map(|row| row.fact.as_deref()).collect();
    (!facts.is_empty()).then(|| format!("[{}]", facts.join(",")))
}

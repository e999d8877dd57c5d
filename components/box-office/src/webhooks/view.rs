//! Webhooks and deliveries as the API shows them.

use super::store::{Delivery, Row};
use ::webhooks::Secret;
use kit::sql::Error;
use kit::time;
use serde::Serialize;

/// The JSON of a webhook.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    id: String,
    organiser_id: String,
    url: String,
    types: Vec<String>,
    description: Option<String>,
    state: String,
    /// Why it is disabled.
    reason: Option<String>,
    /// Since when no message has arrived.
    failing_since: Option<String>,
    /// Until when the secret before signs as well.
    rotating_until: Option<String>,
    created_by: String,
    created_at: String,
    /// Once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl View {
    /// The webhook as it is at `now`.
    pub fn new(row: Row, now: i64) -> Result<Self, Error> {
        let types = serde_json::from_str(&row.types);
        let types = types.map_err(|error| Error::Other(format!("types of the webhook {}: {error}", row.id)))?;
        Ok(Self {
            id: row.id,
            organiser_id: row.organiser_id,
            url: row.url,
            types,
            description: row.description,
            state: row.state,
            reason: row.reason,
            failing_since: row.failing_since.map(time::format),
            rotating_until: row.previous_until.filter(|until| *until > now).map(time::format),
            created_by: row.created_by,
            created_at: time::format(row.created_at),
            secret: None,
        })
    }

    /// With its secret.
    pub fn with_secret(&self, secret: &Secret) -> Self {
        Self { secret: Some(secret.render()), ..self.clone() }
    }
}

/// The JSON of a delivery.
#[derive(Debug, Serialize)]
pub struct DeliveryView {
    id: String,
    r#type: String,
    state: String,
    attempts: i64,
    /// Of the last attempt, as all that follow.
    attempted_at: Option<String>,
    duration_ms: Option<i64>,
    status: Option<i64>,
    answer: Option<String>,
    error: Option<String>,
    /// When it is tried again.
    next_attempt_at: Option<String>,
    created_at: String,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let due = delivery.state == "due";
        Self {
            id: delivery.id,
            r#type: delivery.r#type,
            state: delivery.state,
            attempts: delivery.attempts,
            attempted_at: delivery.attempted_at.map(time::format),
            duration_ms: delivery.duration,
            status: delivery.status,
            answer: delivery.answer,
            error: delivery.error,
            next_attempt_at: due.then(|| time::format(delivery.due_at)),
            created_at: time::format(delivery.created_at),
        }
    }
}

//! Something to sell, and people who want it.

use crate::step::write_private;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Places that each person may have.
const PER_PERSON: u32 = 1000;

/// What a place costs where the sale is about holds, in cents.
const PRICE: u32 = 4500;

/// A published event, and a file with the access tokens of people who may hold places of it.
pub struct Sale {
    pub tokens: PathBuf,
    /// The same tokens; the first is the organiser's.
    pub people: Vec<String>,
    pub event: String,
    pub ticket: String,
}

impl Sale {
    /// By an edge, for so many people.
    pub fn open(base: &str, people: usize) -> Result<Self> {
        Self::priced(base, people, PRICE)
    }

    /// The same, where a place costs so much; nothing: who holds one has booked it.
    pub fn priced(base: &str, people: usize, price: u32) -> Result<Self> {
        let name = format!("bench-{}", std::process::id());
        let post = |path: &str, token: &str, body: serde_json::Value| -> Result<serde_json::Value> {
            let request = ureq::post(format!("{base}{path}")).header("authorization", format!("Bearer {token}"));
            Ok(request.send_json(body).with_context(|| format!("POST {path}"))?.body_mut().read_json()?)
        };
        let text = |value: &serde_json::Value, pointer: &str| {
            value.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned).context("an answer lacks a field")
        };
        let mut tokens = Vec::with_capacity(people);
        for person in 0..people {
            let account = serde_json::json!({"email": format!("{name}-{person}@example.com"), "password": format!("{name}-password"), "name": "Bench"});
            tokens.push(text(&post("/api/auth/register", "", account)?, "/access_token")?);
        }
        let organiser_token = tokens.first().context("there is no organiser")?.clone();
        let organiser = post("/api/organisers", &organiser_token, serde_json::json!({"name": "Bench Hall"}))?;
        let event = serde_json::json!({
            "organiser_id": organiser.get("id"), "title": "Bench", "description": "For a benchmark.", "category": "music",
            "venue": {"name": "Hall", "city": "Berlin", "country": "DE"},
            "starts_at": "2037-03-01T19:00:00Z", "ends_at": "2037-03-01T22:00:00Z", "timezone": "Europe/Berlin", "currency": "EUR",
            "ticket_types": [{"name": "Standard", "price": price, "capacity": 1_000_000, "per_person_limit": PER_PERSON}],
        });
        let event = post("/api/events", &organiser_token, event)?;
        let id = text(&event, "/id")?;
        post(&format!("/api/events/{id}/publish"), &organiser_token, serde_json::json!({}))?;
        let file = PathBuf::from(format!("target/{name}-{}.tokens", base.rsplit(':').next().unwrap_or_default()));
        write_private(&file, &tokens.join("\n"))?;
        Ok(Self { tokens: file, people: tokens, event: id, ticket: text(&event, "/ticket_types/0/id")? })
    }
}

//! What several tests need.

use access_token::{AUDIENCE, ISSUER, TYPE};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use read_model::{Availability, EventDoc, EventStatus, Fact, Line, TicketType, Venue};
use vocabulary::edge as wit;

pub(crate) fn event(id: &str, revision: u64) -> Fact {
    let text = |text: &str| text.to_owned();
    Fact::Event(EventDoc {
        id: text(id),
        organiser_id: text("eu_o"),
        status: EventStatus::Published,
        revision,
        title: text("Night of Strings"),
        category: text("music"),
        venue: Venue { name: text("Blue Hall"), city: text("Colombo"), country: text("LK") },
        starts_at: i64::MAX - 2,
        ends_at: i64::MAX - 1,
        timezone: text("Asia/Colombo"),
        currency: text("EUR"),
        region: text("eu"),
        ticket_types: vec![TicketType {
            id: format!("{id}_t"),
            name: text("Standard"),
            price: 4500,
            capacity: 10,
            per_person_limit: 6,
            ..TicketType::default()
        }],
        ..EventDoc::default()
    })
}

/// Everything, one at a time.
pub(crate) fn everything() -> wit::Query {
    wit::Query { limit: 1, ..wit::Query::default() }
}

pub(crate) fn availability(event_id: &str, version: u64, available: u32) -> Fact {
    Fact::Availability(Availability {
        event_id: event_id.to_owned(),
        version,
        open: true,
        sales_from: None,
        sales_until: None,
        lines: vec![Line { ticket_type: format!("{event_id}_t"), capacity: 10, available }],
    })
}

/// RFC 8032, section 7.1, test 1: the seed in PKCS#8 DER, and the public key.
const SEED: &str = "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
pub(crate) const PUBLIC_KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// A token of this user and session that key `k1` has just signed.
pub(crate) fn token(subject: &str, session: &str) -> String {
    let der: Vec<u8> = (0..SEED.len()).step_by(2).map(|at| u8::from_str_radix(&SEED[at..at + 2], 16).unwrap()).collect();
    let header = Header { typ: Some(TYPE.to_owned()), kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let now = crate::now() / 1_000_000;
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "sid": session, "roles": ["user"], "iat": now, "exp": now + 900
    });
    encode(&header, &claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

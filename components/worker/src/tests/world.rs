//! A small world for the tests: a database with an event and people, records about them, and a post office.

use crate::Fate;
use crate::mail::Mailer;
use crate::wit::kafka::{ConsumerRecord, Header};
use crate::wit::mail::{Error, Message};
use kit::sql::testing::{Database, ready};
use kit::time;
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

/// 2027-01-15T08:00:00Z
pub const START: i64 = 1_800_000_000_000_000;
pub const BASE: &str = "https://tickets.example";

/// A database of each engine, in which Ada has an account and two bookings for one event: `eu_paid`, with a completed payment, and `eu_free`.
/// Bob's account is another region's.
pub fn worlds() -> Vec<Arc<Database>> {
    let all = Database::all();
    for database in &all {
        database.enter();
        database.set_now(START);
        populate(database, "Night of Strings");
    }
    all
}

pub fn populate(database: &Database, title: &str) {
    database.run("INSERT INTO users (id, email, name, password_hash, version, created_at, email_verified_at) VALUES ('eu_ada', 'ada@example.com', 'Ada <Lovelace>', 'x', 1, 0, 0), ('us_bob', 'us_bob', 'Bob', '', 0, 0, NULL)");
    database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'Blue Hall', 0)");
    database.run(&format!(
        "INSERT INTO events (id, organiser_id, status, revision, title, description, category, venue_name, city, country, starts_at, ends_at, \
         timezone, currency, region, created_by, created_at, updated_at) VALUES ('eu_e', 'eu_o', 'published', 2, '{title}', '', 'music', \
         'Blue Hall', 'Colombo', 'LK', {START}, {START}, 'Asia/Colombo', 'EUR', 'eu', 'eu_u', 0, 0)"
    ));
    database.run(
        "INSERT INTO ticket_types (id, event_id, ordinal, name, price, capacity, per_person_limit) \
         VALUES ('eu_t', 'eu_e', 0, 'Standard', 4500, 100, 6), ('eu_f', 'eu_e', 1, 'Guest list', 0, 100, 6)",
    );
    database.run("INSERT INTO inventory (event, version, status, revision, currency) VALUES ('eu_e', 9, 'open', 2, 'EUR')");
    database.run(
        "INSERT INTO bookings (id, event, person, status, extended, total, currency, payment, ticket_seed, version, created_at, updated_at) \
         VALUES ('eu_paid', 'eu_e', 'eu_ada', 'confirmed', 1, 9000, 'EUR', 'eu_pay', 'seed', 9, 0, 0), \
         ('eu_free', 'eu_e', 'eu_ada', 'confirmed', 0, 0, 'EUR', NULL, 'free', 9, 0, 0)",
    );
    database.run(
        "INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price) \
         VALUES ('eu_paid', 'eu_t', 0, 2, 4500), ('eu_free', 'eu_f', 0, 1, 0)",
    );
    database.run(
        "INSERT INTO payments (id, booking, event, person, amount, currency, status, provider, provider_state, refunded, version, created_at, \
         updated_at) VALUES ('eu_failed', 'eu_paid', 'eu_e', 'eu_ada', 9000, 'EUR', 'failed', 'sandbox', '{}', 0, 3, 0, 0)",
    );
    database.run(&format!(
        "INSERT INTO payments (id, booking, event, person, amount, currency, status, provider, provider_state, refunded, version, created_at, \
         updated_at) VALUES ('eu_pay', 'eu_paid', 'eu_e', 'eu_ada', 9000, 'EUR', 'completed', 'sandbox', '{{\"completed_at\":{START}}}', 0, 3, 0, 0)"
    ));
}

/// A record as the relay writes it.
pub fn record(id: &str, kind: &str, subject: &str, payload: &Json) -> ConsumerRecord {
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", id.to_owned()),
        ("ce_source", "/regions/eu".to_owned()),
        ("ce_type", kind.to_owned()),
        ("ce_subject", subject.to_owned()),
        ("ce_time", time::format(START)),
        ("ce_aggregateversion", "7".to_owned()),
        ("ce_position", "12".to_owned()),
    ];
    ConsumerRecord {
        topic: "booking-events".to_owned(),
        partition: 0,
        offset: 0,
        timestamp: START / 1000,
        key: subject.as_bytes().to_vec(),
        headers: headers.map(|(key, value)| Header { key: key.to_owned(), value: value.into_bytes() }).into(),
        value: Some(payload.to_string().into_bytes()),
    }
}

/// The same record with members of its payload set.
pub fn saying(mut record: ConsumerRecord, members: &[(&str, Json)]) -> ConsumerRecord {
    let mut payload: Json = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
    for (name, value) in members {
        payload[*name] = value.clone();
    }
    record.value = Some(payload.to_string().into_bytes());
    record
}

/// The same record with a header set, or without it.
pub fn with(mut record: ConsumerRecord, name: &str, value: Option<&str>) -> ConsumerRecord {
    record.headers.retain(|header| header.key != name);
    record.headers.extend(value.map(|value| Header { key: name.to_owned(), value: value.as_bytes().to_vec() }));
    record
}

pub fn registered(id: &str, user: &str) -> ConsumerRecord {
    record(id, "user.registered", user, &json!({"user_id": user}))
}

/// Somebody wants to choose a new password for the account of this user, if there is one.
pub fn forgotten(id: &str, user: Option<&str>) -> ConsumerRecord {
    record(id, "user.password-forgotten", user.unwrap_or("nobody"), &json!({"user_id": user, "network": "192.0.2.0/24"}))
}

/// Ada was invited, or somebody at her address.
pub fn invited(id: &str) -> ConsumerRecord {
    let payload = json!({
        "organiser_id": "eu_o", "invitation_id": "eu_i", "role": "finance", "actor": "eu_owner", "network": "192.0.2.0/24",
    });
    record(id, "organiser.invited", "eu_o", &payload)
}

/// What the ledger tells of a booking; `payment` is the one that confirmed it.
pub fn booking(id: &str, kind: &str, booking: &str, status: &str, payment: Option<&str>) -> ConsumerRecord {
    let (amount, quantity) = if booking == "eu_free" { (0, 1) } else { (9000, 2) };
    let mut payload = json!({
        "id": booking, "event_id": "eu_e", "person": "eu_ada", "status": status, "version": 7, "created_at": "2027-01-15T07:00:00Z",
        "items": [{"ticket_type_id": "eu_t", "quantity": quantity, "unit_price": {"amount": 4500, "currency": "EUR"}}],
        "total": {"amount": amount, "currency": "EUR"},
    });
    if let Some(payment) = payment {
        payload["payment_id"] = payment.into();
    }
    record(id, kind, booking, &payload)
}

/// What is told of a payment; with a refund of it, where there is one.
pub fn payment(id: &str, kind: &str, refund: Option<i64>) -> ConsumerRecord {
    let mut payload = json!({
        "payment_id": "eu_pay", "booking_id": "eu_paid", "event_id": "eu_e", "user_id": "eu_ada", "amount": 9000, "currency": "EUR",
        "status": "completed", "provider": "sandbox", "refunded": refund.unwrap_or_default(),
    });
    if kind == "payment.failed" {
        payload["failure"] = "insufficient_funds".into();
        payload["payment_id"] = "eu_failed".into();
    }
    if let Some(refund) = refund {
        (payload["refund_id"], payload["refund_amount"]) = ("eu_refund".into(), refund.into());
    }
    record(id, kind, "eu_pay", &payload)
}

/// What the post office does with a mail before it answers.
type Before = Box<dyn Fn(&Message)>;

/// Takes mail, and answers as it is told; then with yes.
#[derive(Default)]
pub struct Post {
    pub sent: RefCell<Vec<Message>>,
    pub answers: RefCell<VecDeque<Result<(), Error>>>,
    pub before: Option<Before>,
}

impl Mailer for Post {
    async fn send(&self, message: Message) -> Result<(), Error> {
        if let Some(before) = &self.before {
            before(&message);
        }
        self.sent.borrow_mut().push(message);
        self.answers.borrow_mut().pop_front().unwrap_or(Ok(()))
    }
}

impl Post {
    pub fn answering(answers: impl IntoIterator<Item = Result<(), Error>>) -> Self {
        Self { answers: RefCell::new(answers.into_iter().collect()), ..Self::default() }
    }

    /// One call of the host's.
    pub fn handle(&self, records: &[ConsumerRecord]) -> Vec<Fate> {
        ready(crate::handle(records, self, BASE))
    }

    pub fn tick(&self) {
        assert_eq!(self.handle(&[]), []);
    }

    pub fn ids(&self) -> Vec<String> {
        self.sent.borrow().iter().map(|message| message.id.clone()).collect()
    }

    pub fn subjects(&self) -> Vec<String> {
        let mut subjects: Vec<_> = self.sent.borrow().iter().map(|message| message.subject.clone()).collect();
        subjects.sort();
        subjects
    }
}

/// The codes of a booking's tickets.
pub fn codes(booking: &str, ticket_type: &str, quantity: u32) -> Vec<String> {
    let key = ready(kit::tickets::signer()).unwrap();
    (1..=quantity).map(|number| kit::tickets::code(&key, (booking, number, 1), "eu_e", ticket_type)).collect()
}

pub fn number(database: &Database, query: &str) -> i64 {
    database.all_rows::<(i64,)>(query)[0].0
}

/// The audit log of a region, checked from end to end; how many rows it has.
pub fn checked_log(database: &Database, region: &str) -> Result<i64, audit::Broken> {
    kit::row! {
        struct Row {
            sequence: i64, ce_id: String, kind: String, subject: String, actor: Option<String>, network: Option<String>, at: i64, digest: String,
            previous: String, hash: String,
        }
    }
    let query = format!(
        "SELECT sequence, ce_id, type, subject, actor, network, at, digest, previous, hash FROM audit_log WHERE region = '{region}' ORDER BY sequence"
    );
    let entry = |row| {
        let Row { sequence, ce_id, kind, subject, actor, network, at, digest, previous, hash } = row;
        audit::Row { sequence, entry: audit::Entry { ce_id, kind, subject, actor, network, at, digest }, previous, hash }
    };
    let rows: Vec<_> = database.all_rows(&query).into_iter().map(entry).collect();
    let head: Vec<(i64, String)> =
        database.all_rows(&format!("SELECT sequence, hash FROM audit_heads WHERE region = '{region}'"));
    let head = head.first().map(|(sequence, hash)| (*sequence, hash.as_str()));
    audit::verify(region, &rows, head).map(|chain| chain.sequence())
}

//! What the database says, read in one snapshot.

use crate::history::{Answer, Ask, Request};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, Row as _};
use std::collections::BTreeMap;

/// Where a booking is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Held,
    Paying,
    Confirmed,
    Cancelled,
    /// None may be while nothing has been overdue.
    Expired,
}

impl Status {
    pub fn is_hold(self) -> bool {
        matches!(self, Self::Held | Self::Paying)
    }

    /// Whether its places are taken.
    pub fn counts(self) -> bool {
        self.is_hold() || self == Self::Confirmed
    }

    fn parse(text: &str) -> Self {
        match text {
            "held" => Self::Held,
            "paying" => Self::Paying,
            "confirmed" => Self::Confirmed,
            "cancelled" => Self::Cancelled,
            "expired" => Self::Expired,
            other => panic!("a booking is {other}"),
        }
    }
}

/// An event, with one ticket type.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub version: u64,
    pub capacity: i64,
    pub limit: i64,
    pub held: i64,
    pub sold: i64,
    /// Costs nothing: sold at once.
    pub free: bool,
}

/// A change of a booking, from the journal.
#[derive(Clone, Debug)]
pub struct Step {
    pub event: String,
    /// Of the event's inventory.
    pub version: u64,
    pub booking: String,
    pub person: String,
    pub quantity: i64,
    pub status: Status,
    pub created: bool,
}

/// A booking's row.
#[derive(Clone, Debug)]
pub struct Row {
    pub event: String,
    pub booking: String,
    pub quantity: i64,
    pub status: Status,
}

/// A key that the ledger remembers for a person, and what came of it.
#[derive(Clone, Debug)]
pub struct Key {
    pub event: String,
    pub person: String,
    pub key: String,
    pub booking: String,
    pub version: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Database {
    pub events: BTreeMap<String, Event>,
    pub steps: Vec<Step>,
    pub rows: Vec<Row>,
    pub keys: Vec<Key>,
    /// It was put back to an earlier state: what was under way then may go on in this one.
    pub restored: bool,
}

/// The last row of the journal so far: what a round writes comes after it.
pub async fn last_journal_row(address: &str) -> String {
    let mut connection = PgConnection::connect(address).await.unwrap();
    sqlx::query_scalar("SELECT COALESCE(MAX(batch), '') FROM journal").fetch_one(&mut connection).await.unwrap()
}

impl Database {
    /// Reads what there is of these events, and of the journal after this row.
    pub async fn read(address: &str, events: &[String], after: &str) -> Self {
        let mut connection = PgConnection::connect(address).await.unwrap();
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        sqlx::query(begin).execute(&mut connection).await.unwrap();
        let mut database = Self::default();
        let lines = "SELECT i.event, i.version, l.capacity, l.per_person_limit, l.held, l.sold, l.price \
                     FROM inventory i JOIN inventory_lines l USING (event) WHERE i.event = ANY ($1)";
        for row in sqlx::query(lines).bind(events).fetch_all(&mut connection).await.unwrap() {
            let event = Event {
                id: row.get(0),
                version: version(row.get(1)),
                capacity: row.get(2),
                limit: row.get(3),
                held: row.get(4),
                sold: row.get(5),
                free: row.get::<i64, _>(6) == 0,
            };
            database.events.insert(event.id.clone(), event);
        }
        let journal = "SELECT type, payload FROM journal WHERE topic = 'booking-events' AND batch > $1";
        for row in sqlx::query(journal).bind(after).fetch_all(&mut connection).await.unwrap() {
            let payload: Value = serde_json::from_str(row.get(1)).unwrap();
            let text = |name: &str| payload[name].as_str().unwrap().to_owned();
            database.steps.push(Step {
                event: text("event_id"),
                version: payload["version"].as_u64().unwrap(),
                booking: text("id"),
                person: text("person"),
                quantity: payload["items"][0]["quantity"].as_i64().unwrap(),
                status: Status::parse(&text("status")),
                created: row.get::<&str, _>(0) == "booking.created",
            });
        }
        database.steps.retain(|step| database.events.contains_key(&step.event));
        let bookings = "SELECT b.event, b.id, i.quantity, b.status FROM bookings b JOIN booking_items i ON i.booking = b.id \
                        WHERE b.event = ANY ($1)";
        for row in sqlx::query(bookings).bind(events).fetch_all(&mut connection).await.unwrap() {
            let status = Status::parse(row.get(3));
            database.rows.push(Row { event: row.get(0), booking: row.get(1), quantity: row.get(2), status });
        }
        let keys = "SELECT scope, person, key, outcome FROM idempotency WHERE scope = ANY ($1) AND person LIKE 'person:%'";
        for row in sqlx::query(keys).bind(events).fetch_all(&mut connection).await.unwrap() {
            let outcome: Value = serde_json::from_str(row.get(3)).unwrap();
            database.keys.push(Key {
                event: row.get(0),
                person: row.get::<&str, _>(1).trim_start_matches("person:").to_owned(),
                key: row.get(2),
                booking: outcome["outcome"]["booking"]["id"].as_str().unwrap().to_owned(),
                version: outcome["version"].as_u64().unwrap(),
            });
        }
        database
    }

    /// The booking that a request which was never answered has left, if it was done.
    pub fn left_by(&self, request: &Request) -> Option<&Key> {
        let unanswered = matches!(request.answer, Answer::Unknown) && matches!(request.ask, Ask::Hold { .. });
        let its = |key: &&Key| key.event == request.event && key.person == request.person && key.key == request.key;
        self.keys.iter().filter(|_| unanswered).find(its)
    }
}

/// What of the journal has no position, and the highest position less how many there are: both 0 once all is told.
pub async fn untold(address: &str) -> (i64, i64) {
    let mut connection = PgConnection::connect(address).await.unwrap();
    let counts =
        "SELECT COUNT(*) FILTER (WHERE position IS NULL), COALESCE(MAX(position), 0) - COUNT(position) FROM positioned_journal";
    let row = sqlx::query(counts).fetch_one(&mut connection).await.unwrap();
    (row.get(0), row.get(1))
}

/// Places that are free now, by event.
pub async fn free(address: &str) -> BTreeMap<String, i64> {
    let mut connection = PgConnection::connect(address).await.unwrap();
    let lines = sqlx::query_as("SELECT event, capacity - held - sold FROM inventory_lines").fetch_all(&mut connection);
    lines.await.unwrap().into_iter().collect()
}

fn version(number: i64) -> u64 {
    number.try_into().unwrap()
}

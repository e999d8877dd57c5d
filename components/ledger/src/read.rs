//! From rows to state and facts.

use crate::limits;
use crate::plan::Plan;
use crate::statement::{Statement, bigint, typed_rows};
use kit::sql::{self, Error, Value};
use ledger_core::{
    Accepted, Booking, BookingItem, BookingStatus, Facts, Holds, Line, LineTerms, Money, Record, SaleStatus, State, StoredKey,
    Terms,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

kit::row! {
    /// An inventory as the swap left it.
    pub struct InventoryRow {
        pub version: u64,
        pub status: String,
        pub revision: u64,
        pub currency: String,
        pub sales_from: Option<i64>,
        pub sales_until: Option<i64>,
        pub refund_until: Option<i64>,
    }
}

kit::row! {
    /// A ticket type of an inventory.
    pub struct LineRow {
        pub event: String,
        pub ticket_type: String,
        pub ordinal: u32,
        pub price: i64,
        pub per_person_limit: u32,
        pub capacity: u32,
        pub held: i64,
        pub sold: i64,
    }
}

kit::row! {
    /// A booking with one of its items.
    #[derive(serde::Deserialize)]
    pub struct BookingRow {
        pub id: String,
        pub event: String,
        pub person: String,
        pub status: String,
        pub expires_at: Option<i64>,
        pub extended: bool,
        pub total: i64,
        pub currency: String,
        pub payment: Option<String>,
        pub ticket_seed: String,
        pub version: u64,
        pub created_at: i64,
        pub updated_at: i64,
        pub ticket_type: String,
        pub quantity: u32,
        pub unit_price: i64,
    }
}

/// Event, person, ticket type, places.
pub type PlacesRow = (String, String, String, i64);
/// Event, subject, key, request hash, outcome.
pub type KeyRow = (String, String, String, String, String);
/// Payment, sum.
pub type RefundRow = (String, i64);

const BOOKING_COLUMNS: &str = "b.id, b.event, b.person, b.status, b.expires_at, b.extended, b.total, b.currency, b.payment, \
    b.ticket_seed, b.version, b.created_at, b.updated_at, i.ticket_type, i.quantity, i.unit_price";

/// Adds `commands` to an event's version and locks its row until the transaction ends. No row: it was never opened.
pub fn swap(event: &str, commands: usize) -> Statement {
    Statement::new(
        "UPDATE inventory SET version = version + $1 WHERE event = $2 \
         RETURNING version, status, revision, currency, sales_from, sales_until, refund_until",
        [bigint(commands as u64).into(), event.into()],
    )
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    texts.into_iter().map(Value::from).collect()
}

/// What is known of the events that are open, filled row by row.
#[derive(Debug, Default)]
pub struct Read {
    events: BTreeMap<String, (State, Facts)>,
    payments: BTreeSet<String>,
    overdue: BTreeSet<String>,
}

impl Read {
    /// `commands`: by how much the swap raised the version.
    pub fn inventory(&mut self, event: &str, row: InventoryRow, commands: usize) -> Result<(), Error> {
        let status = SaleStatus::parse(&row.status).ok_or_else(|| unreadable("inventory", event, &row.status))?;
        let state = State {
            event: event.to_owned(),
            version: row.version.saturating_sub(commands as u64),
            terms: Terms {
                status,
                revision: row.revision,
                currency: row.currency,
                sales_from: row.sales_from,
                sales_until: row.sales_until,
                refund_until: row.refund_until,
            },
            lines: BTreeMap::new(),
        };
        self.events.insert(event.to_owned(), (state, Facts::default()));
        Ok(())
    }

    /// What is known of an event already.
    pub fn known(&mut self, state: State) {
        self.events.insert(state.event.clone(), (state, Facts::default()));
    }

    /// Only an event's inventory.
    pub fn into_state(mut self, event: &str) -> Option<State> {
        self.events.remove(event).map(|(state, _)| state)
    }

    /// Whether no event of the plan is open: then there is nothing else to read.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub fn lines_statement(&self) -> Statement {
        let text = format!(
            "SELECT event, ticket_type, ordinal, price, per_person_limit, capacity, held, sold FROM inventory_lines WHERE event IN ({})",
            sql::list(1, self.events.len())
        );
        Statement::new(text, self.event_values())
    }

    pub fn lines(&mut self, rows: Vec<LineRow>) {
        for row in rows {
            let Some((state, _)) = self.events.get_mut(&row.event) else { continue };
            let terms = LineTerms {
                ordinal: row.ordinal,
                price: row.price,
                per_person_limit: row.per_person_limit,
                capacity: row.capacity,
            };
            state.lines.insert(row.ticket_type, Line { terms, held: row.held, sold: row.sold });
        }
    }

    pub fn keys_statement(plan: &Plan<'_>) -> Option<Statement> {
        let count = plan.keys.len();
        let text = format!(
            "SELECT scope, person, key, request_hash, outcome FROM idempotency WHERE (scope, person, key) IN (VALUES {})",
            typed_rows(count, &["TEXT"; 3])
        );
        let keys = plan.keys.iter().flat_map(|(event, subject, key)| [*event, subject, *key]);
        (count > 0).then(|| Statement::new(text, texts(keys)))
    }

    pub fn keys(&mut self, rows: Vec<KeyRow>) -> Result<(), Error> {
        for (event, subject, key, request_hash, outcome) in rows {
            let Some((_, facts)) = self.events.get_mut(&event) else { continue };
            let accepted: Accepted =
                serde_json::from_str(&outcome).map_err(|error| unreadable("key", &key, &error.to_string()))?;
            facts.keys.insert((subject, key), StoredKey { request_hash, accepted: Rc::new(accepted) });
        }
        Ok(())
    }

    pub fn bookings_statement(plan: &Plan<'_>) -> Option<Statement> {
        let count = plan.bookings.len();
        let text = format!(
            "SELECT {BOOKING_COLUMNS} FROM bookings b JOIN booking_items i ON i.booking = b.id WHERE b.id IN ({}) ORDER BY b.id, i.ordinal",
            sql::list(1, count)
        );
        (count > 0).then(|| Statement::new(text, texts(plan.bookings.iter().copied())))
    }

    /// Overdue holds, those longest overdue first, an event's share not depending on how many another has.
    pub fn overdue_statement(&self, now: i64) -> Statement {
        let text = format!(
            "SELECT {BOOKING_COLUMNS} FROM (\
               SELECT * FROM (\
                 SELECT *, ROW_NUMBER() OVER (PARTITION BY event ORDER BY expires_at, id) AS place FROM bookings \
                 WHERE event IN ({}) AND status IN ('held', 'paying') AND expires_at <= $1\
               ) ranked ORDER BY place LIMIT $2\
             ) b JOIN booking_items i ON i.booking = b.id ORDER BY b.id, i.ordinal",
            sql::list(3, self.events.len())
        );
        let mut parameters = vec![now.into(), limits::OVERDUE.into()];
        parameters.extend(self.event_values());
        Statement::new(text, parameters)
    }

    /// Rows of named bookings, then of overdue ones: some may be both. Items come in order.
    pub fn bookings(&mut self, named: Vec<BookingRow>, overdue: Vec<BookingRow>, now: i64) -> Result<(), Error> {
        let mut records: BTreeMap<String, Record> = BTreeMap::new();
        for rows in [named, overdue] {
            let mut these: BTreeMap<String, Record> = BTreeMap::new();
            for row in rows {
                self.overdue.extend(row.expires_at.filter(|at| *at <= now).map(|_| row.id.clone()));
                let item =
                    BookingItem { ticket_type: row.ticket_type.clone(), quantity: row.quantity, unit_price: row.unit_price };
                match these.get_mut(&row.id) {
                    Some(record) => record.booking.items.push(item),
                    None => {
                        these.insert(row.id.clone(), record(row, item)?);
                    }
                }
            }
            records.append(&mut these);
        }
        for (id, record) in records {
            self.payments.extend(record.payment.clone());
            if let Some((_, facts)) = self.events.get_mut(&record.booking.event_id) {
                facts.bookings.insert(id, record);
            }
        }
        let more_overdue = bigint(self.overdue.len() as u64) >= limits::OVERDUE;
        self.events.values_mut().for_each(|(_, facts)| facts.more_overdue = more_overdue);
        Ok(())
    }

    pub fn places_statement(plan: &Plan<'_>, now: i64) -> Option<Statement> {
        let count = plan.buyers.len();
        let text = format!(
            "SELECT b.event, b.person, i.ticket_type, CAST(SUM(i.quantity) AS BIGINT) \
             FROM bookings b JOIN booking_items i ON i.booking = b.id \
             WHERE (b.event, b.person) IN (VALUES {}) \
               AND (b.status = 'confirmed' OR (b.status IN ('held', 'paying') AND b.expires_at > ${})) \
             GROUP BY b.event, b.person, i.ticket_type",
            typed_rows(count, &["TEXT"; 2]),
            2 * count + 1
        );
        let mut parameters = texts(plan.buyers.iter().flat_map(|(event, person)| [*event, *person]));
        parameters.push(now.into());
        (count > 0).then(|| Statement::new(text, parameters))
    }

    pub fn places(&mut self, plan: &Plan<'_>, rows: Vec<PlacesRow>) {
        for (event, person) in &plan.buyers {
            if let Some((_, facts)) = self.events.get_mut(*event) {
                facts.places.entry((*person).to_owned()).or_default();
            }
        }
        for (event, person, ticket_type, places) in rows {
            if let Some((_, facts)) = self.events.get_mut(&event) {
                facts.places.entry(person).or_default().insert(ticket_type, places);
            }
        }
    }

    /// After [`Self::bookings`] and [`Self::places`], which was of what is bought: adds what is known of holds without having been read.
    pub fn holds(&mut self, plan: &Plan<'_>, event: &str, holds: &Holds) {
        let Some((_, facts)) = self.events.get_mut(event) else { return };
        let buyers = plan.buyers.iter().filter(|(of, _)| *of == event);
        for (_, person) in buyers {
            let places = facts.places.entry((*person).to_owned()).or_default();
            for (ticket_type, held) in holds.places(person) {
                *places.entry(ticket_type.to_owned()).or_default() += held;
            }
        }
        facts.unread_overdue.clear();
        facts.more_overdue = false;
        if holds.any_overdue() {
            let read = |id: &str| facts.bookings.contains_key(id);
            facts.more_overdue = holds.overdue().any(|id| !read(id));
            facts.unread_overdue = holds.overdue_places();
            for item in facts.bookings.values().filter(|it| it.is_overdue(holds.now())).flat_map(|it| &it.booking.items) {
                if let Some(places) = facts.unread_overdue.get_mut(&item.ticket_type) {
                    *places -= i64::from(item.quantity);
                }
            }
        }
    }

    /// Events with overdue holds that have not been read.
    pub fn untidy(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter(|(_, (_, facts))| facts.more_overdue).map(|(event, _)| event.as_str())
    }

    /// After [`Self::bookings`]: the payments that confirmed them count, too.
    pub fn refunds_statement(&self, plan: &Plan<'_>) -> Option<Statement> {
        let payments: BTreeSet<&str> = plan.payments.iter().copied().chain(self.payments.iter().map(String::as_str)).collect();
        let text = format!(
            "SELECT payment, CAST(SUM(amount) AS BIGINT) FROM refunds WHERE payment IN ({}) AND status <> 'failed' GROUP BY payment",
            sql::list(1, payments.len())
        );
        (!payments.is_empty()).then(|| Statement::new(text, texts(payments)))
    }

    pub fn refunds(&mut self, rows: Vec<RefundRow>) {
        let refunded: BTreeMap<String, i64> = rows.into_iter().collect();
        self.events.values_mut().for_each(|(_, facts)| facts.refunded = refunded.clone());
    }

    /// What is known of an event: no state where it is not open.
    pub fn take(&mut self, plan: &Plan<'_>, event: &str) -> (Option<State>, Facts) {
        match self.events.remove(event) {
            Some((state, facts)) => (Some(state), facts),
            None => {
                // It may be opened by the first of its commands, and the next is a hold: of an event that is new, nobody has anything.
                let mut facts = Facts::default();
                let buyers = plan.buyers.iter().filter(|(of, _)| *of == event);
                facts.places = buyers.map(|(_, person)| ((*person).to_owned(), BTreeMap::new())).collect();
                (None, facts)
            }
        }
    }

    fn event_values(&self) -> Vec<Value> {
        texts(self.events.keys().map(String::as_str))
    }
}

fn record(row: BookingRow, item: BookingItem) -> Result<Record, Error> {
    let status = BookingStatus::parse(&row.status).ok_or_else(|| unreadable("booking", &row.id, &row.status))?;
    Ok(Record {
        booking: Booking {
            id: row.id,
            event_id: row.event,
            person: row.person,
            status,
            expires_at: row.expires_at,
            items: vec![item],
            total: Money { amount: row.total, currency: row.currency },
            version: row.version,
            created_at: row.created_at,
        },
        extended: row.extended,
        payment: row.payment,
        ticket_seed: row.ticket_seed,
        updated_at: row.updated_at,
    })
}

fn unreadable(what: &str, which: &str, why: &str) -> Error {
    Error::Other(format!("{what} {which} cannot be read: {why}"))
}

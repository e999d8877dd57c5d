//! What is read: statements, and from their rows to what the engine knows them as.

use crate::rows::NO_TICKET_TYPE;
use crate::statement::{Statement, typed_rows};
use kit::sql::{self, Error, Value};
use ledger_core::{Booking, BookingItem, BookingStatus, Line, LineTerms, Money, Record, SaleStatus, Terms};
use ledger_engine::bigint;
use ledger_engine::{Inventory, Plan, limits};
use std::collections::BTreeMap;

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
    /// A ticket type of an inventory, or what some share.
    pub struct LineRow {
        pub event: String,
        pub ticket_type: String,
        pub ordinal: u32,
        pub price: i64,
        pub per_person_limit: i64,
        pub capacity: u32,
        pub shared_by: Option<String>,
        pub sales_from: Option<i64>,
        pub sales_until: Option<i64>,
        pub paused: bool,
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
        pub extended: i64,
        pub total: i64,
        pub currency: String,
        pub payment: Option<String>,
        pub ticket_seed: String,
        pub version: u64,
        pub created_at: i64,
        pub updated_at: i64,
        pub client: Option<String>,
        pub refund_until: Option<i64>,
        pub ticket_type: String,
        pub quantity: u32,
        pub unit_price: i64,
    }
}

impl InventoryRow {
    /// The inventory of this event.
    pub fn read(self, event: &str) -> Result<Inventory, Error> {
        let status = SaleStatus::parse(&self.status).ok_or_else(|| unreadable("inventory", event, &self.status))?;
        let Self { version, revision, currency, sales_from, sales_until, refund_until, .. } = self;
        Ok(Inventory { version, terms: Terms { status, revision, currency, sales_from, sales_until, refund_until } })
    }
}

impl LineRow {
    /// The line. One that can be both a ticket type's and shared, or neither, is not read: to sell of it as of either may sell what is not there.
    fn read(self) -> Result<ledger_engine::LineRow, Error> {
        let Self { event, ticket_type, ordinal, price, capacity, sales_from, sales_until, paused, held, sold, .. } = self;
        let (shared_by, per_person_limit) = match (self.shared_by.as_deref(), u32::try_from(self.per_person_limit)) {
            (None, Ok(limit)) => (None, limit),
            (Some(types), Err(_)) if self.per_person_limit == NO_TICKET_TYPE => {
                let types: Vec<String> = serde_json::from_str(types).map_err(|_| unreadable("line", &ticket_type, types))?;
                (Some(types.into()), 0)
            }
            (shared_by, _) => {
                let why = format!("a limit of {}, shared by {shared_by:?}", self.per_person_limit);
                return Err(unreadable("line", &ticket_type, &why));
            }
        };
        let terms = LineTerms { ordinal, price, per_person_limit, capacity, shared_by, sales_from, sales_until, paused };
        Ok((event, ticket_type, Line { terms, held, sold }))
    }
}

/// Lines of rows.
pub fn lines(rows: Vec<LineRow>) -> Result<Vec<ledger_engine::LineRow>, Error> {
    rows.into_iter().map(LineRow::read).collect()
}

/// Columns of [`BookingRow`] that are its item's.
const ITEM: [&str; 3] = ["ticket_type", "quantity", "unit_price"];

/// The columns of [`BookingRow`]: of bookings `b` and their items `i`.
pub fn booking_columns() -> String {
    let column = |name: &&str| format!("{}.{name}", if ITEM.contains(name) { "i" } else { "b" });
    BookingRow::COLUMNS.iter().map(column).collect::<Vec<_>>().join(", ")
}

/// Adds one parameter to the version of the event that another names, and locks its row until the transaction ends. No row: it was never opened.
pub fn swap_statement(event: &str, by: &str) -> String {
    let columns = InventoryRow::COLUMNS.join(", ");
    format!("UPDATE inventory SET version = version + {by} WHERE event = {event} RETURNING {columns}")
}

/// Adds `commands` to an event's version: see [`swap_statement`].
pub fn swap(event: &str, commands: usize) -> Statement {
    Statement::new(swap_statement("$2", "$1"), [bigint(commands as u64).into(), event.into()])
}

/// The lines of events.
pub fn lines_of(events: &str) -> String {
    format!("SELECT {} FROM inventory_lines WHERE event {events}", LineRow::COLUMNS.join(", "))
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    texts.into_iter().map(Value::from).collect()
}

/// The lines of these events.
pub fn lines_statement(events: &[&str]) -> Statement {
    let text = lines_of(&format!("IN ({})", sql::list(1, events.len())));
    Statement::new(text, texts(events.iter().copied()))
}

/// The plan's keys that were used; none where it has none.
pub fn keys_statement(plan: &Plan<'_>) -> Option<Statement> {
    let count = plan.keys.len();
    let text = format!(
        "SELECT scope, person, key, request_hash, outcome FROM idempotency WHERE (scope, person, key) IN (VALUES {})",
        typed_rows(count, &["TEXT"; 3])
    );
    let keys = plan.keys.iter().flat_map(|(event, subject, key)| [*event, subject, *key]);
    (count > 0).then(|| Statement::new(text, texts(keys)))
}

/// The plan's bookings; none where it has none. Items come in order.
pub fn bookings_statement(plan: &Plan<'_>) -> Option<Statement> {
    let count = plan.bookings.len();
    let text = format!(
        "SELECT {} FROM bookings b JOIN booking_items i ON i.booking = b.id WHERE b.id IN ({}) ORDER BY b.id, i.ordinal",
        booking_columns(),
        sql::list(1, count)
    );
    (count > 0).then(|| Statement::new(text, texts(plan.bookings.iter().copied())))
}

/// Overdue holds, those longest overdue first, an event's share not depending on how many another has.
pub fn overdue_statement(events: &[&str], now: i64) -> Statement {
    let text = format!(
        "SELECT {} FROM (\
           SELECT * FROM (\
             SELECT *, ROW_NUMBER() OVER (PARTITION BY event ORDER BY expires_at, id) AS place FROM bookings \
             WHERE event IN ({}) AND status IN ('held', 'paying') AND expires_at <= $1\
           ) ranked ORDER BY place LIMIT $2\
         ) b JOIN booking_items i ON i.booking = b.id ORDER BY b.id, i.ordinal",
        booking_columns(),
        sql::list(3, events.len())
    );
    let mut parameters = vec![now.into(), limits::OVERDUE.into()];
    parameters.extend(texts(events.iter().copied()));
    Statement::new(text, parameters)
}

/// Bookings of rows, each with one of its items; items come in order.
pub fn records(rows: Vec<BookingRow>) -> Result<Vec<Record>, Error> {
    let mut records: BTreeMap<String, Record> = BTreeMap::new();
    for row in rows {
        let item = BookingItem { ticket_type: row.ticket_type.clone(), quantity: row.quantity, unit_price: row.unit_price };
        match records.get_mut(&row.id) {
            Some(record) => record.booking.items.push(item),
            None => {
                records.insert(row.id.clone(), record(row, item)?);
            }
        }
    }
    Ok(records.into_values().collect())
}

/// What the plan's buyers, and the owners of its confirmed bookings, have bought or hold; none where it has none.
pub fn places_statement(plan: &Plan<'_>, now: i64) -> Option<Statement> {
    let (buyers, confirmed) = (plan.buyers.len(), plan.confirmed.len());
    let mut persons = Vec::new();
    if buyers > 0 {
        persons.push(format!("VALUES {}", typed_rows(buyers, &["TEXT"; 2])));
    }
    if confirmed > 0 {
        persons.push(format!("SELECT event, person FROM bookings WHERE id IN ({})", sql::list(2 * buyers + 1, confirmed)));
    }
    let text = format!(
        "WITH p (event, person) AS ({}) \
         SELECT b.event, b.person, i.ticket_type, CAST(SUM(i.quantity) AS BIGINT), \
           CAST(SUM(CASE WHEN b.status = 'confirmed' THEN 0 ELSE i.quantity END) AS BIGINT) \
         FROM p JOIN bookings b ON b.event = p.event AND b.person = p.person JOIN booking_items i ON i.booking = b.id \
         WHERE b.status = 'confirmed' OR (b.status IN ('held', 'paying') AND b.expires_at > ${}) \
         GROUP BY b.event, b.person, i.ticket_type",
        persons.join(" UNION "),
        2 * buyers + confirmed + 1
    );
    let mut parameters = texts(plan.buyers.iter().flat_map(|(event, person)| [*event, *person]));
    parameters.extend(texts(plan.confirmed.iter().copied()));
    parameters.push(now.into());
    (!persons.is_empty()).then(|| Statement::new(text, parameters))
}

/// What is held from the plan's networks; none where it has none.
pub fn held_from_statement(plan: &Plan<'_>, now: i64) -> Option<Statement> {
    let count = plan.clients.len();
    let text = format!(
        "SELECT b.event, b.client, CAST(SUM(i.quantity) AS BIGINT) FROM bookings b JOIN booking_items i ON i.booking = b.id \
         WHERE b.client IS NOT NULL AND (b.event, b.client) IN (VALUES {}) AND b.status IN ('held', 'paying') AND b.expires_at > ${} \
         GROUP BY b.event, b.client",
        typed_rows(count, &["TEXT"; 2]),
        2 * count + 1
    );
    let mut parameters = texts(plan.clients.iter().flat_map(|(event, client)| [*event, *client]));
    parameters.push(now.into());
    (count > 0).then(|| Statement::new(text, parameters))
}

/// Refunds of these payments; none where there are none.
pub fn refunds_statement(payments: &[&str]) -> Option<Statement> {
    let text = format!(
        "SELECT payment, CAST(SUM(amount) AS BIGINT) FROM refunds WHERE payment IN ({}) AND status <> 'failed' GROUP BY payment",
        sql::list(1, payments.len())
    );
    (!payments.is_empty()).then(|| Statement::new(text, texts(payments.iter().copied())))
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
        extended: row.extended != 0,
        payment: row.payment,
        client: row.client,
        ticket_seed: row.ticket_seed,
        refund_until: row.refund_until,
        updated_at: row.updated_at,
    })
}

fn unreadable(what: &str, which: &str, why: &str) -> Error {
    Error::Other(format!("{what} {which} cannot be read: {why}"))
}

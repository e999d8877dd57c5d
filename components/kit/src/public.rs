//! The public part of the tables as a read model: what the feed would have brought. Of it stock Spin's replica answers, and of ours in the region what
//! edges leave out.

use std::collections::HashMap;

use crate::sql::{self, Error, Tx, Value};
use crate::{Problem, limits, params, replica, row};
use read_model::{ARCHIVED_AFTER, Availability, EventDoc, EventStatus, Fact, Line, Query, ReadModel, TicketType, Venue};

/// Which events to load. Its text is ours; what people sent goes into its parameters.
pub struct Choice {
    condition: &'static str,
    parameters: Vec<Value>,
}

impl Choice {
    /// One event.
    pub fn one(id: &str) -> Self {
        Self { condition: "e.id = $1 AND e.status <> 'draft'", parameters: params![id].into() }
    }

    /// Every event that a search could find, by what SQL can tell cheaply; the search decides.
    pub fn search(query: &Query, now: i64) -> Self {
        let not_over_at = if query.includes_past(now) { now - ARCHIVED_AFTER } else { now };
        Self {
            // The second condition on the state is for the partial index.
            condition: "e.status = 'published' AND e.status <> 'draft' AND e.starts_at >= $1 AND e.starts_at < $2 AND e.ends_at >= $3",
            parameters: params![query.starts_from.unwrap_or(i64::MIN), query.starts_to.unwrap_or(i64::MAX), not_over_at].into(),
        }
    }
}

row! {
    /// An event, as its table has it. An event's parts that the public sees stand here and nowhere else.
    #[expect(missing_docs, reason = "as in `EventDoc`")]
    pub struct EventRow {
        pub id: String,
        pub organiser_id: String,
        pub status: String,
        pub revision: u64,
        pub title: String,
        pub description: String,
        pub category: String,
        pub venue_name: String,
        pub city: String,
        pub country: String,
        pub starts_at: i64,
        pub ends_at: i64,
        pub timezone: String,
        pub currency: String,
        pub region: String,
        pub refund_until: Option<i64>,
    }
}

row! {
    /// A ticket type, as its table has it.
    #[expect(missing_docs, reason = "as in `TicketType`")]
    pub struct TicketRow {
        pub event_id: String,
        pub id: String,
        pub name: String,
        pub price: i64,
        pub capacity: u32,
        pub per_person_limit: u32,
        pub sales_from: Option<i64>,
        pub sales_until: Option<i64>,
        pub paused: bool,
    }
}

impl EventRow {
    /// The event with these ticket types; none if its state is one that this version does not know.
    #[must_use]
    pub fn doc(self, ticket_types: Vec<TicketType>) -> Option<EventDoc> {
        Some(EventDoc {
            id: self.id,
            organiser_id: self.organiser_id,
            status: EventStatus::parse(&self.status)?,
            revision: self.revision,
            title: self.title,
            description: self.description,
            category: self.category,
            venue: Venue { name: self.venue_name, city: self.city, country: self.country },
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            timezone: self.timezone,
            currency: self.currency,
            region: self.region,
            refund_until: self.refund_until,
            ticket_types,
        })
    }
}

impl From<TicketRow> for TicketType {
    fn from(row: TicketRow) -> Self {
        let TicketRow { event_id: _, id, name, price, capacity, per_person_limit, sales_from, sales_until, paused } = row;
        Self { id, name, price, capacity, per_person_limit, sales_from, sales_until, paused }
    }
}

/// Columns of the table `alias`, for a list.
#[must_use]
pub fn columns(alias: &str, names: &[&str]) -> String {
    names.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>().join(", ")
}

row! {
    struct InventoryRow {
        event: String,
        version: u64,
        status: String,
        sales_from: Option<i64>,
        sales_until: Option<i64>,
    }
}

row! {
    struct LineRow {
        event: String,
        ticket_type: String,
        capacity: i64,
        taken: i64,
    }
}

/// A public event that the replica leaves out, and when it was so.
pub async fn event(id: &str) -> Result<(EventDoc, i64), Problem> {
    let mut tx = sql::read().await?;
    let model = load(&mut tx, &Choice::one(id)).await?;
    let doc = model.get(id).ok_or_else(Problem::not_found)?;
    Ok((EventDoc::clone(doc), tx.now()))
}

/// What such an event has left.
pub async fn availability(id: &str) -> Result<replica::Availability, Problem> {
    let mut tx = sql::read().await?;
    let model = load(&mut tx, &Choice::one(id)).await?;
    model.availability(id, tx.now()).ok_or_else(Problem::not_found)
}

/// Loads the chosen events with their inventory. One transaction: the parts fit together.
pub async fn load(tx: &mut Tx, choice: &Choice) -> Result<ReadModel, Error> {
    let condition = choice.condition;
    let parameters = || choice.parameters.iter().cloned();
    let events: Vec<EventRow> = tx
        .all(
            &format!(
                "SELECT {} FROM events e WHERE {condition} ORDER BY e.starts_at, e.id LIMIT {}",
                columns("e", EventRow::COLUMNS),
                limits::PUBLIC_EVENTS
            ),
            parameters(),
        )
        .await?;
    let tickets: Vec<TicketRow> = tx
        .all(
            &format!(
                "SELECT {} FROM ticket_types t JOIN events e ON e.id = t.event_id WHERE {condition} ORDER BY t.ordinal",
                columns("t", TicketRow::COLUMNS)
            ),
            parameters(),
        )
        .await?;
    let inventories: Vec<InventoryRow> = tx
        .all(
            &format!(
                "SELECT v.event, v.version, v.status, v.sales_from, v.sales_until FROM inventory v JOIN events e ON e.id = v.event \
                 WHERE {condition}"
            ),
            parameters(),
        )
        .await?;
    let lines: Vec<LineRow> = tx
        .all(
            &format!(
                "SELECT l.event, l.ticket_type, l.capacity, l.held + l.sold FROM inventory_lines l JOIN events e ON e.id = l.event \
                 WHERE {condition} ORDER BY l.ordinal"
            ),
            parameters(),
        )
        .await?;
    let overdue = overdue(tx).await?;
    Ok(assemble(events, tickets, inventories, lines, &overdue))
}

/// Places by event and ticket type whose hold has run out without anybody having tidied it: they are free.
async fn overdue(tx: &mut Tx) -> Result<HashMap<(String, String), i64>, Error> {
    let now = tx.now();
    // Summed here: a GROUP BY would have SQLite walk all bookings in the group's order instead of the due ones.
    let rows: Vec<(String, String, i64)> = tx
        .all(
            "SELECT b.event, i.ticket_type, i.quantity FROM bookings b CROSS JOIN booking_items i \
             WHERE i.booking = b.id AND b.status IN ('held', 'paying') AND b.expires_at <= $1",
            params![now],
        )
        .await?;
    let mut places: HashMap<(String, String), i64> = HashMap::new();
    for (event, ticket_type, quantity) in rows {
        *places.entry((event, ticket_type)).or_default() += quantity;
    }
    Ok(places)
}

fn assemble(
    events: Vec<EventRow>,
    tickets: Vec<TicketRow>,
    inventories: Vec<InventoryRow>,
    lines: Vec<LineRow>,
    overdue: &HashMap<(String, String), i64>,
) -> ReadModel {
    let mut tickets_of: HashMap<String, Vec<TicketType>> = HashMap::new();
    for ticket in tickets {
        tickets_of.entry(ticket.event_id.clone()).or_default().push(ticket.into());
    }
    let mut lines_of: HashMap<String, Vec<Line>> = HashMap::new();
    for line in lines {
        let key = (line.event, line.ticket_type);
        let free = line.capacity - line.taken + overdue.get(&key).copied().unwrap_or(0);
        let (event, ticket_type) = key;
        lines_of.entry(event).or_default().push(Line {
            ticket_type,
            capacity: places(line.capacity),
            available: places(free.min(line.capacity)),
        });
    }
    let mut model = ReadModel::default();
    for event in events {
        let ticket_types = tickets_of.remove(&event.id).unwrap_or_default();
        // A state that this version does not know is not one to show.
        if let Some(doc) = event.doc(ticket_types) {
            model.apply(Fact::Event(doc));
        }
    }
    for inventory in inventories {
        let lines = lines_of.remove(&inventory.event).unwrap_or_default();
        model.apply(Fact::Availability(Availability {
            event_id: inventory.event,
            version: inventory.version,
            open: inventory.status == "open",
            sales_from: inventory.sales_from,
            sales_until: inventory.sales_until,
            lines,
        }));
    }
    model
}

fn places(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: &str) -> EventRow {
        let text = |text: &str| text.to_owned();
        EventRow {
            id: text("eu_1"),
            organiser_id: text("eu_o"),
            status: text(status),
            revision: 2,
            title: text("Night of Strings"),
            description: text(""),
            category: text("music"),
            venue_name: text("Blue Hall"),
            city: text("Colombo"),
            country: text("LK"),
            starts_at: 1_000,
            ends_at: 2_000,
            timezone: text("Asia/Colombo"),
            currency: text("EUR"),
            region: text("eu"),
            refund_until: None,
        }
    }

    fn model(status: &str, capacity: i64, taken: i64, overdue: i64) -> ReadModel {
        let (event_id, ticket) = ("eu_1".to_owned(), "eu_t".to_owned());
        assemble(
            vec![event(status)],
            vec![TicketRow {
                event_id: event_id.clone(),
                id: ticket.clone(),
                name: "Standard".to_owned(),
                price: 1,
                capacity: 10,
                per_person_limit: 6,
                sales_from: None,
                sales_until: None,
                paused: false,
            }],
            vec![InventoryRow {
                event: event_id.clone(),
                version: 7,
                status: "open".to_owned(),
                sales_from: None,
                sales_until: Some(2_000),
            }],
            vec![LineRow { event: event_id.clone(), ticket_type: ticket.clone(), capacity, taken }],
            &HashMap::from([((event_id, ticket), overdue)]),
        )
    }

    #[test]
    fn overdue_holds_are_free() {
        for (capacity, taken, overdue, available) in
            [(10, 0, 0, 10), (10, 10, 0, 0), (10, 10, 3, 3), (10, 2, 9, 10), (10, 12, 0, 0)]
        {
            let view = model("published", capacity, taken, overdue).availability("eu_1", 0).unwrap();
            assert_eq!((view.version, view.lines[0].available, view.lines[0].on_sale), (7, available, true));
        }
    }

    #[test]
    fn only_what_is_public_is_there() {
        assert!(model("published", 10, 0, 0).get("eu_1").is_some());
        assert!(!model("cancelled", 10, 0, 0).availability("eu_1", 0).unwrap().lines[0].on_sale);
        assert!(model("draft", 10, 0, 0).is_empty());
        assert!(model("unheard-of", 10, 0, 0).is_empty());
    }

    #[test]
    fn the_past_is_loaded_only_when_asked_for() {
        let least_end = |query: &Query| Choice::search(query, 500).parameters[2].clone();
        assert_eq!(least_end(&Query::default()), Value::Integer(500));
        assert_eq!(least_end(&Query { starts_from: Some(1), ..Query::default() }), Value::Integer(500 - ARCHIVED_AFTER));
    }
}

//! The public part of the tables as a read model: what the feed would have brought. Of it stock Spin's replica answers, and of ours in the region what
//! edges leave out.

use crate::sql::{self, Error, Tx, Value};
use crate::{Problem, limits, params, replica};
use read_model::rows::{EventRow, InventoryRow, LineRow, Overdue, TicketRow, columns, lines_by_event, tickets_by_event};
use read_model::{ARCHIVED_AFTER, EventDoc, Fact, Query, ReadModel};

/// Which events to load. Its text is ours; what people sent goes into its parameters.
pub struct EventFilter {
    condition: &'static str,
    parameters: Vec<Value>,
}

impl EventFilter {
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

/// A public event that the replica leaves out, and when it was so.
pub async fn event(id: &str) -> Result<(EventDoc, i64), Problem> {
    let mut tx = sql::read().await?;
    let model = load(&mut tx, &EventFilter::one(id)).await?;
    let doc = model.get(id).ok_or_else(Problem::not_found)?;
    Ok((EventDoc::clone(doc), tx.now()))
}

/// What such an event has left.
pub async fn availability(id: &str) -> Result<replica::Availability, Problem> {
    let mut tx = sql::read().await?;
    let model = load(&mut tx, &EventFilter::one(id)).await?;
    model.availability(id, tx.now()).ok_or_else(Problem::not_found)
}

/// Loads the chosen events with their inventory. One transaction: the parts fit together.
pub async fn load(tx: &mut Tx, choice: &EventFilter) -> Result<ReadModel, Error> {
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
                "SELECT {} FROM inventory v JOIN events e ON e.id = v.event WHERE {condition}",
                columns("v", InventoryRow::COLUMNS)
            ),
            parameters(),
        )
        .await?;
    let lines: Vec<LineRow> = tx
        .all(
            &format!(
                "SELECT {} FROM inventory_lines l JOIN events e ON e.id = l.event WHERE {condition} ORDER BY l.ordinal",
                columns("l", LineRow::COLUMNS)
            ),
            parameters(),
        )
        .await?;
    let overdue = overdue(tx).await?;
    Ok(assemble(events, tickets, inventories, lines, &overdue))
}

/// Places by event and ticket type whose hold has expired and is not tidied yet: they are free.
async fn overdue(tx: &mut Tx) -> Result<Overdue, Error> {
    let now = tx.now();
    // Summed here: a GROUP BY would have SQLite walk all bookings in the group's order instead of the due ones.
    let rows: Vec<(String, String, i64)> = tx
        .all(
            "SELECT b.event, i.ticket_type, i.quantity FROM bookings b CROSS JOIN booking_items i \
             WHERE i.booking = b.id AND b.status IN ('held', 'paying') AND b.expires_at <= $1",
            params![now],
        )
        .await?;
    let mut places = Overdue::new();
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
    overdue: &Overdue,
) -> ReadModel {
    let (mut tickets_of, mut lines_of) = (tickets_by_event(tickets), lines_by_event(lines, overdue));
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
        model.apply(Fact::Availability(inventory.availability(lines)));
    }
    model
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
            questions: text("[]"),
            image: text("null"),
            shared_capacities: text("[]"),
            accent: None,
            logo: text("null"),
        }
    }

    fn model(status: &str) -> ReadModel {
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
            vec![LineRow {
                event: event_id.clone(),
                ticket_type: ticket.clone(),
                capacity: 10,
                held: 4,
                sold: 5,
                shared_by: None,
            }],
            &Overdue::from([((event_id, ticket), 3)]),
        )
    }

    #[test]
    fn what_is_left_is_of_the_inventory_less_what_is_taken() {
        let view = model("published").availability("eu_1", 0).unwrap();
        assert_eq!((view.version, view.lines[0].available, view.lines[0].on_sale), (7, 4, true));
    }

    #[test]
    fn only_what_is_public_is_there() {
        assert!(model("published").get("eu_1").is_some());
        assert!(!model("cancelled").availability("eu_1", 0).unwrap().lines[0].on_sale);
        assert!(model("draft").is_empty());
        assert!(model("unheard-of").is_empty());
    }

    #[test]
    fn past_events_are_loaded_only_on_request() {
        let least_end = |query: &Query| EventFilter::search(query, 500).parameters[2].clone();
        assert_eq!(least_end(&Query::default()), Value::Integer(500));
        assert_eq!(least_end(&Query { starts_from: Some(1), ..Query::default() }), Value::Integer(500 - ARCHIVED_AFTER));
    }
}

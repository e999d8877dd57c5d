//! What several tests need.

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

//! What is told of what changed.

use crate::statement::bigint;
use kit::journal::{BOOKING_EVENTS, Entry, FEED_ONLY};
use kit::time;
use ledger_core::{Batch, Booking, EntryKind, SaleStatus};
use read_model::{Availability, Fact, Line};
use serde_json::{Value as Json, json};

/// The entries of one event's batch: its bookings' in the order they were decided in, then what is left to sell. `version` is what the
/// inventory's row says once this is committed.
pub fn entries(batch: &Batch, version: u64) -> Vec<Entry> {
    let changes = batch.changes();
    if changes.is_empty() {
        return Vec::new();
    }
    let mut entries: Vec<_> = changes.journal.iter().map(|entry| booking_entry(entry.kind, &entry.booking)).collect();
    entries.extend(availability(batch, version).map(|availability| Entry {
        topic: FEED_ONLY,
        kind: "inventory.changed",
        aggregate: batch.event().to_owned(),
        version: bigint(version),
        payload: json!({ "event_id": batch.event() }),
        fact: Some(Fact::Availability(availability)),
    }));
    entries
}

fn booking_entry(kind: EntryKind, booking: &Booking) -> Entry {
    Entry {
        topic: BOOKING_EVENTS,
        kind: match kind {
            EntryKind::Created => "booking.created",
            EntryKind::Updated => "booking.updated",
            EntryKind::Cancelled => "booking.cancelled",
        },
        aggregate: booking.id.clone(),
        version: bigint(booking.version),
        payload: payload(booking),
        fact: None,
    }
}

/// The booking as the API shows it, and whose it is.
fn payload(booking: &Booking) -> Json {
    let money = |amount: i64| json!({ "amount": amount, "currency": booking.total.currency });
    let items = booking.items.iter().map(
        |item| json!({ "ticket_type_id": item.ticket_type, "quantity": item.quantity, "unit_price": money(item.unit_price) }),
    );
    let mut payload = json!({
        "id": booking.id,
        "event_id": booking.event_id,
        "person": booking.person,
        "status": booking.status.as_str(),
        "items": items.collect::<Vec<_>>(),
        "total": money(booking.total.amount),
        "version": booking.version,
        "created_at": time::format(booking.created_at),
    });
    if let (Some(expires_at), Some(members)) = (booking.expires_at, payload.as_object_mut()) {
        members.insert("expires_at".to_owned(), time::format(expires_at).into());
    }
    payload
}

fn availability(batch: &Batch, version: u64) -> Option<Availability> {
    let terms = &batch.state()?.terms;
    let lines = batch.availability().into_iter().map(|line| Line {
        ticket_type: line.ticket_type,
        capacity: line.capacity,
        available: line.available,
    });
    Some(Availability {
        event_id: batch.event().to_owned(),
        version,
        open: terms.status == SaleStatus::Open,
        sales_from: terms.sales_from,
        sales_until: terms.sales_until,
        lines: lines.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::{BookingItem, BookingStatus, Money};

    #[test]
    fn a_booking_is_told_as_the_api_shows_it() {
        let booking = Booking {
            id: "eu_b".to_owned(),
            event_id: "eu_e".to_owned(),
            person: "eu_p".to_owned(),
            status: BookingStatus::Held,
            expires_at: Some(600_000_000),
            items: vec![BookingItem { ticket_type: "eu_t".to_owned(), quantity: 2, unit_price: 4500 }],
            total: Money { amount: 9000, currency: "EUR".to_owned() },
            version: 17,
            created_at: 0,
        };
        let held = booking_entry(EntryKind::Created, &booking);
        assert_eq!((held.topic, held.kind, held.version), (Some("booking-events"), "booking.created", 17));
        let mut expected = json!({
            "id": "eu_b", "event_id": "eu_e", "person": "eu_p", "status": "held", "expires_at": "1970-01-01T00:10:00Z",
            "items": [{"ticket_type_id": "eu_t", "quantity": 2, "unit_price": {"amount": 4500, "currency": "EUR"}}],
            "total": {"amount": 9000, "currency": "EUR"}, "version": 17, "created_at": "1970-01-01T00:00:00Z",
        });
        assert_eq!(held.payload, expected);
        let sold = Booking { status: BookingStatus::Confirmed, expires_at: None, ..booking };
        expected["status"] = "confirmed".into();
        expected.as_object_mut().unwrap().remove("expires_at");
        assert_eq!(payload(&sold), expected);
    }
}

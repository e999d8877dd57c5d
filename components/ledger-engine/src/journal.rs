//! The journal's payloads.

use crate::attempts::Failure;
use jiff::Timestamp;
use ledger_core::{Batch, BookingItem, CancelledBy, Entry, EntryKind, SaleStatus};
use read_model::journal::{BOOKING_EVENTS, FEED_ONLY, Row};
use read_model::{Availability, Fact, Line};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// The rows of one event's batch: its bookings' in the order they were decided in, then what is left to sell. `version` is what the
/// inventory's row says once this is committed.
pub fn rows(batch: &Batch, version: u64) -> Result<Vec<Row>, Failure> {
    let changes = batch.changes();
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut instants = Instants::default();
    let mut rows = Vec::with_capacity(changes.journal.len() + 1);
    for entry in &changes.journal {
        rows.push(booking_row(entry, &mut instants)?);
    }
    if let Some(availability) = availability(batch, version) {
        rows.push(Row {
            topic: FEED_ONLY,
            kind: "inventory.changed",
            aggregate: batch.event().to_owned(),
            version: bigint(version),
            payload: text(&InventoryPayload { event_id: batch.event() })?,
            trace: None,
            fact: Some(text(&Fact::Availability(availability))?),
        });
    }
    Ok(rows)
}

fn text<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Bad(format!("an entry does not serialize: {error}")))
}

/// As a BIGINT. Versions and revisions stay below 2^63.
#[must_use]
pub fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Instants as text. Most bookings of a batch have the same.
#[derive(Default)]
struct Instants(BTreeMap<i64, String>);

impl Instants {
    fn text(&mut self, instant: i64) -> String {
        self.0
            .entry(instant)
            .or_insert_with(|| Timestamp::from_microsecond(instant).map(|at| at.to_string()).unwrap_or_default())
            .clone()
    }
}

fn booking_row(entry: &Entry, instants: &mut Instants) -> Result<Row, Failure> {
    let booking = &entry.booking;
    Ok(Row {
        topic: BOOKING_EVENTS,
        kind: match entry.kind {
            EntryKind::Created => "booking.created",
            EntryKind::Updated => "booking.updated",
            EntryKind::Cancelled => "booking.cancelled",
        },
        aggregate: booking.id.clone(),
        version: bigint(booking.version),
        payload: text(&payload(entry, instants))?,
        trace: entry.trace.clone(),
        fact: None,
    })
}

#[derive(Serialize)]
struct InventoryPayload<'a> {
    event_id: &'a str,
}

/// The booking as the API shows it, whose it is, and the payment that confirmed it: one without it that was not free was never confirmed.
/// Of one that was cancelled also by whom: `buyer`, `organiser`, or `event` where the whole event was.
#[derive(Serialize)]
struct BookingPayload<'a> {
    id: &'a str,
    event_id: &'a str,
    person: &'a str,
    status: &'a str,
    #[serde(serialize_with = "items")]
    items: (&'a [BookingItem], &'a str),
    total: Amount<'a>,
    version: u64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_by: Option<&'a str>,
}

#[derive(Serialize)]
struct ItemPayload<'a> {
    ticket_type_id: &'a str,
    quantity: u32,
    unit_price: Amount<'a>,
}

#[derive(Serialize)]
struct Amount<'a> {
    amount: i64,
    currency: &'a str,
}

fn items<S: Serializer>((items, currency): &(&[BookingItem], &str), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|item| ItemPayload {
        ticket_type_id: &item.ticket_type,
        quantity: item.quantity,
        unit_price: Amount { amount: item.unit_price, currency },
    }))
}

fn payload<'a>(entry: &'a Entry, instants: &mut Instants) -> BookingPayload<'a> {
    let booking = &entry.booking;
    let currency = booking.total.currency.as_str();
    BookingPayload {
        id: &booking.id,
        event_id: &booking.event_id,
        person: &booking.person,
        status: booking.status.as_str(),
        items: (&booking.items, currency),
        total: Amount { amount: booking.total.amount, currency },
        version: booking.version,
        created_at: instants.text(booking.created_at),
        expires_at: booking.expires_at.map(|at| instants.text(at)),
        payment_id: entry.payment.as_deref(),
        cancelled_by: entry.cancelled_by.map(CancelledBy::as_str),
    }
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
    use ledger_core::{Booking, BookingStatus, Money};
    use serde_json::{Value as Json, json};

    #[test]
    fn a_booking_payload_has_the_form_of_the_api() {
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
        let payload = |row: &Row| serde_json::from_str::<Json>(&row.payload).unwrap();
        let row = |kind, booking: &Booking, payment: Option<&str>| {
            let cancelled_by = (kind == EntryKind::Cancelled).then_some(CancelledBy::Event);
            let entry = Entry { kind, booking: booking.clone(), payment: payment.map(str::to_owned), cancelled_by, trace: None };
            booking_row(&entry, &mut Instants::default()).unwrap()
        };
        let held = row(EntryKind::Created, &booking, None);
        assert_eq!((held.topic, held.kind, held.version), (Some("booking-events"), "booking.created", 17));
        let mut expected = json!({
            "id": "eu_b", "event_id": "eu_e", "person": "eu_p", "status": "held", "expires_at": "1970-01-01T00:10:00Z",
            "items": [{"ticket_type_id": "eu_t", "quantity": 2, "unit_price": {"amount": 4500, "currency": "EUR"}}],
            "total": {"amount": 9000, "currency": "EUR"}, "version": 17, "created_at": "1970-01-01T00:00:00Z",
        });
        assert_eq!(payload(&held), expected);
        let sold = Booking { status: BookingStatus::Confirmed, expires_at: None, ..booking };
        expected["status"] = "confirmed".into();
        expected["payment_id"] = "eu_pay".into();
        expected.as_object_mut().unwrap().remove("expires_at");
        assert_eq!(payload(&row(EntryKind::Updated, &sold, Some("eu_pay"))), expected);
        expected["cancelled_by"] = "event".into();
        assert_eq!(payload(&row(EntryKind::Cancelled, &sold, Some("eu_pay"))), expected);
    }
}

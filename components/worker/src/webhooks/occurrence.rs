//! What of a record organisers are told. Pure.

use crate::record::Record;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

/// Something to tell an event's organiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    /// One of [`webhooks::KINDS`].
    pub kind: &'static str,
    /// The event that it happened at.
    pub event: String,
    /// The order that it is about, which is told as it is now.
    pub order: Option<String>,
    /// What else is told.
    pub data: Map<String, Json>,
}

#[derive(Deserialize)]
struct Booking {
    id: String,
    event_id: String,
    status: String,
    total: Amount,
    payment_id: Option<String>,
    cancelled_by: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    amount: i64,
}

#[derive(Deserialize)]
struct Refund {
    booking_id: String,
    event_id: String,
    currency: String,
    refund_id: Option<String>,
    refund_amount: Option<i64>,
    refund_reason: Option<String>,
}

/// Who let in and who gave a ticket to whom, is nobody's business outside.
#[derive(Deserialize)]
struct Ticket {
    booking_id: String,
    number: u32,
    event_id: String,
    ticket_type_id: String,
    list: Option<String>,
    entry: Option<i64>,
    gate: Option<String>,
    admitted_at: Option<String>,
}

/// What a record has organisers told; none where it is nothing to them, or its payload is not what its type says: the audit log has it all the same.
pub fn of(record: &Record<'_>) -> Option<Occurrence> {
    match record.kind {
        "event.updated" | "event.cancelled" => event(record),
        "booking.created" | "booking.updated" | "booking.cancelled" => booking(record),
        "payment.completed" => refund(record),
        "ticket.transferred" | "ticket.admitted" => ticket(record),
        _ => None,
    }
    .filter(|occurrence| kit::id::valid(&occurrence.event) && occurrence.order.as_deref().is_none_or(kit::id::valid))
}

fn read<'a, T: Deserialize<'a>>(record: &Record<'a>) -> Option<T> {
    serde_json::from_slice(record.value).ok()
}

fn event(record: &Record<'_>) -> Option<Occurrence> {
    let mut event: Map<String, Json> = read(record)?;
    // Who of the team did it.
    event.remove("actor");
    let published = event.remove("published").is_some();
    let mut data = Map::new();
    data.extend(event.remove("before").map(|before| ("before".to_owned(), before)));
    let kind = match (record.kind, event.get("status").and_then(Json::as_str)?) {
        ("event.cancelled", _) => "event.cancelled",
        // Drafts are nobody's business yet.
        (_, "published") => {
            if published {
                "event.published"
            } else {
                "event.updated"
            }
        }
        _ => return None,
    };
    data.insert("event".to_owned(), Json::Object(event));
    Some(Occurrence { kind, event: record.subject.to_owned(), order: None, data })
}

fn booking(record: &Record<'_>) -> Option<Occurrence> {
    let booking: Booking = read(record)?;
    let mut data = Map::new();
    let kind = if record.kind == "booking.cancelled" {
        // A hold that was given back was never an order that counted.
        if booking.payment_id.is_none() && booking.total.amount > 0 {
            return None;
        }
        data.extend(booking.cancelled_by.map(|by| ("cancelled_by".to_owned(), by.into())));
        "order.cancelled"
    } else {
        if booking.status != "confirmed" {
            return None;
        }
        "order.confirmed"
    };
    Some(Occurrence { kind, event: booking.event_id, order: Some(booking.id), data })
}

fn refund(record: &Record<'_>) -> Option<Occurrence> {
    let Refund { booking_id, event_id, currency, refund_id, refund_amount, refund_reason } = read(record)?;
    let amount = json!({ "amount": refund_amount?, "currency": currency });
    let refund = json!({ "id": refund_id, "amount": amount, "reason": refund_reason });
    let data = Map::from_iter([("refund".to_owned(), refund)]);
    Some(Occurrence { kind: "order.refunded", event: event_id, order: Some(booking_id), data })
}

fn ticket(record: &Record<'_>) -> Option<Occurrence> {
    let Ticket { booking_id, number, event_id, ticket_type_id, list, entry, gate, admitted_at } = read(record)?;
    let mut data = Map::new();
    let ticket = json!({
        "id": format!("{booking_id}.{number}"), "order_id": booking_id, "number": number, "ticket_type_id": ticket_type_id,
    });
    data.insert("ticket".to_owned(), ticket);
    let kind = if record.kind == "ticket.admitted" {
        let admission = json!({ "list": list?, "entry": entry?, "gate": gate, "admitted_at": admitted_at? });
        data.insert("admission".to_owned(), admission);
        "ticket.admitted"
    } else {
        "ticket.transferred"
    };
    Some(Occurrence { kind, event: event_id, order: None, data })
}

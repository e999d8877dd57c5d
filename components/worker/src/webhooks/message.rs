//! What a message says: a CloudEvent (1.0, structured mode). Of a person it has what the list of orders shows their organiser, and no more.

use super::occurrence::Occurrence;
use crate::limits;
use crate::record::Record;
use kit::sql::{self, Error, Tx, Value};
use kit::time;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Its media type.
pub const MEDIA: &str = "application/cloudevents+json";

kit::row! {
    struct OrderRow {
        id: String,
        status: String,
        total: i64,
        currency: String,
        payment: Option<String>,
        created_at: i64,
        person: String,
        channel: Option<String>,
        name: Option<String>,
        email: Option<String>,
        refunded: i64,
    }
}

kit::row! {
    struct ItemRow { booking: String, ticket_type: String, name: String, quantity: u32, unit_price: i64 }
}

/// An order as it is told.
pub struct Order {
    /// Whose it is, which is not told.
    pub person: String,
    json: Json,
}

/// These orders as they are now, by their ids.
pub async fn orders(tx: &mut Tx, ids: &[&str]) -> Result<BTreeMap<String, Order>, Error> {
    let mut orders = BTreeMap::new();
    for ids in ids.chunks(limits::HOOK_ORDERS) {
        let list = sql::list(1, ids.len());
        let statement = format!(
            "SELECT b.id, b.status, b.total, b.currency, b.payment, b.created_at, b.person, d.channel, COALESCE(d.name, u.name), \
             COALESCE(d.email, u.email), COALESCE(p.refunded, 0) FROM bookings b LEFT JOIN order_details d ON d.booking = b.id \
             LEFT JOIN contacts u ON u.id = b.person LEFT JOIN payments p ON p.id = b.payment WHERE b.id IN ({list})"
        );
        let rows: Vec<OrderRow> = tx.all(&statement, ids.iter().map(|id| Value::from(*id))).await?;
        let statement = format!(
            "SELECT i.booking, i.ticket_type, COALESCE(t.name, i.ticket_type), i.quantity, i.unit_price FROM booking_items i \
             LEFT JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking IN ({list}) ORDER BY i.booking, i.ordinal"
        );
        let items: Vec<ItemRow> = tx.all(&statement, ids.iter().map(|id| Value::from(*id))).await?;
        for row in rows {
            let money = |amount: i64| json!({ "amount": amount, "currency": row.currency });
            let item = |item: &ItemRow| {
                json!({
                    "ticket_type_id": item.ticket_type, "name": item.name, "quantity": item.quantity, "unit_price": money(item.unit_price),
                })
            };
            let order = json!({
                "id": row.id,
                "status": row.status,
                "channel": row.channel.as_deref().unwrap_or("online"),
                "buyer": { "name": row.name, "email": row.email },
                "items": items.iter().filter(|item| item.booking == row.id).map(item).collect::<Vec<_>>(),
                "total": money(row.total),
                "refunded": money(row.refunded),
                "payment_id": row.payment,
                "created_at": time::format(row.created_at),
            });
            orders.insert(row.id, Order { person: row.person, json: order });
        }
    }
    Ok(orders)
}

/// The body; none where the order is not here.
pub fn body(record: &Record<'_>, occurrence: &Occurrence, title: &str, orders: &BTreeMap<String, Order>) -> Option<String> {
    let mut data = occurrence.data.clone();
    if let Some(order) = &occurrence.order {
        data.insert("order".to_owned(), orders.get(order)?.json.clone());
    }
    if !data.contains_key("event") {
        data.insert("event".to_owned(), json!({ "id": occurrence.event, "title": title }));
    }
    let event = json!({
        "specversion": "1.0",
        "id": record.id,
        "source": format!("/regions/{}", record.region),
        "type": occurrence.kind,
        "subject": record_subject(record, occurrence),
        "time": time::format(record.at),
        "datacontenttype": "application/json",
        "data": data,
    });
    Some(event.to_string())
}

/// What it is about: of a refund its order, for a payment is none of the organiser's things.
fn record_subject<'a>(record: &Record<'a>, occurrence: &'a Occurrence) -> &'a str {
    occurrence.order.as_deref().unwrap_or(record.subject)
}

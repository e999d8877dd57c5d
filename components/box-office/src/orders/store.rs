//! Orders as SQL has them: bookings with their buyers and what was paid.

use crate::limits;
use kit::sql::{self, Error, Tx, Value};
use kit::{ledger::BookingStatus, params};
use std::collections::BTreeMap;

kit::row! {
    /// An order's row.
    #[derive(Debug, Clone)]
    pub struct Row {
        pub id: String,
        pub status: String,
        pub expires_at: Option<i64>,
        pub total: i64,
        pub currency: String,
        pub payment: Option<String>,
        pub created_at: i64,
        pub person: String,
        pub channel: Option<String>,
        pub name: Option<String>,
        pub email: Option<String>,
        pub note: Option<String>,
        pub refunded: i64,
    }
}

kit::row! {
    /// What was bought of one ticket type.
    #[derive(Debug, Clone)]
    pub struct Item {
        pub booking: String,
        pub ticket_type: String,
        pub name: String,
        pub quantity: u32,
        pub unit_price: i64,
    }
}

kit::row! {
    /// A payment of an order.
    #[derive(Debug, Clone)]
    pub struct Payment {
        pub id: String,
        pub status: String,
        pub provider: String,
        pub provider_state: String,
        pub amount: i64,
        pub refunded: i64,
        pub created_at: i64,
    }
}

kit::row! {
    /// Money that goes back, or has.
    #[derive(Debug, Clone)]
    pub struct Refund { pub id: String, pub amount: i64, pub reason: String, pub status: String, pub created_at: i64 }
}

/// An order, with what was bought.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its row.
    pub row: Row,
    /// In the order of the booking.
    pub items: Vec<Item>,
}

const SELECT: &str = "SELECT b.id, b.status, b.expires_at, b.total, b.currency, b.payment, b.created_at, b.person, d.channel, \
    COALESCE(d.name, u.name), COALESCE(d.email, u.email), d.note, COALESCE(p.refunded, 0) \
    FROM bookings b LEFT JOIN order_details d ON d.booking = b.id \
    LEFT JOIN contacts u ON u.id = b.person LEFT JOIN payments p ON p.id = b.payment";

/// Which orders of an event a page shows.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// As shown: an overdue hold counts as expired.
    pub status: Option<BookingStatus>,
    /// Somewhere in the buyer's name or address, or the whole of the order's id.
    pub search: Option<String>,
    /// Id of the last one that was shown before.
    pub after: Option<String>,
    /// How many at most.
    pub limit: i64,
}

/// Orders of an event, the newest first.
pub async fn page(tx: &mut Tx, event: &str, wanted: &Wanted) -> Result<Vec<Order>, Error> {
    let now = tx.now();
    let mut parameters = params![event, wanted.limit].to_vec();
    let mut conditions = String::new();
    let mut condition = |text: &str, value: Value| {
        parameters.push(value);
        conditions.push_str(" AND ");
        conditions.push_str(&text.replace('#', &format!("${}", parameters.len())));
    };
    if let Some(after) = &wanted.after {
        condition("b.id < #", Value::from(after));
    }
    if let Some(search) = &wanted.search {
        let text = search.to_lowercase();
        condition(
            "(LOWER(COALESCE(d.name, u.name, '')) LIKE # ESCAPE '!' OR LOWER(COALESCE(d.email, u.email, '')) LIKE # ESCAPE '!')",
            Value::from(&format!("%{}%", escaped(&text))),
        );
    }
    match wanted.status {
        None => {}
        Some(BookingStatus::Expired) => {
            condition("(b.status = 'expired' OR (b.status IN ('held', 'paying') AND b.expires_at <= #))", Value::from(now));
        }
        Some(status) if status.is_hold() => {
            condition("b.expires_at > #", Value::from(now));
            condition("b.status = #", Value::from(status.as_str()));
        }
        Some(status) => condition("b.status = #", Value::from(status.as_str())),
    }
    let statement = format!("{SELECT} WHERE b.event = $1{conditions} ORDER BY b.id DESC LIMIT $2");
    let rows = tx.all(&statement, parameters).await?;
    with_items(tx, rows).await
}

/// One order of an event.
pub async fn find(tx: &mut Tx, event: &str, id: &str) -> Result<Option<Order>, Error> {
    let statement = format!("{SELECT} WHERE b.id = $1 AND b.event = $2");
    let rows = tx.all(&statement, params![id, event]).await?;
    Ok(with_items(tx, rows).await?.pop())
}

async fn with_items(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Order>, Error> {
    let mut by_booking: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for some in rows.chunks(limits::ORDERS_AT_ONCE) {
        let statement = format!(
            "SELECT i.booking, i.ticket_type, COALESCE(t.name, i.ticket_type), i.quantity, i.unit_price FROM booking_items i \
             LEFT JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking IN ({}) ORDER BY i.booking, i.ordinal",
            sql::list(1, some.len())
        );
        let items: Vec<Item> = tx.all(&statement, some.iter().map(|row| Value::from(&row.id))).await?;
        for item in items {
            by_booking.entry(item.booking.clone()).or_default().push(item);
        }
    }
    let order = |row: Row| Order { items: by_booking.remove(&row.id).unwrap_or_default(), row };
    Ok(rows.into_iter().map(order).collect())
}

/// The payments of an order, in the order in which they were tried.
pub async fn payments(tx: &mut Tx, booking: &str) -> Result<Vec<Payment>, Error> {
    let statement = "SELECT id, status, provider, provider_state, amount, refunded, created_at FROM payments WHERE booking = $1 AND version > 0 \
                     ORDER BY created_at, id LIMIT $2";
    tx.all(statement, params![booking, limits::PAYMENTS]).await
}

/// The refunds of an order, in the order in which they became due.
pub async fn refunds(tx: &mut Tx, booking: &str) -> Result<Vec<Refund>, Error> {
    let statement =
        "SELECT id, amount, reason, status, created_at FROM refunds WHERE booking = $1 ORDER BY created_at, id LIMIT $2";
    tx.all(statement, params![booking, limits::REFUNDS]).await
}

/// Text that `LIKE … ESCAPE '!'` takes as it stands.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

#[cfg(test)]
mod tests {
    #[test]
    fn wildcards_are_letters() {
        assert_eq!(super::escaped("100%_!"), "100!%!_!!");
    }
}

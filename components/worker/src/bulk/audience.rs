//! Who has an event's tickets.

use kit::sql::{self, Error, Tx, Value};
use kit::{params, tickets};
use std::collections::{BTreeMap, BTreeSet};

/// A confirmed booking, and who has its tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The booking's id.
    pub id: String,
    /// Whose it is.
    pub buyer: String,
    /// The address that its organiser has written beside it.
    pub address: Option<String>,
    /// Sold at the counter, to somebody who gave no address.
    pub is_unreachable: bool,
    /// When it was made.
    pub created_at: i64,
    /// All of them.
    pub tickets: Vec<Ticket>,
}

/// A ticket of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its type's id.
    pub ticket_type: String,
    /// To whom it was transferred; none: it is the buyer's.
    pub holder: Option<String>,
    /// Whether somebody was let in by it, by whatever list.
    pub admitted: bool,
}

kit::row! {
    struct Row { id: String, person: String, created_at: i64, channel: Option<String>, email: Option<String> }
}

/// So many of an event's confirmed bookings behind one, by their ids.
pub async fn page(tx: &mut Tx, event: &str, behind: &str, most: i64) -> Result<Vec<Order>, Error> {
    let statement = "SELECT b.id, b.person, b.created_at, d.channel, d.email FROM bookings b LEFT JOIN order_details d ON d.booking = b.id \
                     WHERE b.event = $1 AND b.id > $2 AND b.status = 'confirmed' ORDER BY b.id LIMIT $3";
    let rows: Vec<Row> = tx.all(statement, params![event, behind, most]).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let list = sql::list(1, rows.len());
    let ids = || rows.iter().map(|row| Value::from(&row.id));
    let statement =
        format!("SELECT booking, ticket_type, quantity FROM booking_items WHERE booking IN ({list}) ORDER BY booking, ordinal");
    let mut items: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    for (booking, ticket_type, quantity) in tx.all::<(String, String, u32)>(&statement, ids()).await? {
        items.entry(booking).or_default().push((ticket_type, quantity));
    }
    let statement = format!("SELECT booking, number, holder FROM tickets WHERE holder IS NOT NULL AND booking IN ({list})");
    let holders = tx.all::<(String, u32, String)>(&statement, ids()).await?.into_iter();
    let mut holders: BTreeMap<_, _> = holders.map(|(booking, number, holder)| ((booking, number), holder)).collect();
    let statement = format!("SELECT DISTINCT booking, number FROM admissions WHERE booking IN ({list})");
    let admitted: BTreeSet<(String, u32)> = tx.all(&statement, ids()).await?.into_iter().collect();
    let order = |row: Row| {
        let items = items.get(&row.id).map(Vec::as_slice).unwrap_or_default();
        let numbered = tickets::numbered(items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity)));
        let tickets = numbered.map(|(number, ticket_type)| {
            let key = (row.id.clone(), number);
            Ticket { ticket_type: ticket_type.to_owned(), holder: holders.remove(&key), admitted: admitted.contains(&key) }
        });
        let tickets = tickets.collect();
        Order {
            is_unreachable: row.email.is_none() && row.channel.as_deref() == Some("counter"),
            id: row.id,
            buyer: row.person,
            address: row.email,
            created_at: row.created_at,
            tickets,
        }
    };
    Ok(rows.into_iter().map(order).collect())
}

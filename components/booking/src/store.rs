//! Bookings as the ledger left them in SQL. Nothing here writes.

use crate::limits;
use kit::{
    guests,
    ledger::{Booking, BookingItem, BookingStatus, Money},
    params,
    sql::{self, Error, Tx, Value},
};
use std::collections::BTreeMap;

kit::row! {
    struct Row {
        id: String,
        event: String,
        person: String,
        status: String,
        expires_at: Option<i64>,
        total: i64,
        currency: String,
        version: u64,
        created_at: i64,
    }
}

const COLUMNS: &str = "id, event, person, status, expires_at, total, currency, version, created_at";

/// A person's booking, as its row says: an overdue hold is still held here. None where there is none of this id, or it is somebody else's.
pub async fn find(tx: &mut Tx, id: &str, person: &str) -> Result<Option<Booking>, Error> {
    let statement = format!("SELECT {COLUMNS} FROM bookings WHERE id = $1");
    let row: Option<Row> = tx.one(&statement, params![id]).await?;
    let Some(row) = row else { return Ok(None) };
    if !guests::stands_for(tx, person, &row.person).await? {
        return Ok(None);
    }
    Ok(with_items(tx, vec![row]).await?.pop())
}

kit::row! {
    struct Confirmation {
        payment: Option<String>,
    }
}

/// The payment that confirmed a person's booking, if one did.
pub async fn payment(tx: &mut Tx, id: &str, person: &str) -> Result<Option<String>, Error> {
    let row: Option<Confirmation> =
        tx.one("SELECT payment FROM bookings WHERE id = $1 AND person = $2", params![id, person]).await?;
    Ok(row.and_then(|row| row.payment))
}

/// Which of a person's bookings a page shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// As shown: an overdue hold counts as expired.
    pub status: Option<BookingStatus>,
    /// Instant of creation and id of the last one shown before.
    pub after: Option<(i64, String)>,
    /// How many at most.
    pub limit: i64,
}

/// A person's bookings, the newest first.
pub async fn page(tx: &mut Tx, person: &str, page: &Page) -> Result<Vec<Booking>, Error> {
    let (created_at, id) = page.after.clone().unwrap_or((i64::MAX, String::new()));
    let (condition, now) = match page.status {
        None => ("", None),
        Some(BookingStatus::Held) => (" AND status = 'held' AND expires_at > $4", Some(tx.now())),
        Some(BookingStatus::Paying) => (" AND status = 'paying' AND expires_at > $4", Some(tx.now())),
        Some(BookingStatus::Expired) => {
            (" AND (status = 'expired' OR (status IN ('held', 'paying') AND expires_at <= $4))", Some(tx.now()))
        }
        Some(BookingStatus::Confirmed) => (" AND status = 'confirmed'", None),
        Some(BookingStatus::Cancelled) => (" AND status = 'cancelled'", None),
    };
    let subjects = guests::subjects(tx, person).await?;
    let mut parameters = params![created_at, id, page.limit].to_vec();
    parameters.extend(now.map(Value::from));
    let people = sql::list(parameters.len() + 1, subjects.len());
    parameters.extend(subjects.iter().map(Value::from));
    let statement = format!(
        "SELECT {COLUMNS} FROM bookings WHERE person IN ({people}) AND (created_at < $1 OR (created_at = $1 AND id < $2)){condition} \
         ORDER BY created_at DESC, id DESC LIMIT $3"
    );
    let rows = tx.all(&statement, parameters).await?;
    with_items(tx, rows).await
}

async fn with_items(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Booking>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let statement = format!(
        "SELECT booking, ticket_type, quantity, unit_price FROM booking_items WHERE booking IN ({}) ORDER BY booking, ordinal",
        sql::list(1, rows.len())
    );
    let items: Vec<(String, String, u32, i64)> = tx.all(&statement, rows.iter().map(|row| Value::from(&row.id))).await?;
    let mut by_booking: BTreeMap<String, Vec<BookingItem>> = BTreeMap::new();
    for (booking, ticket_type, quantity, unit_price) in items {
        by_booking.entry(booking).or_default().push(BookingItem { ticket_type, quantity, unit_price });
    }
    rows.into_iter().map(|row| booking(row, &mut by_booking)).collect()
}

fn booking(row: Row, items: &mut BTreeMap<String, Vec<BookingItem>>) -> Result<Booking, Error> {
    let items = items.remove(&row.id).unwrap_or_default();
    let status = BookingStatus::parse(&row.status)
        .ok_or_else(|| Error::Other(format!("booking {}: unknown status {:?}", row.id, row.status)))?;
    Ok(Booking {
        id: row.id,
        event_id: row.event,
        person: row.person,
        status,
        expires_at: row.expires_at,
        items,
        total: Money { amount: row.total, currency: row.currency },
        version: row.version,
        created_at: row.created_at,
    })
}

/// Events that have overdue holds, those longest overdue first. The inner query keeps to the index of holds by deadline, however many
/// bookings there are.
pub async fn overdue_events(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let now = tx.now();
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT event FROM (SELECT event, expires_at FROM bookings WHERE status IN ('held', 'paying') AND expires_at <= $1 \
             ORDER BY expires_at LIMIT $2) AS overdue GROUP BY event ORDER BY MIN(expires_at) LIMIT $3",
            params![now, limits::DUE_BOOKINGS, limits::DUE_EVENTS],
        )
        .await?;
    Ok(rows.into_iter().map(|(event,)| event).collect())
}

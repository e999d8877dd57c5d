//! Events in SQL.

use kit::params;
use kit::sql::{self, Error, Tx, Value};
use read_model::{EventDoc, EventStatus, TicketType, Venue};

/// An event as it is kept.
pub struct Stored {
    pub doc: EventDoc,
    /// A step that is not finished: [`crate::steps::Pending`] as JSON.
    pub pending: Option<String>,
    /// The account that made it.
    pub created_by: String,
}

kit::row! {
    struct EventRow {
        id: String,
        organiser_id: String,
        status: String,
        revision: u64,
        title: String,
        description: String,
        category: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        ends_at: i64,
        timezone: String,
        currency: String,
        region: String,
        refund_until: Option<i64>,
        pending: Option<String>,
        created_by: String,
    }
}

kit::row! {
    struct TicketRow {
        id: String,
        name: String,
        price: i64,
        capacity: u32,
        per_person_limit: u32,
    }
}

/// An event with its ticket types.
pub async fn load(tx: &mut Tx, id: &str) -> Result<Option<Stored>, Error> {
    let row: Option<EventRow> = tx
        .one(
            "SELECT id, organiser_id, status, revision, title, description, category, venue_name, city, country, \
             starts_at, ends_at, timezone, currency, region, refund_until, pending, created_by FROM events WHERE id = $1",
            params![id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let tickets: Vec<TicketRow> = tx
        .all(
            "SELECT id, name, price, capacity, per_person_limit FROM ticket_types WHERE event_id = $1 ORDER BY ordinal",
            params![id],
        )
        .await?;
    let status = EventStatus::parse(&row.status).ok_or_else(|| Error::Other(format!("event status {}", row.status)))?;
    let ticket_types = tickets
        .into_iter()
        .map(|ticket| TicketType {
            id: ticket.id,
            name: ticket.name,
            price: ticket.price,
            capacity: ticket.capacity,
            per_person_limit: ticket.per_person_limit,
        })
        .collect();
    let doc = EventDoc {
        id: row.id,
        organiser_id: row.organiser_id,
        status,
        revision: row.revision,
        title: row.title,
        description: row.description,
        category: row.category,
        venue: Venue { name: row.venue_name, city: row.city, country: row.country },
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        timezone: row.timezone,
        currency: row.currency,
        region: row.region,
        refund_until: row.refund_until,
        ticket_types,
    };
    Ok(Some(Stored { doc, pending: row.pending, created_by: row.created_by }))
}

/// A new event.
pub async fn insert(tx: &mut Tx, doc: &EventDoc, created_by: &str) -> Result<(), Error> {
    let now = tx.now();
    let mut parameters = columns(doc)?;
    parameters.extend(params![Option::<String>::None, created_by, now, now, &doc.id]);
    tx.execute(
        "INSERT INTO events (organiser_id, status, revision, title, description, category, venue_name, city, country, starts_at, \
         ends_at, timezone, currency, region, refund_until, pending, created_by, created_at, updated_at, id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        parameters,
    )
    .await?;
    insert_tickets(tx, doc).await
}

/// Writes `doc` over the event where it still stands at `revision` with `pending`; whether it did.
pub async fn update(
    tx: &mut Tx,
    doc: &EventDoc,
    revision: u64,
    pending: Option<&str>,
    then_pending: Option<&str>,
) -> Result<bool, Error> {
    let now = tx.now();
    let mut parameters = columns(doc)?;
    parameters.extend(params![then_pending, now, &doc.id, integer(revision)?, pending.unwrap_or_default()]);
    let changed = tx
        .execute(
            "UPDATE events SET organiser_id = $1, status = $2, revision = $3, title = $4, description = $5, category = $6, \
             venue_name = $7, city = $8, country = $9, starts_at = $10, ends_at = $11, timezone = $12, currency = $13, region = $14, \
             refund_until = $15, pending = $16, updated_at = $17 WHERE id = $18 AND revision = $19 AND COALESCE(pending, '') = $20",
            parameters,
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM ticket_types WHERE event_id = $1", params![&doc.id]).await?;
    insert_tickets(tx, doc).await?;
    Ok(true)
}

/// Replaces what is pending, where that and the revision are still these; whether it did.
pub async fn set_pending(
    tx: &mut Tx,
    id: &str,
    revision: u64,
    pending: Option<&str>,
    then_pending: Option<&str>,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE events SET pending = $1 WHERE id = $2 AND revision = $3 AND COALESCE(pending, '') = $4",
            params![then_pending, id, integer(revision)?, pending.unwrap_or_default()],
        )
        .await?;
    Ok(changed > 0)
}

/// Places of each ticket type that are sold or held; overdue holds are free.
pub async fn taken(tx: &mut Tx, event: &str) -> Result<Vec<(String, u32)>, Error> {
    let now = tx.now();
    tx.all(
        "SELECT l.ticket_type, l.sold + l.held - COALESCE((SELECT CAST(SUM(i.quantity) AS BIGINT) \
         FROM bookings b JOIN booking_items i ON i.booking = b.id \
         WHERE b.event = l.event AND i.ticket_type = l.ticket_type AND b.status IN ('held', 'paying') AND b.expires_at <= $2), 0) \
         FROM inventory_lines l WHERE l.event = $1",
        params![event, now],
    )
    .await
}

/// Whether there is such an organiser.
pub async fn has_organiser(tx: &mut Tx, id: &str) -> Result<bool, Error> {
    let row: Option<(i64,)> = tx.one("SELECT 1 FROM organisers WHERE id = $1", params![id]).await?;
    Ok(row.is_some())
}

/// Events with something pending.
pub async fn due(tx: &mut Tx, limit: i64) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        tx.all("SELECT id FROM events WHERE pending IS NOT NULL ORDER BY id LIMIT $1", params![limit]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Bookings of an event that still hold places or tickets.
pub async fn live_bookings(tx: &mut Tx, event: &str, limit: usize) -> Result<Vec<String>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<(String,)> = tx
        .all(
            "SELECT id FROM bookings WHERE event = $1 AND status IN ('held', 'paying', 'confirmed') ORDER BY id LIMIT $2",
            params![event, limit],
        )
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// `$1` to `$15` of the statements above.
fn columns(doc: &EventDoc) -> Result<Vec<Value>, Error> {
    Ok(params![
        &doc.organiser_id,
        doc.status.as_str(),
        integer(doc.revision)?,
        &doc.title,
        &doc.description,
        &doc.category,
        &doc.venue.name,
        &doc.venue.city,
        &doc.venue.country,
        doc.starts_at,
        doc.ends_at,
        &doc.timezone,
        &doc.currency,
        &doc.region,
        doc.refund_until,
    ]
    .into())
}

async fn insert_tickets(tx: &mut Tx, doc: &EventDoc) -> Result<(), Error> {
    let mut parameters = Vec::with_capacity(doc.ticket_types.len() * 7);
    for (ordinal, ticket) in (0i64..).zip(&doc.ticket_types) {
        parameters.extend(params![
            &ticket.id,
            &doc.id,
            ordinal,
            &ticket.name,
            ticket.price,
            ticket.capacity,
            ticket.per_person_limit,
        ]);
    }
    let statement = format!(
        "INSERT INTO ticket_types (id, event_id, ordinal, name, price, capacity, per_person_limit) VALUES {}",
        sql::rows(doc.ticket_types.len(), 7)
    );
    tx.execute(&statement, parameters).await.map(drop)
}

fn integer(revision: u64) -> Result<i64, Error> {
    i64::try_from(revision).map_err(|_| Error::Other(format!("revision {revision}")))
}

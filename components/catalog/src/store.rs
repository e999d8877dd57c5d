//! Events in SQL.

use kit::params;
use kit::sql::{self, Error, FromRow, RowReader, Tx, Value};
use read_model::rows::{EventRow, TicketRow};
use read_model::{EventDoc, TicketType};

use crate::images;

/// An event as it is kept.
pub struct StoredEvent {
    pub doc: EventDoc,
    /// A step that is not finished: [`crate::steps::Pending`] as JSON.
    pub pending: Option<String>,
    /// The account that made it.
    pub created_by: String,
    /// How many hours before it begins those who come are reminded of it; 0: they are not. Its team's business, and no part of what is public.
    pub reminder_hours: i64,
}

/// An event with its ticket types.
pub async fn load(tx: &mut Tx, id: &str) -> Result<Option<StoredEvent>, Error> {
    let statement =
        format!("SELECT {}, pending, created_by, reminder_hours FROM events WHERE id = $1", EventRow::COLUMNS.join(", "));
    let Some(StoredRow { event, pending, created_by, reminder_hours }) = tx.one(&statement, params![id]).await? else {
        return Ok(None);
    };
    let unknown = format!("an event of status {}, a question of it or a picture", event.status);
    let doc = event.doc(tickets(tx, id).await?).ok_or(Error::Other(unknown))?;
    Ok(Some(StoredEvent { doc, pending, created_by, reminder_hours }))
}

/// The ticket types of an event, in its organiser's order.
pub async fn tickets(tx: &mut Tx, event: &str) -> Result<Vec<TicketType>, Error> {
    let statement = format!("SELECT {} FROM ticket_types WHERE event_id = $1 ORDER BY ordinal", TicketRow::COLUMNS.join(", "));
    let rows: Vec<TicketRow> = tx.all(&statement, params![event]).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

struct StoredRow {
    event: EventRow,
    pending: Option<String>,
    created_by: String,
    reminder_hours: i64,
}

impl FromRow for StoredRow {
    fn from_row(row: &mut RowReader) -> Result<Self, Error> {
        let event = EventRow::from_row(row)?;
        Ok(Self { event, pending: row.column()?, created_by: row.column()?, reminder_hours: row.column()? })
    }
}

/// A new event.
pub async fn insert(tx: &mut Tx, doc: &EventDoc, created_by: &str, reminder_hours: i64) -> Result<(), Error> {
    let now = tx.now();
    let mut columns = columns(doc)?;
    let new = [
        ("id", (&doc.id).into()),
        ("created_by", created_by.into()),
        ("created_at", now.into()),
        ("updated_at", now.into()),
        ("reminder_hours", reminder_hours.into()),
    ];
    columns.extend(new);
    let (names, parameters): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let statement = format!("INSERT INTO events ({}) VALUES {}", names.join(", "), sql::rows(1, names.len()));
    tx.execute(&statement, parameters).await?;
    insert_tickets(tx, doc).await
}

/// Writes `doc`, and the hours of its reminder where they change, over the event where it still stands at `revision` with `pending`; whether it did.
pub async fn update(
    tx: &mut Tx,
    doc: &EventDoc,
    revision: u64,
    pending: Option<&str>,
    then_pending: Option<&str>,
    reminder_hours: Option<i64>,
) -> Result<bool, Error> {
    let now = tx.now();
    let mut columns = columns(doc)?;
    columns.extend([("pending", then_pending.into()), ("updated_at", now.into())]);
    columns.extend(reminder_hours.map(|hours| ("reminder_hours", hours.into())));
    let set: Vec<_> = columns.iter().zip(4..).map(|((name, _), at)| format!("{name} = ${at}")).collect();
    let statement =
        format!("UPDATE events SET {} WHERE id = $1 AND revision = $2 AND COALESCE(pending, '') = $3", set.join(", "));
    let which = params![&doc.id, integer(revision)?, pending.unwrap_or_default()];
    let changed = tx.execute(&statement, which.into_iter().chain(columns.into_iter().map(|(_, value)| value))).await?;
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
         FROM inventory_lines l WHERE l.event = $1 AND l.shared_by IS NULL",
        params![event, now],
    )
    .await
}

/// Ids of all shared capacities that the event's sale has ever had.
pub async fn ever_shared(tx: &mut Tx, event: &str) -> Result<Vec<String>, Error> {
    let statement = "SELECT ticket_type FROM inventory_lines WHERE event = $1 AND shared_by IS NOT NULL";
    let rows: Vec<(String,)> = tx.all(statement, params![event]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
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

/// What a change may change, by its column.
fn columns(doc: &EventDoc) -> Result<Vec<(&'static str, Value)>, Error> {
    Ok(vec![
        ("organiser_id", (&doc.organiser_id).into()),
        ("status", doc.status.as_str().into()),
        ("revision", integer(doc.revision)?.into()),
        ("title", (&doc.title).into()),
        ("description", (&doc.description).into()),
        ("category", (&doc.category).into()),
        ("venue_name", (&doc.venue.name).into()),
        ("city", (&doc.venue.city).into()),
        ("country", (&doc.venue.country).into()),
        ("starts_at", doc.starts_at.into()),
        ("ends_at", doc.ends_at.into()),
        ("timezone", (&doc.timezone).into()),
        ("currency", (&doc.currency).into()),
        ("region", (&doc.region).into()),
        ("refund_until", doc.refund_until.into()),
        ("questions", questions(doc)?.into()),
        ("image", images::column(doc.image.as_ref())?.into()),
        ("shared_capacities", shared_capacities(doc)?.into()),
        ("accent", doc.accent.clone().into()),
        ("logo", images::column(doc.logo.as_ref())?.into()),
    ])
}

/// The event's questions, as they stand in its row.
pub fn questions(doc: &EventDoc) -> Result<String, Error> {
    serde_json::to_string(&doc.questions).map_err(|error| Error::Other(format!("questions do not serialize: {error}")))
}

/// What ticket types share, as it stands in the event's row.
pub fn shared_capacities(doc: &EventDoc) -> Result<String, Error> {
    serde_json::to_string(&doc.shared_capacities)
        .map_err(|error| Error::Other(format!("shared capacities do not serialize: {error}")))
}

async fn insert_tickets(tx: &mut Tx, doc: &EventDoc) -> Result<(), Error> {
    let mut parameters = Vec::with_capacity(doc.ticket_types.len() * 10);
    for (ordinal, ticket) in (0i64..).zip(&doc.ticket_types) {
        parameters.extend(params![
            &ticket.id,
            &doc.id,
            ordinal,
            &ticket.name,
            ticket.price,
            ticket.capacity,
            ticket.per_person_limit,
            ticket.sales_from,
            ticket.sales_until,
            ticket.paused,
        ]);
    }
    let statement = format!(
        "INSERT INTO ticket_types (id, event_id, ordinal, name, price, capacity, per_person_limit, sales_from, sales_until, paused) \
         VALUES {}",
        sql::rows(doc.ticket_types.len(), 10)
    );
    tx.execute(&statement, parameters).await.map(drop)
}

fn integer(revision: u64) -> Result<i64, Error> {
    i64::try_from(revision).map_err(|_| Error::Other(format!("revision {revision}")))
}

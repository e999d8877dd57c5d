//! Those who come to an event are reminded of it: once, before it begins, whoever had their order by then.

use super::audience::{self, Order};
use super::{BulkMail, add, is_full};
use crate::limits;
use crate::mail::{Needs, Template};
use kit::sql::{self, Error, Tx};
use kit::{Problem, hash, params};
use std::collections::BTreeSet;

/// What holds of an event `e` whose people are reminded at `$1`: `status <> 'draft'` has it found by the index of what is public.
const DUE: &str = "e.status <> 'draft' AND e.status = 'published' AND e.reminder_hours > 0 AND e.starts_at > $1 \
                   AND e.starts_at - e.reminder_hours * 3600000000 <= $1";

/// Events whose reminders are not all written down, those first that begin first.
pub async fn due(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let now = tx.now();
    let statement = format!(
        "SELECT e.id FROM events e WHERE {DUE} AND e.starts_at <= $2 \
         AND NOT EXISTS (SELECT 1 FROM reminders r WHERE r.event = e.id AND r.done_at IS NOT NULL) ORDER BY e.starts_at, e.id LIMIT $3"
    );
    let rows: Vec<(String,)> = tx.all(&statement, params![now, now + limits::REMINDER_AHEAD, limits::BULK_TURNS]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes down some reminders of an event; false where there is no room for more.
pub async fn write_down(event: &str) -> Result<bool, Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    if is_full(&mut tx).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    let statement = "INSERT INTO reminders (event, cursor, created_at) VALUES ($1, '', $2) ON CONFLICT (event) DO NOTHING";
    tx.execute(statement, params![event, now]).await?;
    let statement = format!("SELECT cursor FROM reminders WHERE event = $1 AND done_at IS NULL{}", tx.exclusive_lock());
    let cursor: Option<(String,)> = tx.one(&statement, params![event]).await?;
    // As it is now: it may have been moved, or called off.
    let statement = format!("SELECT e.starts_at - e.reminder_hours * 3600000000 FROM events e WHERE {DUE} AND e.id = $2");
    let moment: Option<(i64,)> = tx.one(&statement, params![now, event]).await?;
    let Some(((cursor,), (moment,))) = cursor.zip(moment) else {
        tx.rollback().await?;
        return Ok(true);
    };
    let orders = audience::page(&mut tx, event, &cursor, limits::BULK_BOOKINGS).await?;
    // Who has ordered since then knows of it.
    let mails: Vec<BulkMail> = orders.iter().filter(|order| order.created_at < moment).flat_map(mails).collect();
    add(&mut tx, Template::Reminder, &mails).await?;
    let is_last = i64::try_from(orders.len()).unwrap_or(i64::MAX) < limits::BULK_BOOKINGS;
    let cursor = orders.last().map_or(cursor.as_str(), |order| order.id.as_str());
    let statement = "UPDATE reminders SET cursor = $2, done_at = $3 WHERE event = $1";
    tx.execute(statement, params![event, cursor, is_last.then_some(now)]).await?;
    tx.commit().await?;
    Ok(true)
}

/// One for an order whose buyer still has a ticket of it, and one for each person to whom tickets of it were transferred.
fn mails(order: &Order) -> Vec<BulkMail> {
    let people: BTreeSet<Option<&str>> = order.tickets.iter().map(|ticket| ticket.holder.as_deref()).collect();
    let people = people.into_iter().filter(|holder| holder.is_some() || !order.is_unreachable);
    let mail = |holder: Option<&str>| {
        let recipient = holder.unwrap_or(&order.buyer);
        BulkMail {
            id: hash::sha256(&[b"reminder", order.id.as_bytes(), recipient.as_bytes()]),
            recipient: recipient.to_owned(),
            needs: Needs { booking: Some(order.id.clone()), holder: holder.map(str::to_owned), ..Needs::default() },
        }
    };
    people.map(mail).collect()
}

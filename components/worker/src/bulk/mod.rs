//! Mails to many people: what organisers write to those who come, and reminders.
//!
//! They are written down by ticks, some bookings at a time, with the place that this has come to, in one transaction: so a crash neither loses nor repeats
//! any. They go out as all mail does (`mail`), after what somebody is waiting for, and only so many wait at a time: the next message has its turn
//! meanwhile.

mod audience;
mod messages;
mod reminders;

use crate::limits;
use crate::mail::Needs;
use crate::mail::Template;
use kit::sql::{self, Error, Tx};
use kit::{Problem, params};

/// Writes down mails that are due.
///
/// # Errors
/// Where the database fails; the rest comes with the next tick.
pub async fn write_down() -> Result<(), Problem> {
    let mut tx = sql::read().await?;
    let (events, messages) = (reminders::due(&mut tx).await?, messages::are_due(&mut tx).await?);
    tx.rollback().await?;
    // Reminders first: they are worth nothing later.
    for event in &events {
        if !reminders::write_down(event).await? {
            return Ok(());
        }
    }
    for _ in 0..if messages { limits::BULK_TURNS } else { 0 } {
        if !messages::write_down().await? {
            break;
        }
    }
    Ok(())
}

/// Whether as many mails wait to be sent as may.
async fn is_full(tx: &mut Tx) -> Result<bool, Error> {
    let now = tx.now();
    let statement =
        "SELECT id FROM mail_log WHERE state = 'due' AND bulk = 1 AND due_at <= $1 ORDER BY due_at, id LIMIT 1 OFFSET $2";
    Ok(tx.one::<(String,)>(statement, params![now, limits::BULK_DUE]).await?.is_some())
}

/// A mail to one of many.
struct BulkMail {
    /// The same for the same person, so that they get one.
    id: String,
    recipient: String,
    needs: Needs,
}

/// Writes these down; what stands there already stays as it is.
async fn add(tx: &mut Tx, template: Template, mails: &[BulkMail]) -> Result<(), Error> {
    let now = tx.now();
    for mails in mails.chunks(kit::limits::ROWS) {
        let mut parameters = Vec::with_capacity(mails.len() * 12);
        for BulkMail { id, recipient, needs } in mails {
            let (message, needs) = (needs.message.clone(), kit::journal::text(needs)?);
            parameters.extend(params![id, recipient, template.name(), needs, "due", 0i64, now, 0i64, now, now, message, 1i64]);
        }
        let statement = format!(
            "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at, message, bulk) \
             VALUES {} ON CONFLICT (id) DO NOTHING",
            sql::padded_rows(&mut parameters, 12)
        );
        tx.execute(&statement, parameters).await?;
    }
    Ok(())
}

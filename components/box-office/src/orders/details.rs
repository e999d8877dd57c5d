//! What an organiser writes beside an order: whom its papers go to, and a note.

use super::{detailed, store};
use crate::{event, limits};
use kit::journal::{self, Entry};
use kit::sql::{Error, Tx};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, email, idempotency, json, params, problem};
use serde_json::json;

/// A change of one text: left alone, taken away, or another.
type Change = Option<Option<String>>;

/// `PATCH /api/events/{id}/orders/{order}`: `{"name", "email", "note"}`, each left out, `null`, or another.
pub async fn change(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (name, address, note) = json::read(&request, |body| {
        let name = body.optional_name("name", limits::BUYER_NAME);
        let address = body.optional_text("email", limits::EMAIL).and_then(|text| match email::normalise(&text) {
            Ok(address) => Some(address),
            Err(why) => {
                body.fault("email", why);
                None
            }
        });
        let note = body.optional_text("note", limits::NOTE);
        let change = |name: &str, value: Option<String>| -> Change { body.has(name).then_some(value) };
        (change("name", name), change("email", address), change("note", note))
    })?;
    let (event, order) = (request.id("id")?, request.id("order")?);
    idempotency::once(&request, "order-details", &claims.subject, async |tx: &mut Tx| {
        event::permitted(tx, &claims, event, Permission::EditOrders).await?;
        let found = store::find(tx, event, order).await?.ok_or_else(Problem::not_found)?;
        make_row(tx, order, super::view::channel(&found)).await?;
        let mut changed = Vec::new();
        for (column, change) in [("name", &name), ("email", &address), ("note", &note)] {
            let Some(value) = change else { continue };
            let now = tx.now();
            let statement = format!("UPDATE order_details SET {column} = $2, updated_at = $3 WHERE booking = $1");
            tx.execute(&statement, params![order, value.clone(), now]).await?;
            changed.push(column);
        }
        // What it says now is nobody's business but the organiser's: the journal knows which of it, and by whom.
        let payload = json!({ "order_id": order, "event_id": event, "actor": claims.subject, "changed": changed });
        write(tx, "order.changed", order, payload).await?;
        detailed(tx, event, order).await
    })
    .await
}

/// `POST /api/events/{id}/orders/{order}/resend`: the mail with the tickets, once more.
pub async fn resend(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    json::read_optional(&request, |_| ())?;
    let (event, order) = (request.id("id")?, request.id("order")?);
    idempotency::once(&request, "order-mails", &claims.subject, async |tx: &mut Tx| {
        event::permitted(tx, &claims, event, Permission::EditOrders).await?;
        let found = store::find(tx, event, order).await?.ok_or_else(Problem::not_found)?;
        let now = tx.now();
        if found.row.status != "confirmed" {
            let status = super::view::status(&found, now);
            return Err(Problem::new(problem::WRONG_STATE, format!("The order is {status}: there are no tickets to send.")));
        }
        make_row(tx, order, super::view::channel(&found)).await?;
        let statement =
            "UPDATE order_details SET mail_asked_at = $2 WHERE booking = $1 AND (mail_asked_at IS NULL OR mail_asked_at <= $3)";
        if tx.execute(statement, params![order, now, now - limits::RESEND_EVERY]).await? == 0 {
            return Err(Problem::new(problem::RATE_LIMITED, "This order's mail was sent again a moment ago.")
                .with("retry-after", (limits::RESEND_EVERY / kit::time::SECOND).to_string()));
        }
        let payload = json!({
            "order_id": order,
            "event_id": event,
            "actor": claims.subject,
            "user_id": found.row.person,
            "payment_id": found.row.payment,
        });
        write(tx, "order.mail-requested", order, payload).await?;
        Ok(Response::empty(202))
    })
    .await
}

async fn make_row(tx: &mut Tx, order: &str, channel: &str) -> Result<(), Error> {
    let now = tx.now();
    let statement =
        "INSERT INTO order_details (booking, channel, updated_at) VALUES ($1, $2, $3) ON CONFLICT (booking) DO NOTHING";
    tx.execute(statement, params![order, channel, now]).await.map(drop)
}

/// The booking's own versions are the ledger's: this changes nothing of the booking, and has none.
async fn write(tx: &mut Tx, kind: &'static str, order: &str, payload: serde_json::Value) -> Result<(), Error> {
    let entry = Entry { topic: journal::BOOKING_EVENTS, kind, aggregate: order.to_owned(), version: 0, payload, fact: None };
    journal::write(tx, &[entry]).await
}

//! Taking places.

use crate::{limits, view::View};
use kit::{
    Answer, Problem, Request, Response, claims, idempotency, json,
    ledger::{self, Action, OrderLine},
    seen::SeenKind,
};
use std::collections::BTreeSet;

/// `POST /api/bookings`
pub async fn create(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let key = idempotency::required(&request)?;
    let (event, lines) = order(&request)?;
    let (token, hold) = (claims::token(&request)?, Action::Hold(lines));
    let receipt = ledger::decide_for(claims.subject, token, key, &event, hold, &request).await?;
    let version = receipt.version;
    let booking = ledger::booking(receipt).ok_or_else(|| Problem::internal("a hold left no booking"))?;
    Ok(Response::json(201, &View::new(&booking))?
        .header("location", format!("/api/bookings/{}", booking.id))
        .header("cache-control", "no-store")
        .seen(&request, SeenKind::Inventory, &event, version))
}

/// The event and what is wanted of it.
fn order(request: &Request) -> Result<(String, Vec<OrderLine>), Problem> {
    let mut wanted = BTreeSet::new();
    json::read(request, |body| {
        let event = body.id("event_id");
        let lines = body.objects("items", limits::ITEMS, |item| {
            let ticket_type = item.id("ticket_type_id");
            // An empty one is a stand-in for a fault that was named already.
            if !ticket_type.is_empty() && !wanted.insert(ticket_type.clone()) {
                item.fault("ticket_type_id", "given twice: ask for each ticket type once");
            }
            let quantity = item.integer("quantity", limits::QUANTITY);
            OrderLine { ticket_type, quantity: u32::try_from(quantity).unwrap_or_default() }
        });
        (event, lines)
    })
}

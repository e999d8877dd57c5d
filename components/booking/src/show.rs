//! One booking.

use crate::{
    store,
    view::{self, View},
};
use kit::{Answer, Problem, Request, Response, claims, ledger::BookingStatus, sql, tickets};

/// `GET /api/bookings/{id}`: with its tickets once it is confirmed, and the payment that did so.
pub async fn one(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let id = request.id("id")?;
    let key = tickets::signer().await?;
    let mut tx = sql::read().await?;
    let now = tx.now();
    let found = store::find(&mut tx, id, &claims.subject).await?.ok_or_else(Problem::not_found)?;
    let booking = view::at(found, now);
    let mut shown = View::new(&booking).with_payment(store::payment(&mut tx, id, &claims.subject).await?);
    if booking.status == BookingStatus::Confirmed {
        let items = booking.items.iter().map(|item| (item.ticket_type.as_str(), item.quantity));
        let own = tickets::of_owner(&mut tx, &key, (&booking.id, &booking.event_id), items, usize::MAX).await?;
        shown = shown.with_tickets(own);
    }
    Ok(Response::json(200, &shown)?.header("cache-control", "no-store"))
}

//! Giving a ticket to somebody else: an offer to an address, and its acceptance by the account that has shown to read it.
//!
//! The offer's id is all that a mail carries, and it lets nobody do anything by itself. Whoever accepts becomes the ticket's holder, and
//! the codes before are void; so are the answers that the one before gave about it. Booking, money and refunds stay the buyer's: cancelling the booking voids the ticket, whoever has it. The
//! ledger's limit per person counts who booked.

use crate::booking_tickets::{held, unused};
use crate::offers::{self, Offer};
use crate::ticket::{self, Place};
use crate::{answers, limits, mine};
use kit::sql::{self, Error, Tx};
use kit::{
    Answer, Problem, Request, Response, claims, config, email, guests, id, idempotency, journal, json, params, problem, tickets,
    trace,
};
use serde_json::json;

/// `POST /api/bookings/{id}/tickets/{number}/transfer`: offers it to whoever reads an address. An offer before it is withdrawn.
pub async fn offer(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (booking, number) = (request.id("id")?, ticket::number(&request)?);
    let address = json::read(&request, |body| {
        let text = body.text("email", 1..=*kit::limits::EMAIL_BYTES.end());
        let address = email::normalise(&text);
        if let (false, Err(fault)) = (text.is_empty(), &address) {
            body.fault("email", *fault);
        }
        address.unwrap_or_default()
    })?;
    let region = config::region().await?;
    idempotency::once(&request, "ticket-offers", &claims.subject, async |tx: &mut Tx| {
        let offer = make(tx, &request, (booking, number), &claims.subject, &address, id::new(&region)).await?;
        Ok(Response::json(201, &offer)?.header("cache-control", "no-store"))
    })
    .await
}

/// Makes the offer, with this id.
pub async fn make(
    tx: &mut Tx,
    request: &Request,
    (booking, number): (&str, u32),
    person: &str,
    address: &str,
    id: String,
) -> Result<Offer, Problem> {
    let ticket = held(tx, booking, number, person).await?;
    if ticket.generation >= limits::GENERATIONS {
        let detail = format!("A ticket may be given on {} times.", limits::GENERATIONS - 1);
        return Err(Problem::new(problem::WRONG_STATE, detail));
    }
    if offers::made_lately(tx, person).await? >= limits::OFFERS_A_DAY {
        let detail = format!("A person may make {} offers a day: wait.", limits::OFFERS_A_DAY);
        return Err(Problem::new(problem::WRONG_STATE, detail));
    }
    end_open(tx, &ticket.booking, number).await?;
    let now = tx.now();
    let offer = Offer {
        id,
        booking: ticket.booking.clone(),
        number,
        event: ticket.event.clone(),
        ticket_type: ticket.ticket_type.clone(),
        email: address.to_owned(),
        expires_at: now + limits::OFFER,
        created_at: now,
    };
    tx.execute(
        "INSERT INTO ticket_offers (id, booking, number, generation, offered_by, email, status, expires_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $8)",
        params![&offer.id, &offer.booking, number, ticket.generation, person, address, offer.expires_at, now],
    )
    .await?;
    journal::write(tx, &[ticket.entry("ticket.offered", person, request, json!({ "offer_id": offer.id }))]).await?;
    Ok(offer)
}

async fn end_open(tx: &mut Tx, booking: &str, number: u32) -> Result<u64, Error> {
    let now = tx.now();
    let statement =
        "UPDATE ticket_offers SET status = 'withdrawn', updated_at = $3 WHERE booking = $1 AND number = $2 AND status = 'open'";
    tx.execute(statement, params![booking, number, now]).await
}

/// `DELETE /api/bookings/{id}/tickets/{number}/transfer`: withdraws the offer, if there is one.
pub async fn withdraw(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    idempotency::key(&request)?;
    let (booking, number) = (request.id("id")?, ticket::number(&request)?);
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    take_back(&mut tx, &request, (booking, number), &claims.subject).await?;
    tx.commit().await?;
    Ok(Response::empty(204))
}

/// Withdraws it.
pub async fn take_back(tx: &mut Tx, request: &Request, (booking, number): (&str, u32), person: &str) -> Result<(), Problem> {
    let place = Place::find(tx, booking, number).await?.ok_or_else(Problem::not_found)?;
    let ticket = place.lock(tx).await?;
    if !guests::stands_for(tx, person, ticket.holder()).await? {
        return Err(Problem::not_found());
    }
    if end_open(tx, booking, number).await? > 0 {
        journal::write(tx, &[ticket.entry("ticket.offer-withdrawn", person, request, json!({}))]).await?;
    }
    Ok(())
}

/// `POST /api/tickets/accept`: the ticket is the caller's from now on, if it was offered to their address. To accept it again shows it
/// again.
pub async fn accept(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    idempotency::key(&request)?;
    let offer = json::read(&request, |body| body.id("token"))?;
    let key = tickets::signer().await?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let (booking, number) = take(&mut tx, &request, &offer, &claims.subject).await?;
    let view = mine::one(&mut tx, &key, &booking, number).await?;
    tx.commit().await?;
    Ok(Response::json(200, &view)?.header("cache-control", "no-store"))
}

kit::row! {
    struct Row {
        booking: String,
        number: u32,
        generation: u32,
        email: String,
        status: String,
        accepted_by: Option<String>,
        expires_at: i64,
    }
}

/// Takes what is offered; gives its booking and number.
pub async fn take(tx: &mut Tx, request: &Request, offer: &str, person: &str) -> Result<(String, u32), Problem> {
    let closed = |detail: &str| Err(Problem::new(problem::WRONG_STATE, detail));
    let first = find(tx, offer).await?.ok_or_else(Problem::not_found)?;
    match offers::address_of(tx, person).await? {
        Some((address, true)) if address == first.email => {}
        Some((address, false)) if address == first.email => return Err(unread(&address)),
        Some(_) => return Err(Problem::not_found()),
        // A region that does not keep the accounts has the addresses of those alone who are known to read them: it may be this one.
        None => return Err(unread("your address")),
    }
    let place = Place::find(tx, &first.booking, first.number).await?.ok_or_else(Problem::not_found)?;
    let ticket = place.lock(tx).await?;
    // As it is now: with the ticket locked nobody else changes it.
    let offered = find(tx, offer).await?.ok_or_else(Problem::not_found)?;
    let own = guests::stands_for(tx, person, ticket.holder()).await?;
    if offered.status == "accepted" && offered.accepted_by.as_deref() == Some(person) && own {
        return Ok((offered.booking, offered.number));
    }
    if offered.status != "open" || offered.expires_at <= tx.now() || offered.generation != ticket.generation {
        return closed("The offer was withdrawn, was accepted, or has expired.");
    }
    if own {
        return closed("The ticket is yours already.");
    }
    unused(tx, &ticket).await?;
    let now = tx.now();
    // Who gets their own back is the booking's owner, as before.
    let back = guests::stands_for(tx, person, &ticket.owner).await?;
    let (holder, since) = if back { (None, None) } else { (Some(person), Some(now)) };
    tx.execute(
        "UPDATE tickets SET generation = generation + 1, holder = $3, held_since = $4, name = NULL WHERE booking = $1 AND number = $2",
        params![&ticket.booking, ticket.number, holder, since],
    )
    .await?;
    answers::forget_of_ticket(tx, &ticket.booking, ticket.number).await?;
    let statement = "UPDATE ticket_offers SET status = 'accepted', accepted_by = $2, updated_at = $3 WHERE id = $1";
    tx.execute(statement, params![offer, person, now]).await?;
    let told = json!({ "offer_id": offer, "from": ticket.holder(), "to": person });
    journal::write(tx, &[ticket.entry("ticket.transferred", person, request, told)]).await?;
    Ok((ticket.booking, ticket.number))
}

fn unread(address: &str) -> Problem {
    Problem::forbidden(format!("Show first that you read {address}: the mail that welcomed you says how."))
}

async fn find(tx: &mut Tx, offer: &str) -> Result<Option<Row>, Error> {
    let statement = "SELECT booking, number, generation, email, status, accepted_by, expires_at FROM ticket_offers WHERE id = $1";
    tx.one(statement, params![offer]).await
}

//! `GET /api/events/{id}/checkin-list`: what a scanner needs to know to do without a network.

use crate::limits;
use crate::lists::{self, View};
use crate::scan::Event;
use crate::sold::{self, Place};
use kit::sql::{self, Error, Tx};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, hash, params, query, time};
use serde::Serialize;
use ticket_code::Ticket;

/// A public key, by the names of RFC 8037.
#[derive(Debug, Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    kid: String,
    x: String,
}

/// A code of a ticket, which is not shown, and whether it lets somebody in.
#[derive(Debug, Serialize)]
struct Listed {
    code_hash: String,
    ticket_type_id: String,
    name: Option<String>,
    void: bool,
    admitted: bool,
}

/// A page of the list.
#[derive(Debug, Serialize)]
pub struct Page {
    event_id: String,
    list: View,
    keys: Vec<Jwk>,
    tickets: Vec<Listed>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct Dated<'a> {
    #[serde(flatten)]
    page: &'a Page,
    as_of: String,
}

/// A page, unless the scanner has it as it is.
pub async fn download(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let id = request.id("id")?;
    let (list, cursor) = query::read(&request, |query| (lists::queried(query), query.text("cursor", limits::CURSOR)))?;
    let place = cursor.map(|text| Place::parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list")));
    let place = place.transpose()?;
    let mut tx = sql::read().await?;
    let event = Event::permitted(&mut tx, &claims, id, Permission::CheckIn).await?;
    let page = page(&mut tx, &event.id, list.as_deref(), place).await?;
    let as_of = time::format(tx.now());
    tx.rollback().await?;
    let text = serde_json::to_vec(&page).map_err(Problem::internal)?;
    // Weak, because `as_of` moves on its own.
    let etag = format!("W/\"{}\"", hash::sha256(&[&text]));
    if request.header("if-none-match").is_some_and(|tags| tags.trim() == "*" || tags.split(',').any(|tag| tag.trim() == etag)) {
        return Ok(Response::empty(304).header("etag", etag).header("cache-control", "private, no-cache"));
    }
    let response = Response::json(200, &Dated { page: &page, as_of })?;
    Ok(response.header("etag", etag).header("cache-control", "private, no-cache"))
}

/// The tickets of a list behind a place.
pub async fn page(tx: &mut Tx, event: &str, list: Option<&str>, mut place: Option<Place>) -> Result<Page, Problem> {
    let list = lists::read(tx, event, list).await?.ok_or_else(|| Problem::fault("/list", "is no list of this event"))?;
    let keys = keys(tx).await?;
    let mut listed = Vec::new();
    let next_cursor = 'all: loop {
        let sold = sold::after(tx, event, place.as_ref(), Some(&list.id)).await?;
        if sold.is_empty() {
            break None;
        }
        for ticket in sold {
            if listed.len() >= limits::OFFLINE_TICKETS {
                break 'all place.map(|place| place.cursor());
            }
            place = Some(ticket.place.clone());
            if !list.is_for(&ticket.ticket_type) {
                continue;
            }
            // The codes of earlier generations are signed as well, and a scanner that does not find them takes them for sold since.
            for generation in 1..=ticket.generation {
                let code = Ticket { booking: ticket.place.booking.clone(), number: ticket.place.number, generation };
                let current = generation == ticket.generation;
                listed.push(Listed {
                    code_hash: ticket_code::hash(&code.reference()),
                    ticket_type_id: ticket.ticket_type.clone(),
                    name: ticket.name.clone().filter(|_| current),
                    void: ticket.void || !current,
                    admitted: current && ticket.admitted.is_some(),
                });
            }
        }
    };
    Ok(Page { event_id: event.to_owned(), list: View::new(list, None), keys, tickets: listed, next_cursor })
}

/// The keys that are trusted, the newest first.
async fn keys(tx: &mut Tx) -> Result<Vec<Jwk>, Error> {
    let statement = "SELECT kid, public_key FROM ticket_keys WHERE revoked_at IS NULL ORDER BY created_at DESC, kid LIMIT $1";
    let rows: Vec<(String, String)> = tx.all(statement, params![limits::KEYS]).await?;
    Ok(rows.into_iter().map(|(kid, x)| Jwk { kty: "OKP", crv: "Ed25519", kid, x }).collect())
}

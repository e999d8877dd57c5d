//! `GET /api/bookings/{id}/tickets`, `PUT /api/bookings/{id}/tickets/{number}`

use crate::ticket::{self, Place, Ticket};
use crate::{limits, offers, passes};
use kit::sql::{self, Error, Tx, Value};
use kit::tickets::{self, SigningKey};
use kit::{
    Answer, Problem, Request, Response, accept, claims, guests, idempotency, journal, json, params, problem, query, questions,
    time, trace,
};
use receipt::tickets::Order;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const JSON: &str = "application/json";
const PDF: &str = "application/pdf";
const CALENDAR: &str = "text/calendar";
/// What tickets can be had as, the first by default.
const OFFERED: &[&str] = &[JSON, PDF, CALENDAR];

/// Numbers of tickets, for queries.
const FIRST: RangeInclusive<i64> = *limits::NUMBER.start() as i64..=*limits::NUMBER.end() as i64;

/// A ticket as its booking's owner sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct View {
    number: u32,
    /// None where it lets nobody in, is somebody else's, or required answers are missing.
    code: Option<String>,
    ticket_type_id: String,
    /// None where nobody is named; of one that is somebody else's always.
    name: Option<String>,
    state: &'static str,
    admitted_at: Option<String>,
    transferred: bool,
    /// To whom it is offered.
    offered_to: Option<String>,
    /// Whether its code is shown once required answers are there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    answers_missing: bool,
}

/// The tickets of one's own booking.
pub async fn show(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let id = request.id("id")?;
    let from = query::read(&request, |query| query.integer("from", FIRST))?.and_then(|from| u32::try_from(from).ok());
    let media = accept::choose(&request, OFFERED)?;
    let key = tickets::signer().await?;
    let mut tx = sql::read().await?;
    let response = if media == JSON {
        let views = views(&mut tx, &key, id, &claims.subject).await?;
        tx.rollback().await?;
        Response::json(200, &json!({ "items": views, "next_cursor": null, "wallets": passes::wallets().await? }))?
    } else {
        let order = order(&mut tx, &key, id, &claims.subject).await?;
        if media == PDF && order.withheld > 0 {
            return Err(questions::answers_missing(questions::missing_of(&mut tx, id).await?.of_owner()));
        }
        // A paper takes its time to draw; nobody need wait for this transaction meanwhile.
        tx.rollback().await?;
        paper(&request, order, media, from)?
    };
    Ok(response.header("vary", "accept").header("cache-control", "no-store"))
}

/// A person's booking that is, or was, confirmed: its event, and its status.
async fn own(tx: &mut Tx, booking: &str, person: &str) -> Result<(String, String), Problem> {
    let statement = "SELECT event, person, status FROM bookings WHERE id = $1";
    let row: Option<(String, String, String)> = tx.one(statement, params![booking]).await?;
    let (event, owner, status) = row.ok_or_else(Problem::not_found)?;
    if !guests::stands_for(tx, person, &owner).await? {
        return Err(Problem::not_found());
    }
    if !matches!(&*status, "confirmed" | "cancelled") {
        return Err(Problem::new(problem::WRONG_STATE, "A booking has tickets once it is confirmed."));
    }
    Ok((event, status))
}

/// All that papers say of a person's booking.
pub async fn order(tx: &mut Tx, key: &SigningKey, booking: &str, person: &str) -> Result<Order, Problem> {
    own(tx, booking, person).await?;
    let most = usize::try_from(*limits::NUMBER.end()).unwrap_or(usize::MAX);
    receipt::tickets::read(tx, key, booking, most)
        .await?
        .ok_or_else(|| Problem::internal(format_args!("booking {booking}: its event is gone")))
}

/// Tickets that are good and still the owner's, a page for each, as many as are printed at once, and a link to the others; or the event as it is for who comes.
pub fn paper(request: &Request, order: Order, media: &str, from: Option<u32>) -> Answer {
    if media == CALENDAR {
        let disposition = format!("attachment; filename=\"{}\"", order.file_name("ics"));
        let calendar = Response::new(200, receipt::tickets::CALENDAR, order.calendar()?);
        return Ok(calendar.header("content-disposition", disposition));
    }
    let (order, next) = order.part(from.unwrap_or(1), limits::PRINTED);
    if order.tickets.is_empty() {
        let why = if from.is_some() {
            "none from this number on is good and one's own"
        } else if order.event.cancelled {
            "its event was cancelled"
        } else {
            "they are void, or somebody else's"
        };
        return Err(Problem::new(problem::WRONG_STATE, format!("This booking has no tickets to print: {why}.")));
    }
    let disposition = format!("inline; filename=\"{}\"", order.file_name("pdf"));
    let pdf = Response::new(200, PDF, receipt::tickets::render(&order)?).header("content-disposition", disposition);
    Ok(match next {
        Some(number) => pdf.header("link", format!("<{}?from={number}>; rel=\"next\"", request.path)),
        None => pdf,
    })
}

/// The tickets of a person's booking that is, or was, confirmed.
pub async fn views(tx: &mut Tx, key: &SigningKey, booking: &str, person: &str) -> Result<Vec<View>, Problem> {
    let (event, status) = own(tx, booking, person).await?;
    let items = ticket::items(tx, booking).await?;
    let missing = questions::missing_of(tx, booking).await?;
    let statement = "SELECT number, generation, holder, name FROM tickets WHERE booking = $1";
    type Row = (u32, u32, Option<String>, Option<String>);
    let changed: BTreeMap<u32, Row> =
        tx.all::<Row>(statement, params![booking]).await?.into_iter().map(|row| (row.0, row)).collect();
    let admitted: BTreeMap<u32, i64> = admitted(tx, [booking]).await?.into_iter().map(|((_, number), at)| (number, at)).collect();
    let offered = offers::open_of(tx, booking).await?;
    let items = items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity));
    let view = |(number, ticket_type): (u32, &str)| {
        let (generation, holder, name) = changed
            .get(&number)
            .map_or((1, None, None), |(_, generation, holder, name)| (*generation, holder.as_ref(), name.clone()));
        let (own, good) = (holder.is_none(), status == "confirmed");
        let answers_missing = own && good && missing.withholds(number);
        let shown = own && good && !answers_missing;
        let admitted_at = admitted.get(&number).copied();
        View {
            number,
            code: shown.then(|| tickets::code(key, (booking, number, generation), &event, ticket_type)),
            ticket_type_id: ticket_type.to_owned(),
            name: name.filter(|_| own),
            state: state(good, admitted_at),
            admitted_at: admitted_at.map(time::format),
            transferred: !own,
            offered_to: offered.get(&number).cloned(),
            answers_missing,
        }
    };
    Ok(tickets::numbered(items).map(view).collect())
}

/// What a ticket is, in a word.
pub fn state(good: bool, admitted_at: Option<i64>) -> &'static str {
    match (good, admitted_at) {
        (false, _) => "void",
        (true, Some(_)) => "admitted",
        (true, None) => "valid",
    }
}

/// When somebody was let in first by each of these bookings' tickets.
pub async fn admitted<'a>(
    tx: &mut Tx,
    bookings: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<(String, u32), i64>, Error> {
    let bookings: Vec<Value> = bookings.into_iter().map(Value::from).collect();
    if bookings.is_empty() {
        return Ok(BTreeMap::new());
    }
    let statement = format!(
        "SELECT booking, number, MIN(at) FROM admissions WHERE booking IN ({}) GROUP BY booking, number",
        sql::list(1, bookings.len())
    );
    let rows: Vec<(String, u32, i64)> = tx.all(&statement, bookings).await?;
    Ok(rows.into_iter().map(|(booking, number, at)| ((booking, number), at)).collect())
}

/// Puts a ticket in somebody's name, until somebody was let in by it. To do it again changes nothing.
pub async fn name(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    idempotency::key(&request)?;
    let (booking, number) = (request.id("id")?, ticket::number(&request)?);
    let name = json::read(&request, |body| body.name("name", limits::NAME))?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let ticket = held(&mut tx, booking, number, &claims.subject).await?;
    rename(&mut tx, &request, ticket, &claims.subject, &name).await?;
    tx.commit().await?;
    Ok(Response::json(200, &json!({ "number": number, "name": name }))?.header("cache-control", "no-store"))
}

/// A person's ticket, locked, that nobody was let in by yet.
pub async fn held(tx: &mut Tx, booking: &str, number: u32, person: &str) -> Result<Ticket, Problem> {
    let place = Place::find(tx, booking, number).await?.ok_or_else(Problem::not_found)?;
    let ticket = place.lock(tx).await?;
    if !guests::stands_for(tx, person, ticket.holder()).await? {
        return Err(Problem::not_found());
    }
    unused(tx, &ticket).await?;
    Ok(ticket)
}

/// Refuses what can no longer be done with a ticket.
pub async fn unused(tx: &mut Tx, ticket: &Ticket) -> Result<(), Problem> {
    if !ticket.is_good() {
        return Err(Problem::new(problem::WRONG_STATE, "The ticket is void: its booking was cancelled."));
    }
    if ticket::is_admitted(tx, &ticket.booking, ticket.number).await? {
        return Err(Problem::new(problem::WRONG_STATE, "Somebody was let in by this ticket already."));
    }
    Ok(())
}

/// Puts it in a name.
pub async fn rename(tx: &mut Tx, request: &Request, ticket: Ticket, person: &str, name: &str) -> Result<(), Problem> {
    if ticket.name.as_deref() == Some(name) {
        return Ok(());
    }
    let statement = "UPDATE tickets SET name = $3 WHERE booking = $1 AND number = $2";
    tx.execute(statement, params![&ticket.booking, ticket.number, name]).await?;
    Ok(journal::write(tx, &[ticket.entry("ticket.named", person, request, json!({}))]).await?)
}

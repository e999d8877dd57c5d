//! `GET /api/events/{id}/attendees`: who comes.

use crate::answers::{AnswerView, Columns, Scope};
use crate::scan::Event;
use crate::sold::{self, Place, SoldTicket};
use crate::{answers, limits, lists};
use kit::questions::QuestionScope;
use kit::sql::{self, Error, Tx};
use kit::team::{self, Permission};
use kit::tickets::{self, SigningKey};
use kit::{Answer, Problem, Request, Response, accept, csv, query, time};
use read_model::fold;
use serde::Serialize;
use std::collections::BTreeMap;
use ticket_code::Ticket;

const JSON: &str = "application/json";
const STATES: &[&str] = &["valid", "admitted", "void"];

#[derive(Debug, Serialize)]
struct Item {
    code: String,
    ticket_type_id: String,
    booking_id: String,
    number: u32,
    name: Option<String>,
    state: &'static str,
    admitted_at: Option<String>,
    gate: Option<String>,
    answers: Vec<AnswerView>,
}

/// A page of attendees.
#[derive(Debug, Serialize)]
pub struct Page {
    items: Vec<Item>,
    next_cursor: Option<String>,
}

/// Who is asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// Words that names have, folded.
    words: Vec<String>,
    ticket_type: Option<String>,
    state: Option<&'static str>,
    /// By which somebody was let in; none: by any.
    list: Option<String>,
}

impl Filter {
    fn passes(&self, ticket: &SoldTicket) -> bool {
        let state = state(ticket);
        self.state.map_or(state != "void", |wanted| wanted == state)
            && self.ticket_type.as_ref().is_none_or(|wanted| *wanted == ticket.ticket_type)
            && (self.words.is_empty() || ticket.name.as_deref().is_some_and(|name| self.is_called(name)))
    }

    /// Whether each word is the beginning of one of the name's.
    fn is_called(&self, name: &str) -> bool {
        let name = fold(name);
        self.words.iter().all(|word| name.split(' ').any(|part| part.starts_with(word)))
    }
}

fn state(ticket: &SoldTicket) -> &'static str {
    match (ticket.void, &ticket.admitted) {
        (true, _) => "void",
        (false, Some(_)) => "admitted",
        (false, None) => "valid",
    }
}

/// What an item's code is to whom it is shown.
enum Codes {
    /// To who runs the orders and could give out new ones anyway.
    Whole(std::sync::Arc<SigningKey>),
    /// To who stands at the door, and in files, which get lost: without the signature, so that it lets nobody in unless somebody at the
    /// door says so.
    References,
}

impl Codes {
    fn of(&self, event: &str, ticket: &SoldTicket) -> String {
        let (booking, number, generation) = (&*ticket.place.booking, ticket.place.number, ticket.generation);
        match self {
            Self::Whole(key) if !ticket.void => tickets::code(key, (booking, number, generation), event, &ticket.ticket_type),
            _ => Ticket { booking: booking.to_owned(), number, generation }.reference(),
        }
    }
}

/// JSON in pages, or CSV: as many rows as fit, and a link to the rest.
pub async fn list(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let id = request.id("id")?;
    let (filter, cursor, limit) = query::read(&request, |query| {
        let words = query.text("q", limits::SEARCH).map(|text| read_model::words(&text)).unwrap_or_default();
        let filter = Filter {
            words,
            ticket_type: query.text("ticket_type", kit::limits::ID_BYTES),
            state: query.word("state", STATES),
            list: lists::queried(query),
        };
        if filter.ticket_type.as_deref().is_some_and(|ticket_type| !kit::id::valid(ticket_type)) {
            query.fault("ticket_type", "must be an id");
        }
        (filter, query.text("cursor", limits::CURSOR), query.limit())
    })?;
    let media = accept::choose(&request, &[JSON, csv::MEDIA])?;
    let place = cursor.map(|text| Place::parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list")));
    let place = place.transpose()?;
    let key = tickets::signer().await?;

    let mut tx = sql::read().await?;
    let event = Event::permitted(&mut tx, &claims, id, Permission::SeeAttendees).await?;
    if filter.list.is_some() && lists::read(&mut tx, &event.id, filter.list.as_deref()).await?.is_none() {
        return Err(Problem::fault("/list", "is no list of this event"));
    }
    let whole = team::authority(&mut tx, &claims, &event.organiser).await?.may(Permission::EditOrders);
    let response = if media == csv::MEDIA {
        let (table, next) = table(&mut tx, &event.id, &filter, place).await?;
        let next = next.map(|place| csv::next_page(&request, &place.cursor()));
        table.answer(&format!("attendees-{}", event.id), next)
    } else {
        let codes = if whole { Codes::Whole(key) } else { Codes::References };
        let size = usize::try_from(limit).unwrap_or_default();
        Response::json(200, &page(&mut tx, &event.id, &filter, place, size, &codes).await?)?
    };
    tx.rollback().await?;
    Ok(response.header("vary", "accept").header("cache-control", "no-store"))
}

/// Tickets behind a place that pass, so many at most; and where to go on, if there may be more.
async fn found(
    tx: &mut Tx,
    event: &str,
    filter: &Filter,
    mut place: Option<Place>,
    size: usize,
) -> Result<(Vec<SoldTicket>, Option<Place>), Problem> {
    let (mut all, mut looked_at) = (Vec::new(), 0);
    loop {
        let tickets = sold::after(tx, event, place.as_ref(), filter.list.as_deref()).await?;
        if tickets.is_empty() {
            return Ok((all, None));
        }
        for ticket in tickets {
            // Either of them full, and there is one more.
            if all.len() >= size || looked_at >= limits::TICKETS_LOOKED_AT {
                return Ok((all, place));
            }
            looked_at += 1;
            place = Some(ticket.place.clone());
            if filter.passes(&ticket) {
                all.push(ticket);
            }
        }
    }
}

async fn page(
    tx: &mut Tx,
    event: &str,
    filter: &Filter,
    place: Option<Place>,
    size: usize,
    codes: &Codes,
) -> Result<Page, Problem> {
    let (found, next) = found(tx, event, filter, place, size).await?;
    let mut answers = answers_of(tx, &found).await?;
    let item = |ticket: SoldTicket| {
        let code = codes.of(event, &ticket);
        let state = state(&ticket);
        let (admitted_at, gate) = ticket.admitted.map_or((None, None), |(at, gate)| (Some(time::format(at)), gate));
        let answers = answers.remove(&(ticket.place.booking.clone(), ticket.place.number)).unwrap_or_default();
        Item {
            answers,
            code,
            ticket_type_id: ticket.ticket_type,
            booking_id: ticket.place.booking,
            number: ticket.place.number,
            name: ticket.name,
            state,
            admitted_at,
            gate,
        }
    };
    Ok(Page { items: found.into_iter().map(item).collect(), next_cursor: next.map(|place| place.cursor()) })
}

/// What was answered of these tickets.
async fn answers_of(tx: &mut Tx, tickets: &[SoldTicket]) -> Result<BTreeMap<(String, u32), Vec<AnswerView>>, Error> {
    answers::of_bookings(tx, tickets.iter().map(|ticket| ticket.place.booking.as_str()), Scope::Tickets).await
}

async fn table(tx: &mut Tx, event: &str, filter: &Filter, place: Option<Place>) -> Result<(csv::Table, Option<Place>), Problem> {
    let columns = Columns::of(tx, event, QuestionScope::Ticket).await?;
    let own = ["code", "ticket_type_id", "booking_id", "number", "name", "state", "admitted_at", "gate"];
    let mut table = csv::Table::new(own.into_iter().chain(columns.labels()));
    let (mut place, mut rows) = (place, 0);
    loop {
        let size = limits::CSV_TICKETS_AT_ONCE.min(limits::CSV_TICKETS - rows);
        let (found, next) = found(tx, event, filter, place, size).await?;
        rows += found.len();
        let answers = answers_of(tx, &found).await?;
        for ticket in found {
            let (code, number) = (Codes::References.of(event, &ticket), ticket.place.number.to_string());
            let (admitted_at, gate) = ticket.admitted.clone().unzip();
            let admitted_at = admitted_at.map(time::format).unwrap_or_default();
            let (name, gate) = (ticket.name.as_deref().unwrap_or_default(), gate.flatten().unwrap_or_default());
            let Place { booking, .. } = &ticket.place;
            let cells = columns.cells(answers.get(&(booking.clone(), ticket.place.number)));
            let own = [&*code, &ticket.ticket_type, booking, &number, name, state(&ticket), &admitted_at, &gate];
            table.row(own.into_iter().chain(cells.iter().map(String::as_str)));
        }
        place = next;
        if place.is_none() || rows >= limits::CSV_TICKETS || table.is_full() {
            return Ok((table, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_how_their_words_begin() {
        let filter = |q: &str| Filter { words: read_model::words(q), ..Filter::default() };
        for (q, name, found) in [
            ("ada", "Ada Lovelace", true),
            ("love a", "Ada Lovelace", true),
            ("ÉLODIE", "Elodie Durand", true),
            ("lace", "Ada Lovelace", false),
            ("ada b", "Ada Lovelace", false),
        ] {
            assert_eq!(filter(q).is_called(name), found, "{q} in {name}");
        }
    }
}

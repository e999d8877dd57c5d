//! What an organiser asks, answered: `GET` and `PUT /api/bookings/{id}/answers` by whose the booking and its tickets are, and
//! `PUT /api/events/{id}/orders/{order}/answers` by the organiser's team.
//!
//! What has been answered may be changed until the event begins, and what is missing may be given until it is over; an order that is not bought yet may
//! always be answered. So nobody is kept from their tickets by a question that they can no longer answer.

mod check;
mod respondent;
mod store;

pub use respondent::Who;
pub use store::{AnswerView, Columns, DoorAnswer, Scope, at_the_door, forget_of_ticket, of_bookings};

use crate::{event, limits, orders};
use check::{Given, Unit};
use kit::journal::{self, Entry};
use kit::problem::Fault;
use kit::questions;
use kit::sql::{self, Tx};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, network, query, trace};
use respondent::{Respondent, View};
use serde_json::json;
use std::collections::BTreeSet;

/// What is answered by one request.
#[derive(Debug, Default)]
pub struct Body {
    order: Option<Vec<(String, Given)>>,
    tickets: Vec<(u32, Vec<(String, Given)>)>,
}

/// `GET /api/bookings/{id}/answers`
pub async fn show(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    query::read(&request, |_| ())?;
    let booking = request.id("id")?;
    let mut tx = sql::read().await?;
    let shown = shown(&mut tx, booking, &claims.subject).await?;
    tx.rollback().await?;
    Ok(Response::json(200, &shown)?.header("cache-control", "private, no-store"))
}

/// `PUT /api/bookings/{id}/answers`: of the order, and of each ticket that is named, all answers at once.
pub async fn give(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    idempotency::key(&request)?;
    let body = read(&request)?;
    let booking = request.id("id")?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    write(&mut tx, &request, booking, Who::Person(&claims.subject), &body).await?;
    let shown = shown(&mut tx, booking, &claims.subject).await?;
    tx.commit().await?;
    Ok(Response::json(200, &shown)?.header("cache-control", "private, no-store"))
}

/// `PUT /api/events/{id}/orders/{order}/answers`: the same for the organiser's team, who may leave out what is required. Nobody consents for others.
pub async fn correct(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    idempotency::key(&request)?;
    let body = read(&request)?;
    let (event, order) = (request.id("id")?, request.id("order")?);
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    event::permitted(&mut tx, &claims, event, Permission::EditOrders).await?;
    write(&mut tx, &request, order, Who::Team { event, member: &claims.subject }, &body).await?;
    let answer = orders::detailed(&mut tx, event, order).await?;
    tx.commit().await?;
    Ok(answer)
}

#[cfg(test)]
impl Body {
    /// As a request has it.
    pub fn of(json: &serde_json::Value) -> Result<Self, Problem> {
        let mut request = Request::of_nobody();
        request.body = json.to_string().into_bytes().into();
        read(&request)
    }
}

fn read(request: &Request) -> Result<Body, Problem> {
    json::read(request, |body| Body {
        order: body.optional_values("order", kit::limits::QUESTIONS),
        tickets: body
            .optional_objects("tickets", limits::TICKETS_ANSWERED, |ticket| {
                let number = ticket.integer("number", i64::from(*limits::NUMBER.start())..=i64::from(*limits::NUMBER.end()));
                (u32::try_from(number).unwrap_or_default(), ticket.values("answers", kit::limits::QUESTIONS))
            })
            .unwrap_or_default(),
    })
}

/// The answers that somebody may change, as JSON.
pub async fn shown(tx: &mut Tx, booking: &str, person: &str) -> Result<View, Problem> {
    let respondent = Respondent::find(tx, booking, Who::Person(person), false).await?;
    let answers = store::of_booking(tx, booking).await?;
    let lacks = questions::missing_of(tx, booking).await?;
    let missing = if respondent.answers_order { lacks.of_owner() } else { lacks.of_tickets(&respondent.numbers()) };
    Ok(respondent.view(&answers, missing.is_empty()))
}

/// Writes what is answered, all of it or, where there is a fault, nothing. Of two requests at once the later one counts.
pub async fn write(tx: &mut Tx, request: &Request, booking: &str, who: Who<'_>, body: &Body) -> Result<(), Problem> {
    let respondent = Respondent::find(tx, booking, who, true).await?;
    respondent.may_answer(tx.now())?;
    let stored = store::of_booking(tx, booking).await?;
    let units = units(&respondent, body)?;
    let (mut changes, mut faults) = (Vec::new(), Vec::new());
    for unit in &units {
        match check::changes(&respondent, unit, &stored, tx.now()) {
            Ok(changed) => changes.extend(changed),
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    if changes.is_empty() {
        return Ok(());
    }
    respondent.may_change(&changes, &stored, tx.now())?;
    let lacked = questions::missing_of(tx, booking).await?.of_owner();
    store::write(tx, &respondent, who.actor(), &changes).await?;
    if store::characters(tx, booking).await? > limits::BOOKING_ANSWERS {
        return Err(Problem::fault("", "this would be more answers than a booking may have"));
    }
    let lacks = questions::missing_of(tx, booking).await?.of_owner();
    let about: BTreeSet<u32> = changes.iter().map(|change| change.about.unwrap_or_default()).collect();
    // What was answered is nobody's business but the organiser's: the journal knows about what, and by whom.
    let mut payload = json!({
        "order_id": booking,
        "event_id": respondent.event,
        "actor": who.actor(),
        "user_id": respondent.owner,
        "payment_id": respondent.payment,
        "tickets": about.iter().filter(|number| **number > 0).collect::<Vec<_>>(),
        // From now on the owner's tickets are shown: they are mailed.
        "completed": respondent.is_confirmed() && !lacked.is_empty() && lacks.is_empty(),
    });
    if let (Some(members), Some(network)) = (payload.as_object_mut(), network::of(request)) {
        members.insert("network".to_owned(), network.into());
    }
    let (topic, kind) = (journal::BOOKING_EVENTS, "order.answered");
    let entry = Entry { topic, kind, aggregate: booking.to_owned(), version: 0, payload, fact: None };
    Ok(journal::write(tx, &[entry]).await?)
}

/// What the body is about, each with the questions that are asked there.
fn units<'a>(respondent: &'a Respondent, body: &'a Body) -> Result<Vec<Unit<'a>>, Problem> {
    let (mut units, mut faults): (Vec<Unit<'a>>, Vec<Fault>) = (Vec::new(), Vec::new());
    let mut fault = |pointer: String, detail: &str| faults.push(Fault { pointer, detail: detail.to_owned() });
    if let Some(given) = &body.order {
        if respondent.answers_order {
            units.push(Unit { about: None, pointer: "/order".to_owned(), questions: respondent.of_order(), given });
        } else {
            fault("/order".to_owned(), "is answered by who has booked");
        }
    }
    for (index, (number, given)) in body.tickets.iter().enumerate() {
        if units.iter().any(|unit| unit.about == Some(*number)) {
            fault(format!("/tickets/{index}/number"), "given twice");
        } else if let Some(questions) = respondent.of_ticket(*number) {
            units.push(Unit { about: Some(*number), pointer: format!("/tickets/{index}/answers"), questions, given });
        } else {
            fault(format!("/tickets/{index}/number"), "is no ticket of yours in this booking");
        }
    }
    if faults.is_empty() { Ok(units) } else { Err(Problem::invalid(faults)) }
}

//! Selling at the counter: an order for somebody who stands there and has paid, through the same ledger as every other.
//!
//! Whoever buys has no account: the sale is a person of its own to the ledger, so that the limit per person is one of each sale. Its id is written
//! down under the request's key before anything else is done, and all that follows may be done again by a retry.

use crate::domain::{Details, Driver, Payment, Status};
use crate::drive::{self, DriveOutcome};
use crate::intent::{self, IntentState, KeyedRequest};
use crate::provider::{Provider, counter};
use crate::{limits, store};
use kit::ledger::{self, Action, Booking, BookingStatus, OrderLine, Rejection, Subject};
use kit::sql::{self, Error};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, claims::Claims, email, id, json, params, trace};
use serde_json::json;
use std::collections::BTreeSet;

/// What is sold, and to whom.
struct Sale {
    lines: Vec<OrderLine>,
    method: &'static str,
    name: Option<String>,
    email: Option<String>,
}

/// `POST /api/events/{id}/sales`
pub async fn sell(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let keyed = KeyedRequest::new(&request, intent::COUNTER, &claims.subject)?;
    let sale = read(&request)?;
    let event = request.id("id")?;
    let person = match accept(&keyed, &claims, event).await? {
        Accepted::Answered(answer) => return Ok(answer),
        Accepted::Person(person) => person,
    };
    let hold = Action::Hold(sale.lines.clone());
    let held = ledger::decide(Subject::Person(person.clone()), "counter", event, hold, trace::parent(&request)).await;
    let booking = match held {
        Ok(receipt) => ledger::booking(receipt).ok_or_else(|| Problem::internal("a hold left no booking"))?,
        // Nothing is known of it: a retry asks for the same.
        Err(rejection @ (Rejection::Unknown | Rejection::Unavailable(_))) => return Err(rejection.into()),
        Err(rejection) => {
            let mut tx = sql::write().await?;
            intent::forget(&mut tx, intent::COUNTER, &claims.subject, &person).await?;
            tx.commit().await?;
            return Err(rejection.into());
        }
    };
    let payment = pay(&request, &booking, &sale).await.map_err(intent::unsettled)?;
    let (status, payment_id) = match &payment {
        None => (booking.status, None),
        Some(payment) if payment.status == Status::Completed => (BookingStatus::Confirmed, Some(payment.id.as_str())),
        // The ledger could not be asked: it is asked again by and by, and by a retry.
        Some(_) => return Err(intent::unsettled(Problem::unavailable("The order is not confirmed yet.", 1000))),
    };
    let answer = json!({
        "order_id": booking.id,
        "event_id": event,
        "status": status.as_str(),
        "total": { "amount": booking.total.amount, "currency": booking.total.currency },
        "payment_id": payment_id,
    });
    let answer = Response::json(201, &answer)?
        .header("location", format!("/api/events/{event}/orders/{}", booking.id))
        .header("cache-control", "private, no-store");
    keyed.answer(answer).await.map_err(intent::unsettled)
}

fn read(request: &Request) -> Result<Sale, Problem> {
    let mut wanted = BTreeSet::new();
    json::read(request, |body| {
        let lines = body.objects("items", limits::SALE_ITEMS, |item| {
            let ticket_type = item.id("ticket_type_id");
            // An empty one is a stand-in for a fault that was named already.
            if !ticket_type.is_empty() && !wanted.insert(ticket_type.clone()) {
                item.fault("ticket_type_id", "given twice: name each ticket type once");
            }
            let quantity = item.integer("quantity", limits::SALE_QUANTITY);
            OrderLine { ticket_type, quantity: u32::try_from(quantity).unwrap_or_default() }
        });
        let method = body.word("method", &counter::TOKENS);
        let buyer = body.optional_object("buyer", |buyer| {
            let name = buyer.optional_name("name", limits::BUYER_NAME);
            let address = buyer.optional_text("email", limits::BUYER_EMAIL).and_then(|text| match email::normalise(&text) {
                Ok(address) => Some(address),
                Err(why) => {
                    buyer.fault("email", why);
                    None
                }
            });
            (name, address)
        });
        let (name, email) = buyer.unwrap_or_default();
        Sale { lines, method, name, email }
    })
}

enum Accepted {
    /// The key has its answer.
    Answered(Response),
    /// Whom the ledger is to sell to, new or from an earlier try.
    Person(String),
}

/// Writes down who buys, unless the key has been used.
async fn accept(keyed: &KeyedRequest<'_>, claims: &Claims, event: &str) -> Result<Accepted, Problem> {
    for _ in 0..limits::ATTEMPTS {
        let mut tx = sql::write().await?;
        let organiser: Option<(String,)> = tx.one("SELECT organiser_id FROM events WHERE id = $1", params![event]).await?;
        let (organiser,) = organiser.ok_or_else(Problem::not_found)?;
        team::require(&mut tx, claims, &organiser, Permission::EditOrders).await?;
        match keyed.find(&mut tx).await? {
            IntentState::Answered(answer) => return Ok(Accepted::Answered(answer)),
            IntentState::Made(person) => return Ok(Accepted::Person(person)),
            IntentState::Nothing => {}
        }
        let person = id::new(id::region(event).ok_or_else(Problem::not_found)?);
        match keyed.make(&mut tx, &person).await {
            Ok(()) => {
                tx.commit().await?;
                return Ok(Accepted::Person(person));
            }
            // On Postgres another request with this key may have come between the look and the insert: look again.
            Err(Error::Unique(_) | Error::Busy) => tx.rollback().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::unavailable("Too many sales at once.", 1000))
}

/// Writes down who the buyer is and that they have paid, and has the ledger confirm it; none where there was nothing to pay.
async fn pay(request: &Request, booking: &Booking, sale: &Sale) -> Result<Option<Payment>, Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO order_details (booking, channel, name, email, updated_at) VALUES ($1, 'counter', $2, $3, $4) \
         ON CONFLICT (booking) DO NOTHING",
        params![&booking.id, sale.name.clone(), sale.email.clone(), now],
    )
    .await?;
    if booking.total.amount == 0 {
        tx.commit().await?;
        return Ok(None);
    }
    let made: Option<(String,)> =
        tx.one("SELECT id FROM payments WHERE booking = $1 AND provider = 'counter'", params![&booking.id]).await?;
    let payment = match made {
        Some((payment,)) => payment,
        None => {
            let payment = new_payment(request, booking, sale.method, now)?;
            match store::insert(&mut tx, &payment).await {
                Ok(()) => payment.id,
                // A retry came between: it is driven by that, and by this one's.
                Err(Error::Unique(_) | Error::Busy) => return Err(Problem::unavailable("This sale is under way.", 1000)),
                Err(error) => return Err(error.into()),
            }
        }
    };
    tx.commit().await?;
    match drive::drive(&payment, Driver::Owner).await? {
        DriveOutcome::Payment(payment) => Ok(Some(*payment)),
        DriveOutcome::Withdrawn(problem) => Err(problem),
        DriveOutcome::Gone => Err(Problem::unavailable("The order could not be confirmed. Its places are free again.", 1000)),
    }
}

fn new_payment(request: &Request, booking: &Booking, method: &str, now: i64) -> Result<Payment, Problem> {
    let region = id::region(&booking.id).ok_or_else(|| Problem::internal("a booking's id names no region"))?;
    Ok(Payment {
        id: id::new(region),
        booking: booking.id.clone(),
        event: booking.event_id.clone(),
        person: booking.person.clone(),
        amount: booking.total.amount,
        currency: booking.total.currency.clone(),
        status: Status::Pending,
        provider: Provider::Counter.name().to_owned(),
        details: Details {
            token: method.to_owned(),
            deadline: None,
            completed_at: None,
            trace: trace::parent(request),
            memo: Provider::Counter.memo(),
        },
        failure: None,
        refunded: 0,
        due_at: Some(now + limits::OWN_TIME),
        version: 0,
        created_at: now,
    })
}

//! Receipts, as JSON and as PDF.

mod accept;
mod pdf;
mod sheet;

use crate::{
    domain::{Payment, Status},
    links, show,
    view::{Money, View},
};
use accept::Representation;
use kit::{
    Answer, Problem, Request, Response, claims, params, problem,
    sql::{self, Tx},
    time,
};
use serde::Serialize;

/// What was bought, and what was paid for it.
#[derive(Debug, Serialize)]
pub struct Receipt {
    number: String,
    issued_at: String,
    payment: View,
    booking: Booking,
    event: Event,
    items: Vec<Item>,
    total: Money,
    refunded: Money,
}

#[derive(Debug, Serialize)]
struct Booking {
    id: String,
    event_id: String,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct Event {
    title: String,
    venue: Venue,
    starts_at: String,
    timezone: String,
}

#[derive(Debug, Serialize)]
struct Venue {
    name: String,
    city: String,
    country: String,
}

#[derive(Debug, Serialize)]
struct Item {
    ticket_type_id: String,
    name: String,
    quantity: u32,
    unit_price: Money,
    total: Money,
}

/// `GET /api/payments/{id}/receipt`
pub async fn show(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let base = links::base(&request).await?;
    let payment = show::current(request.id("id")?, &claims.subject).await?;
    let representation = accept::choose(request.header("accept")).ok_or_else(|| {
        Problem::new(problem::NOT_ACCEPTABLE, "A receipt is there as application/json and as application/pdf.")
            .with("vary", "accept")
    })?;
    if payment.status != Status::Completed {
        return Err(Problem::new(problem::WRONG_STATE, "There is a receipt once the payment is completed."));
    }
    let mut tx = sql::read().await?;
    let receipt = read(&mut tx, &payment, View::new(&payment, &base)?).await?;
    tx.rollback().await?;
    let response = match representation {
        Representation::Json => Response::json(200, &receipt)?,
        Representation::Pdf => {
            let disposition = format!("inline; filename=\"receipt-{}.pdf\"", receipt.number);
            Response::new(200, "application/pdf", pdf::render(&receipt)?).header("content-disposition", disposition)
        }
    };
    Ok(response.header("vary", "accept").header("cache-control", "private, no-cache"))
}

kit::row! {
    struct EventRow {
        title: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        timezone: String,
        booked_at: i64,
    }
}

async fn read(tx: &mut Tx, payment: &Payment, view: View) -> Result<Receipt, Problem> {
    let missing = || Problem::internal(format_args!("payment {}: its booking or event is gone", payment.id));
    let statement = "SELECT e.title, e.venue_name, e.city, e.country, e.starts_at, e.timezone, b.created_at \
                     FROM bookings b JOIN events e ON e.id = b.event WHERE b.id = $1";
    let event: EventRow = tx.one(statement, params![&payment.booking]).await?.ok_or_else(missing)?;
    let statement = "SELECT i.ticket_type, t.name, i.quantity, i.unit_price FROM booking_items i \
                     JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking = $1 ORDER BY i.ordinal";
    let items: Vec<(String, String, u32, i64)> = tx.all(statement, params![&payment.booking]).await?;
    let money = |amount| Money { amount, currency: payment.currency.clone() };
    Ok(Receipt {
        number: payment.id.to_uppercase().replace('_', "-"),
        issued_at: time::format(payment.details.completed_at.unwrap_or(payment.created_at)),
        booking: Booking {
            id: payment.booking.clone(),
            event_id: payment.event.clone(),
            created_at: time::format(event.booked_at),
        },
        payment: view,
        event: Event {
            title: event.title,
            venue: Venue { name: event.venue_name, city: event.city, country: event.country },
            starts_at: time::format(event.starts_at),
            timezone: event.timezone,
        },
        items: items
            .into_iter()
            .map(|(ticket_type_id, name, quantity, unit_price)| Item {
                ticket_type_id,
                name,
                quantity,
                unit_price: money(unit_price),
                total: money(unit_price.saturating_mul(i64::from(quantity))),
            })
            .collect(),
        total: money(payment.amount),
        refunded: money(payment.refunded),
    })
}

//! Receipts, as JSON and as PDF.

mod accept;

use crate::{
    domain::{Payment, Status},
    links, show,
    view::View,
};
use ::receipt::{self as receipts, Booking, Event, Item, Money, Paid, Receipt};
use accept::Representation;
use kit::{
    Answer, Problem, Request, Response, claims, problem,
    sql::{self, Tx},
};
use serde::Serialize;

/// A receipt's JSON, its fields in the order they are shown in.
#[derive(Debug, Serialize)]
struct Document<'a> {
    number: &'a str,
    issued_at: &'a str,
    payment: View,
    booking: &'a Booking,
    event: &'a Event,
    items: &'a [Item],
    total: &'a Money,
    refunded: &'a Money,
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
    let receipt = read(&mut tx, &payment).await?;
    tx.rollback().await?;
    let response = match representation {
        Representation::Json => Response::json(200, &document(&receipt, View::new(&payment, &base)?))?,
        Representation::Pdf => {
            let disposition = format!("inline; filename=\"receipt-{}.pdf\"", receipt.number);
            Response::new(200, "application/pdf", receipts::render(&receipt)?).header("content-disposition", disposition)
        }
    };
    Ok(response.header("vary", "accept").header("cache-control", "no-store"))
}

async fn read(tx: &mut Tx, payment: &Payment) -> Result<Receipt, Problem> {
    let paid = Paid {
        id: payment.id.clone(),
        booking: payment.booking.clone(),
        event: payment.event.clone(),
        amount: payment.amount,
        currency: payment.currency.clone(),
        refunded: payment.refunded,
        completed_at: payment.details.completed_at.unwrap_or(payment.created_at),
    };
    let missing = || Problem::internal(format_args!("payment {}: its booking or event is gone", payment.id));
    receipts::read(tx, &paid).await?.ok_or_else(missing)
}

fn document(receipt: &Receipt, payment: View) -> Document<'_> {
    let Receipt { number, issued_at, booking, event, items, total, refunded } = receipt;
    Document { number, issued_at, payment, booking, event, items, total, refunded }
}

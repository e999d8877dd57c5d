//! Receipts, as JSON and as PDF.

use crate::{
    domain::{Payment, Status},
    links, refunds, show,
    view::View,
};
use ::receipt::{self as receipts, Booking, Buyer, Event, Item, Money, Paid, Receipt, Seller};
use kit::{
    Answer, Problem, Request, Response, accept, claims, problem,
    sql::{self, Tx},
};
use serde::Serialize;

const JSON: &str = "application/json";
const PDF: &str = "application/pdf";

/// A receipt's JSON, its fields in the order they are shown in.
#[derive(Debug, Serialize)]
struct Document<'a> {
    number: &'a str,
    issued_at: &'a str,
    payment: View,
    seller: &'a Seller,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer: Option<&'a Buyer>,
    booking: &'a Booking,
    event: &'a Event,
    items: &'a [Item],
    total: &'a Money,
    refunded: &'a Money,
}

/// `GET /api/payments/{id}/receipt`
pub async fn show(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let base = links::base(&request).await?;
    let payment = show::current(request.id("id")?, &claims.subject).await?;
    let media = accept::choose(&request, &[JSON, PDF])?;
    if payment.status != Status::Completed {
        return Err(Problem::new(problem::WRONG_STATE, "There is a receipt once the payment is completed."));
    }
    let mut tx = sql::read().await?;
    let receipt = read(&mut tx, &payment).await?;
    let returned = refunds::of(&mut tx, &payment.id).await?;
    tx.rollback().await?;
    let response = match media {
        PDF => {
            let disposition = format!("inline; filename=\"receipt-{}.pdf\"", receipt.number);
            Response::new(200, PDF, receipts::render(&receipt)?).header("content-disposition", disposition)
        }
        _ => Response::json(200, &document(&receipt, View::new(&payment, returned, &base)?))?,
    };
    Ok(response.header("vary", "accept").header("cache-control", "no-store"))
}

async fn read(tx: &mut Tx, payment: &Payment) -> Result<Receipt, Problem> {
    let paid = Paid {
        id: payment.id.clone(),
        booking: payment.booking.clone(),
        event: payment.event.clone(),
        person: payment.person.clone(),
        amount: payment.amount,
        currency: payment.currency.clone(),
        refunded: payment.refunded,
        completed_at: payment.details.completed_at.unwrap_or(payment.created_at),
    };
    let missing = || Problem::internal(format_args!("payment {}: its booking or event is gone", payment.id));
    receipts::read(tx, &paid).await?.ok_or_else(missing)
}

fn document(receipt: &Receipt, payment: View) -> Document<'_> {
    let Receipt { number, issued_at, seller, buyer, booking, event, items, total, refunded, .. } = receipt;
    Document { number, issued_at, payment, seller, buyer: buyer.as_ref(), booking, event, items, total, refunded }
}

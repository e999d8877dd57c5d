//! An order as the API shows it.

use crate::answers::AnswerView;

use super::store::{Item, Order, Payment, Refund};
use kit::{ledger::BookingStatus, time};
use serde::Serialize;

/// Minor units beside their currency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Amount {
    amount: i64,
    currency: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Buyer<'a> {
    name: Option<&'a str>,
    email: Option<&'a str>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Line<'a> {
    ticket_type_id: &'a str,
    name: &'a str,
    quantity: u32,
    unit_price: Amount,
}

/// The JSON of an order.
#[derive(Debug, PartialEq, Serialize)]
pub struct View<'a> {
    id: &'a str,
    status: &'a str,
    channel: &'a str,
    buyer: Buyer<'a>,
    items: Vec<Line<'a>>,
    total: Amount,
    refunded: Amount,
    payment_id: Option<&'a str>,
    note: Option<&'a str>,
    /// In a list those of the order alone.
    answers: &'a [AnswerView],
    created_at: String,
}

#[derive(Debug, Serialize)]
struct PaymentView<'a> {
    id: &'a str,
    status: &'a str,
    provider: &'a str,
    /// How it was taken at the counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    amount: Amount,
    refunded: Amount,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct RefundView<'a> {
    id: &'a str,
    status: &'a str,
    reason: &'a str,
    amount: Amount,
    created_at: String,
}

/// The JSON of an order that is looked at by itself.
#[derive(Debug, Serialize)]
pub struct Detailed<'a> {
    #[serde(flatten)]
    order: View<'a>,
    payments: Vec<PaymentView<'a>>,
    refunds: Vec<RefundView<'a>>,
}

/// An order's status at `now`: a hold whose time is over has expired, whether or not its row was tidied already.
pub fn status(order: &Order, now: i64) -> &str {
    let row = &order.row;
    let hold = BookingStatus::parse(&row.status).is_some_and(BookingStatus::is_hold);
    if hold && row.expires_at.is_some_and(|at| at <= now) { BookingStatus::Expired.as_str() } else { &row.status }
}

/// Where an order was made.
pub fn channel(order: &Order) -> &str {
    order.row.channel.as_deref().unwrap_or("online")
}

impl<'a> View<'a> {
    /// The order as it is at `now`.
    pub fn new(order: &'a Order, answers: &'a [AnswerView], now: i64) -> Self {
        let row = &order.row;
        let money = |amount| Amount { amount, currency: row.currency.clone() };
        let line = |item: &'a Item| Line {
            ticket_type_id: &item.ticket_type,
            name: &item.name,
            quantity: item.quantity,
            unit_price: money(item.unit_price),
        };
        Self {
            id: &row.id,
            status: status(order, now),
            channel: channel(order),
            buyer: Buyer { name: row.name.as_deref(), email: row.email.as_deref() },
            items: order.items.iter().map(line).collect(),
            total: money(row.total),
            refunded: money(row.refunded),
            payment_id: row.payment.as_deref(),
            note: row.note.as_deref(),
            answers,
            created_at: time::format(row.created_at),
        }
    }
}

impl<'a> Detailed<'a> {
    /// The order as it is at `now`, with its payments and refunds.
    pub fn new(order: &'a Order, answers: &'a [AnswerView], payments: &'a [Payment], refunds: &'a [Refund], now: i64) -> Self {
        let money = |amount| Amount { amount, currency: order.row.currency.clone() };
        let payment = |payment: &'a Payment| PaymentView {
            id: &payment.id,
            status: &payment.status,
            provider: &payment.provider,
            method: (payment.provider == "counter").then(|| method(&payment.provider_state)).flatten(),
            amount: money(payment.amount),
            refunded: money(payment.refunded),
            created_at: time::format(payment.created_at),
        };
        let refund = |refund: &'a Refund| RefundView {
            id: &refund.id,
            status: &refund.status,
            reason: &refund.reason,
            amount: money(refund.amount),
            created_at: time::format(refund.created_at),
        };
        Self {
            order: View::new(order, answers, now),
            payments: payments.iter().map(payment).collect(),
            refunds: refunds.iter().map(refund).collect(),
        }
    }
}

/// How money was taken at the counter, as `payment` has written it down.
fn method(state: &str) -> Option<String> {
    let state: serde_json::Value = serde_json::from_str(state).ok()?;
    state.get("token").and_then(serde_json::Value::as_str).map(str::to_owned)
}

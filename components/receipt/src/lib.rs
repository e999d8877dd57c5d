//! Receipts: what was bought, and what was paid for it. Read from SQL, and drawn as a PDF.
//!
//! The same payment has the same receipt, whoever asks for it: `payment` answers with it, the worker's mails carry it.

mod limits;
pub mod money;
mod pdf;
mod sheet;

pub use pdf::render;
pub use sheet::readable;

use kit::{
    params,
    sql::{Error, Tx},
    time,
};
use serde::Serialize;

/// Minor units beside their currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
}

/// What was bought, and what was paid for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The payment's id as people read it.
    pub number: String,
    /// When the payment was completed, RFC 3339.
    pub issued_at: String,
    /// What was paid for.
    pub booking: Booking,
    /// Its event.
    pub event: Event,
    /// In the order of the booking.
    pub items: Vec<Item>,
    /// What was paid.
    pub total: Money,
    /// What of it went back so far.
    pub refunded: Money,
}

/// A receipt's booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Booking {
    /// Its id.
    pub id: String,
    /// Its event.
    pub event_id: String,
    /// RFC 3339.
    pub created_at: String,
}

/// A receipt's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// As people know it.
    pub title: String,
    /// Where it is.
    pub venue: Venue,
    /// RFC 3339.
    pub starts_at: String,
    /// A name of the IANA database.
    pub timezone: String,
}

/// Where an event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Venue {
    /// Its name.
    pub name: String,
    /// Its city.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What was bought.
    pub ticket_type_id: String,
    /// As people know it.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// Of one.
    pub unit_price: Money,
    /// Of all of them.
    pub total: Money,
}

/// A completed payment, as far as its receipt needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// Its id.
    pub id: String,
    /// What was paid for.
    pub booking: String,
    /// The booking's event.
    pub event: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// Minor units given back so far.
    pub refunded: i64,
    /// When it was completed.
    pub completed_at: i64,
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

/// The receipt of a payment; none where its booking or event is gone.
///
/// # Errors
/// Of the database.
pub async fn read(tx: &mut Tx, paid: &Paid) -> Result<Option<Receipt>, Error> {
    let statement = "SELECT e.title, e.venue_name, e.city, e.country, e.starts_at, e.timezone, b.created_at \
                     FROM bookings b JOIN events e ON e.id = b.event WHERE b.id = $1";
    let Some(event): Option<EventRow> = tx.one(statement, params![&paid.booking]).await? else { return Ok(None) };
    let statement = "SELECT i.ticket_type, t.name, i.quantity, i.unit_price FROM booking_items i \
                     JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking = $1 ORDER BY i.ordinal";
    let items: Vec<(String, String, u32, i64)> = tx.all(statement, params![&paid.booking]).await?;
    let money = |amount| Money { amount, currency: paid.currency.clone() };
    Ok(Some(Receipt {
        number: paid.id.to_uppercase().replace('_', "-"),
        issued_at: time::format(paid.completed_at),
        booking: Booking { id: paid.booking.clone(), event_id: paid.event.clone(), created_at: time::format(event.booked_at) },
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
        total: money(paid.amount),
        refunded: money(paid.refunded),
    }))
}

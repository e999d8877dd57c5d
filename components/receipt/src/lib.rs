//! Receipts: what was bought, and what was paid for it. Written down when it is sold, read from SQL, and drawn as a PDF.
//!
//! The same payment has the same receipt, whoever asks for it: `payment` answers with it, the worker's mails carry it. It is a record of the
//! sale, not a view of today's data: whatever is renamed or moved afterwards, it says what was bought.
//!
//! [`tickets`] are the other papers: `box-office` answers with them, the worker's mails carry them. Both are set in the same fonts.

pub mod fonts;
mod limits;
pub mod local;
pub mod money;
mod outline;
mod page;
mod pdf;
pub mod reasons;
mod sheet;
pub mod tickets;
mod typeset;

pub use pdf::render;

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
    /// As the venue's clock showed it, for people.
    pub issued_local: String,
    /// Who sold it.
    pub seller: Seller,
    /// Who bought it; none where the account is another region's, and not known here.
    pub buyer: Option<Buyer>,
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

/// Who sold what a receipt is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seller {
    /// The organiser, as it was called.
    pub name: String,
}

/// Who bought what a receipt is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Buyer {
    /// As they write it.
    pub name: String,
    /// Of their account.
    pub email: String,
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
    /// Until when the buyer may give it back for a refund, by the terms of the sale, RFC 3339; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_until: Option<String>,
    /// As the venue's clock shows it, for people.
    #[serde(skip)]
    pub refund_until_local: Option<String>,
}

/// A receipt's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// As people know it.
    pub title: String,
    /// Where it is.
    pub venue: Venue,
    /// RFC 3339, in UTC.
    pub starts_at: String,
    /// RFC 3339, with the offset of the venue.
    pub starts_at_local: String,
    /// A name of the IANA database.
    pub timezone: String,
    /// As the venue's clock shows it, for people.
    #[serde(skip)]
    pub starts_local: String,
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
    /// Who paid.
    pub person: String,
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
    struct Sale {
        seller: String,
        buyer_name: Option<String>,
        buyer_email: Option<String>,
        title: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        timezone: String,
        booked_at: i64,
        refund_until: Option<i64>,
    }
}

/// What is sold, as it is called now.
const NOW: &str =
    "o.name, u.name, u.email, e.title, e.venue_name, e.city, e.country, e.starts_at, e.timezone, b.created_at, b.refund_until";
const NOW_FROM: &str = "FROM bookings b JOIN events e ON e.id = b.event JOIN organisers o ON o.id = e.organiser_id \
    LEFT JOIN contacts u ON u.id = b.person";

/// Writes down what a payment has bought, as everything is called at this moment: in the transaction that completes it. Written once, it stays.
///
/// # Errors
/// Of the database.
pub async fn record(tx: &mut Tx, payment: &str, booking: &str) -> Result<(), Error> {
    let now = tx.now();
    let statement = format!(
        "INSERT INTO receipts (payment, created_at, seller, buyer_name, buyer_email, title, venue_name, city, country, starts_at, timezone, \
         booked_at, refund_until) SELECT $1, CAST($2 AS BIGINT), {NOW} {NOW_FROM} WHERE b.id = $3 ON CONFLICT (payment) DO NOTHING"
    );
    if tx.execute(&statement, params![payment, now, booking]).await? == 0 {
        return Ok(());
    }
    let statement = "INSERT INTO receipt_items (payment, ordinal, ticket_type, name, quantity, unit_price) \
                     SELECT $1, i.ordinal, i.ticket_type, t.name, i.quantity, i.unit_price FROM booking_items i \
                     JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking = $2";
    tx.execute(statement, params![payment, booking]).await.map(drop)
}

/// The receipt of a payment; none where its booking or event is gone.
///
/// # Errors
/// Of the database.
pub async fn read(tx: &mut Tx, paid: &Paid) -> Result<Option<Receipt>, Error> {
    // Of an account that another region keeps, the name may have come here after the sale.
    let statement = "SELECT r.seller, COALESCE(r.buyer_name, u.name), COALESCE(r.buyer_email, u.email), r.title, r.venue_name, r.city, \
                     r.country, r.starts_at, r.timezone, r.booked_at, r.refund_until \
                     FROM receipts r LEFT JOIN contacts u ON u.id = $2 WHERE r.payment = $1";
    let recorded: Option<Sale> = tx.one(statement, params![&paid.id, &paid.person]).await?;
    let (sale, statement, of) = match recorded {
        Some(sale) => {
            let items = "SELECT ticket_type, name, quantity, unit_price FROM receipt_items WHERE payment = $1 ORDER BY ordinal";
            (sale, items, &paid.id)
        }
        // Completed by a node of the version before, which wrote nothing down.
        None => {
            let statement = format!("SELECT {NOW} {NOW_FROM} WHERE b.id = $1");
            let Some(sale) = tx.one::<Sale>(&statement, params![&paid.booking]).await? else { return Ok(None) };
            let items = "SELECT i.ticket_type, t.name, i.quantity, i.unit_price FROM booking_items i \
                         JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking = $1 ORDER BY i.ordinal";
            (sale, items, &paid.booking)
        }
    };
    let items: Vec<(String, String, u32, i64)> = tx.all(statement, params![of]).await?;
    let money = |amount| Money { amount, currency: paid.currency.clone() };
    let zone = sale.timezone.as_str();
    Ok(Some(Receipt {
        number: paid.id.to_uppercase().replace('_', "-"),
        issued_at: time::format(paid.completed_at),
        issued_local: local::readable(paid.completed_at, zone),
        seller: Seller { name: sale.seller },
        buyer: sale.buyer_email.map(|email| Buyer { name: sale.buyer_name.unwrap_or_default(), email }),
        booking: Booking {
            id: paid.booking.clone(),
            event_id: paid.event.clone(),
            created_at: time::format(sale.booked_at),
            refund_until: sale.refund_until.map(time::format),
            refund_until_local: sale.refund_until.map(|until| local::readable(until, zone)),
        },
        event: Event {
            title: sale.title,
            venue: Venue { name: sale.venue_name, city: sale.city, country: sale.country },
            starts_at: time::format(sale.starts_at),
            starts_at_local: local::rfc3339(sale.starts_at, zone),
            starts_local: local::readable(sale.starts_at, zone),
            timezone: sale.timezone,
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

//! What a mail says, read from the tables as they are when it is sent.

use super::{Claimed, Template, Trouble};
use crate::limits;
use kit::sql::{Error, Tx};
use kit::{params, tickets, time};
use receipt::{Paid, Receipt, money, readable};
use serde::Serialize;

/// What the templates may say.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// Who it is for.
    pub person: Person,
    /// What it is about.
    pub booking: Option<Booking>,
    /// A sum: `EUR 90.00`.
    pub amount: Option<String>,
    /// Whether money was paid for the booking.
    pub paid: bool,
    /// Why a payment failed.
    pub failure: Option<String>,
    /// To be attached.
    #[serde(skip)]
    pub receipt: Option<Receipt>,
}

/// Who is written to.
#[derive(Debug, Serialize)]
pub struct Person {
    /// As they write it.
    pub name: String,
    /// Where they read it.
    #[serde(skip)]
    pub address: String,
}

/// A booking and its event.
#[derive(Debug, Serialize)]
pub struct Booking {
    id: String,
    event_id: String,
    title: String,
    venue: String,
    starts: String,
    items: Vec<Item>,
    total: String,
    /// None while it is not confirmed.
    tickets: Vec<Ticket>,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    quantity: u32,
}

#[derive(Debug, Serialize)]
struct Ticket {
    code: String,
    name: String,
}

kit::row! {
    struct BookingRow {
        status: String,
        total: i64,
        currency: String,
        ticket_seed: String,
        event: String,
        title: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        timezone: String,
    }
}

/// Reads it.
///
/// # Errors
/// Of the database; in it, why there is nothing to send.
pub async fn gather(tx: &mut Tx, claimed: &Claimed) -> Result<Result<Facts, Trouble>, Error> {
    let person = match person(tx, &claimed.recipient).await? {
        Ok(person) => person,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let needs = &claimed.needs;
    let booking = match &needs.booking {
        None => None,
        Some(id) => match booking(tx, id).await? {
            Some(booking) => Some(booking),
            None => return Ok(Err(Trouble::Never("its booking or event is not here".to_owned()))),
        },
    };
    let receipt = match (claimed.template, &needs.payment) {
        (Template::Confirmed, Some(payment)) => match receipt_of(tx, payment).await? {
            Ok(receipt) => Some(receipt),
            Err(trouble) => return Ok(Err(trouble)),
        },
        _ => None,
    };
    let amount = needs.amount.zip(needs.currency.as_deref()).map(|(amount, currency)| money::format(amount, currency));
    let failure = needs.failure.as_deref().map(|code| line(&code.replace('_', " ")));
    Ok(Ok(Facts { person, booking, amount, paid: needs.payment.is_some(), failure, receipt }))
}

/// A user. Of one whose account another region keeps the address is asked for meanwhile.
async fn person(tx: &mut Tx, id: &str) -> Result<Result<Person, Trouble>, Error> {
    let row: Option<(String, String)> = tx.one("SELECT email, name FROM users WHERE id = $1", params![id]).await?;
    Ok(row
        .filter(|(address, _)| address.contains('@'))
        .map(|(address, name)| Person { name: line(&name), address })
        .ok_or_else(|| Trouble::NotYet("the recipient's address is not in this region's database".to_owned())))
}

async fn booking(tx: &mut Tx, id: &str) -> Result<Option<Booking>, Error> {
    let statement = "SELECT b.status, b.total, b.currency, b.ticket_seed, b.event, e.title, e.venue_name, e.city, e.country, e.starts_at, \
                     e.timezone FROM bookings b JOIN events e ON e.id = b.event WHERE b.id = $1";
    let Some(row): Option<BookingRow> = tx.one(statement, params![id]).await? else { return Ok(None) };
    let statement = "SELECT i.ticket_type, COALESCE(t.name, i.ticket_type), i.quantity FROM booking_items i \
                     LEFT JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking = $1 ORDER BY i.ordinal";
    let items: Vec<(String, String, u32)> = tx.all(statement, params![id]).await?;
    let tickets = if row.status == "confirmed" { codes(&row.ticket_seed, &items) } else { Vec::new() };
    Ok(Some(Booking {
        id: id.to_owned(),
        event_id: row.event,
        title: line(&row.title),
        venue: line(&format!("{}, {}, {}", row.venue_name, row.city, row.country)),
        starts: format!("{} ({})", readable(&time::format(row.starts_at)), line(&row.timezone)),
        items: items.into_iter().map(|(_, name, quantity)| Item { name: line(&name), quantity }).collect(),
        total: money::format(row.total, &row.currency),
        tickets,
    }))
}

/// The codes of a booking's tickets, each with its type's name.
fn codes(seed: &str, items: &[(String, String, u32)]) -> Vec<Ticket> {
    let wanted = items.iter().map(|(ticket_type, _, quantity)| (ticket_type.as_str(), *quantity));
    let name = |id: &str| items.iter().find(|(ticket_type, ..)| ticket_type == id).map_or("", |(_, name, _)| name);
    let all = tickets::tickets(seed, wanted).into_iter().take(limits::TICKETS);
    all.map(|ticket| Ticket { name: line(name(&ticket.ticket_type_id)), code: ticket.code }).collect()
}

kit::row! {
    struct PaymentRow {
        booking: String,
        event: String,
        amount: i64,
        currency: String,
        refunded: i64,
        status: String,
        provider_state: String,
        created_at: i64,
    }
}

/// The ledger confirms a booking a moment before its payment is complete: until then there is no receipt.
async fn receipt_of(tx: &mut Tx, id: &str) -> Result<Result<Receipt, Trouble>, Error> {
    let statement =
        "SELECT booking, event, amount, currency, refunded, status, provider_state, created_at FROM payments WHERE id = $1";
    let row: Option<PaymentRow> = tx.one(statement, params![id]).await?;
    let Some(row) = row else { return Ok(Err(Trouble::Never("its payment is not here".to_owned()))) };
    if row.status != "completed" {
        return Ok(Err(Trouble::NotYet("its payment is not complete yet".to_owned())));
    }
    let state: serde_json::Value = serde_json::from_str(&row.provider_state).unwrap_or_default();
    let paid = Paid {
        id: id.to_owned(),
        booking: row.booking,
        event: row.event,
        amount: row.amount,
        currency: row.currency,
        refunded: row.refunded,
        completed_at: state.get("completed_at").and_then(serde_json::Value::as_i64).unwrap_or(row.created_at),
    };
    Ok(receipt::read(tx, &paid).await?.ok_or_else(|| Trouble::Never("what its payment bought is not here".to_owned())))
}

/// A value on one line: what people type begins no line of a mail, nor a header.
fn line(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    let joined = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    joined.chars().take(limits::VALUE).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_value_stays_on_its_line() {
        for (text, line) in [
            ("Night of Strings", "Night of Strings"),
            ("  a\r\nBcc: b@example.com\u{2028}c\t", "a Bcc: b@example.com c"),
            ("", ""),
        ] {
            assert_eq!(super::line(text), line);
        }
        assert_eq!(super::line(&"x".repeat(1000)).len(), crate::limits::VALUE);
    }
}

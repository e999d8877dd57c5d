//! A ticket as the tables have it, and what is said of it in the journal.

use kit::journal::{BOOKING_EVENTS, Entry};
use kit::sql::{Error, Tx};
use kit::{Problem, Request, network, params, tickets};
use serde_json::{Value as Json, json};

/// A ticket of a booking that is, or was, confirmed. Neither it nor its booking changes before the transaction ends.
#[derive(Debug)]
pub struct Ticket {
    /// Its booking.
    pub booking: String,
    /// Its number in the booking.
    pub number: u32,
    /// The event that it is for.
    pub event: String,
    /// Its ticket type.
    pub ticket_type: String,
    /// Whose booking it is.
    pub owner: String,
    /// Whether the booking is confirmed; else it was cancelled.
    pub confirmed: bool,
    /// Whether the booking is just being cancelled.
    pub stopped: bool,
    /// Which of its codes is good.
    pub generation: u32,
    /// To whom it was transferred.
    pub transferred_to: Option<String>,
    /// The name that it is in.
    pub name: Option<String>,
    /// Counts what happens to it; already the one of what happens in this transaction.
    pub version: i64,
}

impl Ticket {
    /// Whose it is.
    pub fn holder(&self) -> &str {
        self.transferred_to.as_deref().unwrap_or(&self.owner)
    }

    /// Whether it lets somebody in.
    pub fn is_good(&self) -> bool {
        self.confirmed && !self.stopped
    }

    /// What happened to it, for the journal. `details` is an object.
    pub fn entry(&self, kind: &'static str, actor: &str, request: &Request, details: Json) -> Entry {
        let mut payload = json!({
            "booking_id": self.booking, "number": self.number, "event_id": self.event, "ticket_type_id": self.ticket_type, "actor": actor,
        });
        if let (Some(payload), Json::Object(details)) = (payload.as_object_mut(), details) {
            payload.extend(details);
            payload.extend(network::of(request).map(|network| ("network".to_owned(), network.into())));
        }
        Entry {
            topic: BOOKING_EVENTS,
            kind,
            aggregate: id(&self.booking, self.number),
            version: self.version,
            payload,
            fact: None,
        }
    }
}

/// A ticket's id: its booking's and its number, so that they sort alike.
pub fn id(booking: &str, number: u32) -> String {
    format!("{booking}.{number:04}")
}

/// The number in a request's path.
pub fn number(request: &Request) -> Result<u32, Problem> {
    let text = request.parameter("number");
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && crate::limits::NUMBER.contains(number)).ok_or_else(Problem::not_found)
}

/// What a booking that is, or was, confirmed says of a ticket. The booking does not change before the transaction ends.
///
/// The ledger changes a booking's row when it cancels it. That waits for this one's lock, or this one waits for that and sees what came of
/// it.
#[derive(Debug)]
pub struct Place {
    booking: String,
    number: u32,
    /// The event that it is for.
    pub event: String,
    /// Whose booking it is.
    pub owner: String,
    confirmed: bool,
    ticket_type: String,
}

impl Place {
    /// None where there is no such ticket, or its booking was never confirmed.
    pub async fn find(tx: &mut Tx, booking: &str, number: u32) -> Result<Option<Self>, Error> {
        let statement = format!("SELECT event, person, status FROM bookings WHERE id = $1{}", tx.shared_lock());
        let row: Option<(String, String, String)> = tx.one(&statement, params![booking]).await?;
        let Some((event, owner, status)) = row.filter(|(.., status)| matches!(&**status, "confirmed" | "cancelled")) else {
            return Ok(None);
        };
        let items = items(tx, booking).await?;
        let confirmed = status == "confirmed";
        let place = |ticket_type: &str| Self {
            booking: booking.to_owned(),
            number,
            event,
            owner,
            confirmed,
            ticket_type: ticket_type.to_owned(),
        };
        let items = items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity));
        Ok(tickets::numbered(items).find(|(known, _)| *known == number).map(|(_, ticket_type)| place(ticket_type)))
    }

    /// The ticket, locked: whoever transfers it or lets somebody in by it waits, or was here before. Its version counts as taken.
    pub async fn lock(self, tx: &mut Tx) -> Result<Ticket, Error> {
        let Self { booking, number, event, owner, confirmed, ticket_type } = self;
        let now = tx.now();
        let statement = "INSERT INTO tickets (booking, number, event, ticket_type, generation, version, updated_at) VALUES ($1, $2, $3, $4, 1, 1, $5) \
                         ON CONFLICT (booking, number) DO UPDATE SET version = tickets.version + 1, updated_at = $5 \
                         RETURNING generation, holder, name, version, \
                         (SELECT COUNT(*) FROM ticket_stops s WHERE s.booking = $1 AND s.until > $5)";
        type Row = (u32, Option<String>, Option<String>, i64, i64);
        let row: Option<Row> = tx.one(statement, params![&booking, number, &event, &ticket_type, now]).await?;
        let (generation, transferred_to, name, version, stops) =
            row.ok_or_else(|| Error::Other("a ticket was not written".to_owned()))?;
        let stopped = stops > 0;
        Ok(Ticket { booking, number, event, ticket_type, owner, confirmed, stopped, generation, transferred_to, name, version })
    }
}

/// A booking's items, in order.
pub async fn items(tx: &mut Tx, booking: &str) -> Result<Vec<(String, u32)>, Error> {
    tx.all("SELECT ticket_type, quantity FROM booking_items WHERE booking = $1 ORDER BY ordinal", params![booking]).await
}

/// What a person is called; none where that is not known here.
pub async fn name_of(tx: &mut Tx, person: &str) -> Result<Option<String>, Error> {
    // Of a guest, or an account that was erased, there may be none.
    let row: Option<(String,)> = tx.one("SELECT name FROM users WHERE id = $1 AND name <> ''", params![person]).await?;
    Ok(row.map(|(name,)| name))
}

/// Whether somebody was let in by it, by whatever list.
pub async fn is_admitted(tx: &mut Tx, booking: &str, number: u32) -> Result<bool, Error> {
    let statement = "SELECT 1 FROM admissions WHERE booking = $1 AND number = $2 LIMIT 1";
    let row: Option<(i64,)> = tx.one(statement, params![booking, number]).await?;
    Ok(row.is_some())
}

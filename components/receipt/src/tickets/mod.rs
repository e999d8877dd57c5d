//! The tickets of an order, as papers to show at the door and as an entry of a calendar.
//!
//! Other than a receipt they say what is true now: an event that was moved has its new time and place on them.

pub mod labels;
pub(crate) mod layout;

use crate::{Money, local};
use calendar::Entry;
use kit::Problem;
use kit::params;
use kit::sql::{Error, Tx};
use kit::tickets::{self, OwnTickets, SigningKey};
use labels::Labels;
use std::collections::BTreeMap;

pub use crate::pdf::render_tickets as render;

/// What a calendar's file is served and attached as.
pub const CALENDAR: &str = calendar::CONTENT_TYPE;

/// A booking that is, or was, confirmed, as far as its tickets show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The booking's id, which people know as the order's number.
    pub id: String,
    /// Who sells.
    pub seller: String,
    /// Who has bought; none where that is not known.
    pub buyer: Option<String>,
    /// What for.
    pub event: Event,
    /// How many tickets it has in all, whoever has them now.
    pub size: usize,
    /// Those that are good and still the buyer's, in order.
    pub tickets: Vec<Ticket>,
    /// How many of these there are beside the ones above.
    pub more: usize,
    /// How many of these are withheld until what is required is answered.
    pub withheld: usize,
    /// The language of who has bought, a BCP 47 tag: what stands on the papers beside names is in it, as far as it is known and there is a font.
    pub language: String,
    /// When it was changed last.
    changed_at: i64,
}

/// What tickets are for, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// As people know it.
    pub title: String,
    /// Where it is.
    pub venue: crate::Venue,
    /// When it begins.
    pub starts_at: i64,
    /// When it ends.
    pub ends_at: i64,
    /// A name of the IANA database.
    pub timezone: String,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Counts its changes.
    revision: u64,
}

/// One person's right to enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// From 1, in its order.
    pub number: u32,
    /// What the door checks.
    pub code: String,
    /// What it is for, as people know it.
    pub kind: String,
    /// Whose name it is in.
    pub name: Option<String>,
    /// What it was sold for.
    pub price: Money,
}

kit::row! {
    struct Row {
        status: String,
        event: String,
        currency: String,
        booking_changed_at: i64,
        buyer: Option<String>,
        seller: String,
        event_status: String,
        revision: u64,
        title: String,
        venue_name: String,
        city: String,
        country: String,
        starts_at: i64,
        ends_at: i64,
        timezone: String,
        event_changed_at: i64,
        language: String,
    }
}

/// The order of a booking with its tickets, `most` of them at most; none where the booking or its event is not here. Whether it was ever
/// confirmed, and whose it is, is for who asks to know.
///
/// # Errors
/// Of the database.
pub async fn read(tx: &mut Tx, key: &SigningKey, booking: &str, most: usize) -> Result<Option<Order>, Error> {
    read_of(tx, key, booking, None, most).await
}

/// As [`read`], of the person to whom tickets of the booking were transferred; none: of its owner. Who has bought is nothing to others.
///
/// # Errors
/// Of the database.
pub async fn read_of(
    tx: &mut Tx,
    key: &SigningKey,
    booking: &str,
    holder: Option<&str>,
    most: usize,
) -> Result<Option<Order>, Error> {
    let statement = "SELECT b.status, b.event, b.currency, b.updated_at, COALESCE(d.name, NULLIF(u.name, '')), o.name, e.status, e.revision, e.title, \
                     e.venue_name, e.city, e.country, e.starts_at, e.ends_at, e.timezone, e.updated_at, COALESCE(u.language, 'en') \
                     FROM bookings b JOIN events e ON e.id = b.event JOIN organisers o ON o.id = e.organiser_id \
                     LEFT JOIN order_details d ON d.booking = b.id LEFT JOIN users u ON u.id = b.person WHERE b.id = $1";
    let Some(row): Option<Row> = tx.one(statement, params![booking]).await? else { return Ok(None) };
    let statement = "SELECT i.ticket_type, COALESCE(t.name, i.ticket_type), i.quantity, i.unit_price FROM booking_items i \
                     LEFT JOIN ticket_types t ON t.id = i.ticket_type WHERE i.booking = $1 ORDER BY i.ordinal";
    let items: Vec<(String, String, u32, i64)> = tx.all(statement, params![booking]).await?;
    let of = |wanted: &str| items.iter().find(|(ticket_type, ..)| ticket_type == wanted);
    let statement = "SELECT number, name FROM tickets WHERE booking = $1 AND name IS NOT NULL";
    let names: BTreeMap<u32, String> = tx.all::<(u32, String)>(statement, params![booking]).await?.into_iter().collect();
    let cancelled = row.event_status == "cancelled";
    let quantities = items.iter().map(|(ticket_type, _, quantity, _)| (ticket_type.as_str(), *quantity));
    let own = if row.status == "confirmed" && !cancelled {
        tickets::of_holder(tx, key, (booking, &row.event), holder, quantities, most).await?
    } else {
        OwnTickets { tickets: Vec::new(), more: 0, withheld: 0 }
    };
    let ticket = |ticket: tickets::Ticket| Ticket {
        number: ticket.number,
        code: ticket.code,
        kind: of(&ticket.ticket_type_id).map_or_else(String::new, |(_, name, ..)| name.clone()),
        name: names.get(&ticket.number).cloned(),
        price: Money { amount: of(&ticket.ticket_type_id).map_or(0, |item| item.3), currency: row.currency.clone() },
    };
    Ok(Some(Order {
        id: booking.to_owned(),
        seller: row.seller,
        buyer: row.buyer.filter(|name| !name.is_empty() && holder.is_none()),
        size: items.iter().map(|(_, _, quantity, _)| *quantity as usize).sum(),
        tickets: own.tickets.into_iter().map(ticket).collect(),
        more: own.more,
        withheld: own.withheld,
        language: row.language,
        changed_at: row.booking_changed_at.max(row.event_changed_at),
        event: Event {
            title: row.title,
            venue: crate::Venue { name: row.venue_name, city: row.city, country: row.country },
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            timezone: row.timezone,
            cancelled,
            revision: row.revision,
        },
    }))
}

impl Order {
    /// The same without what people call themselves: for a reader of whom it is not known that they are who has bought.
    #[must_use]
    pub fn without_names(mut self) -> Self {
        self.buyer = None;
        for ticket in &mut self.tickets {
            ticket.name = None;
        }
        self
    }

    /// The same for who reads another language.
    #[must_use]
    pub fn in_language(self, tag: &str) -> Self {
        Self { language: tag.to_owned(), ..self }
    }

    /// Tickets from this number on, so many at most, and the number of the next one where there are others.
    #[must_use]
    pub fn part(mut self, from: u32, most: usize) -> (Self, Option<u32>) {
        self.tickets.retain(|ticket| ticket.number >= from);
        let next = self.tickets.get(most).map(|ticket| ticket.number);
        self.tickets.truncate(most);
        (self, next)
    }

    /// The name of a file with this, which ends so.
    #[must_use]
    pub fn file_name(&self, extension: &str) -> String {
        format!("tickets-{}.{extension}", self.id)
    }

    /// The entry of a calendar: of a booking without tickets that are good, or of a cancelled event, that it does not take place.
    ///
    /// # Errors
    /// Where the event is at no time that a calendar has: a fault of ours.
    pub fn calendar(&self) -> Result<String, Problem> {
        let event = &self.event;
        let gone = self.tickets.is_empty() && self.withheld == 0;
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for ticket in &self.tickets {
            match kinds.last_mut() {
                Some((kind, count)) if *kind == ticket.kind => *count += 1,
                _ => kinds.push((&ticket.kind, 1)),
            }
        }
        let mut notes = format!("Order {}", self.id);
        for (kind, count) in kinds {
            notes.push_str(&format!("\n{count} × {kind}"));
        }
        let more = self.more + self.withheld;
        if more > 0 {
            notes.push_str(&format!("\nand {more} more"));
        }
        let entry = Entry {
            id: &self.id,
            // The event's, which an entry that is taken back must go beyond: a booking can be cancelled while its event stays as it is.
            sequence: event.revision + u64::from(gone),
            stamp: self.changed_at,
            title: &event.title,
            place: &event.venue.in_a_line(),
            notes: &notes,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            timezone: &event.timezone,
            cancelled: gone,
        };
        calendar::render(&entry).map_err(|error| Problem::internal(format_args!("booking {}: {error}", self.id)))
    }
}

impl Event {
    /// When it begins, for people: the day, and the time with its zone.
    #[must_use]
    pub fn starts(&self, labels: &Labels) -> (String, String) {
        local::clock(self.starts_at, &self.timezone).map(|clock| labels.instant(&clock)).unwrap_or_default()
    }
}

impl crate::Venue {
    /// For people.
    #[must_use]
    pub fn in_a_line(&self) -> String {
        format!("{}, {}, {}", self.name, self.city, self.country)
    }
}

#[cfg(test)]
#[path = "../tickets_tests.rs"]
pub(crate) mod tests;

//! What was scanned: which ticket of which event it is, if any, and whether who scanned it may.

use crate::limits;
use crate::ticket::{Place, Ticket};
use kit::claims::Claims;
use kit::sql::{self, Error, Tx, Value};
use kit::team::{self, Permission};
use kit::{Problem, params, tickets};
use std::collections::BTreeMap;
use ticket_code::{Code, PublicKey};

/// A text that was scanned, or picked from a list.
#[derive(Debug, PartialEq)]
enum Scanned {
    /// A signed code.
    Signed(Box<Code>),
    /// A code without its signature: somebody at the door answers for it.
    Reference(ticket_code::Ticket),
    /// A code from before codes were signed.
    Short(String),
    /// Something else.
    Nothing,
}

impl Scanned {
    fn read(text: &str, manual: bool) -> Self {
        let short = |text: String| {
            let letters = text.len() == tickets::SHORT_CODE_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if letters { Self::Short(text) } else { Self::Nothing }
        };
        match (Code::parse(text), ticket_code::Ticket::of_reference(text)) {
            (Some(code), _) => Self::Signed(Box::new(code)),
            (None, Some(ticket)) if manual => Self::Reference(ticket),
            (None, Some(_)) => Self::Nothing,
            (None, None) => short(text.trim().to_ascii_lowercase()),
        }
    }
}

/// An event that people are let in to.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub organiser: String,
    cancelled: bool,
}

impl Event {
    /// One of this region's.
    pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Self>, Error> {
        let row: Option<(String, String)> = tx.one("SELECT organiser_id, status FROM events WHERE id = $1", params![id]).await?;
        Ok(row.map(|(organiser, status)| Self { id: id.to_owned(), organiser, cancelled: status == "cancelled" }))
    }

    /// One for whose organiser the bearer of a token may do that.
    pub async fn permitted(tx: &mut Tx, claims: &Claims, id: &str, permission: Permission) -> Result<Self, Problem> {
        let event = Self::find(tx, id).await?.ok_or_else(Problem::not_found)?;
        team::require(tx, claims, &event.organiser, permission).await?;
        Ok(event)
    }
}

/// Somebody who lets people in, and what to.
#[derive(Debug)]
pub struct Door<'a> {
    /// Who.
    pub claims: &'a Claims,
    event: Option<Event>,
}

/// What a scan shows.
#[derive(Debug)]
pub enum Found {
    /// A ticket of the event, locked, and the generation of the code.
    Ticket(Box<Ticket>, u32, Event),
    /// A ticket of another event.
    WrongEvent,
    /// No ticket.
    Unknown,
}

impl<'a> Door<'a> {
    /// Of an event, where the scanner says which.
    pub async fn open(tx: &mut Tx, claims: &'a Claims, event: Option<&str>) -> Result<Self, Problem> {
        let event = match event {
            Some(id) => Some(Event::permitted(tx, claims, id, Permission::CheckIn).await?),
            None => None,
        };
        Ok(Self { claims, event })
    }

    /// What a text is that was scanned here. With `manual`, a code without its signature will do.
    pub async fn find(&self, tx: &mut Tx, text: &str, manual: bool) -> Result<Found, Problem> {
        let scanned = Scanned::read(text, manual);
        let Some(named) = self.identify(tx, &scanned).await? else { return self.nothing(tx, Found::Unknown).await };
        let Some(place) = Place::find(tx, &named.booking, named.number).await? else {
            return self.nothing(tx, Found::Unknown).await;
        };
        let event = match &self.event {
            Some(event) if event.id == place.event => event.clone(),
            Some(_) => return Ok(Found::WrongEvent),
            None => {
                let event = Event::find(tx, &place.event).await?.ok_or_else(Problem::not_found)?;
                if !team::authority(tx, self.claims, &event.organiser).await?.may(Permission::CheckIn) {
                    return self.nothing(tx, Found::WrongEvent).await;
                }
                event
            }
        };
        let mut ticket = place.lock(tx).await?;
        ticket.stopped |= event.cancelled;
        let fits = match &scanned {
            Scanned::Signed(code) => code.is_for_event(&ticket.event) && code.is_of_type(&ticket.ticket_type),
            _ => true,
        };
        Ok(if fits { Found::Ticket(Box::new(ticket), named.generation, event) } else { Found::Unknown })
    }

    /// For who lets people in nowhere there is not even nothing.
    async fn nothing(&self, tx: &mut Tx, found: Found) -> Result<Found, Problem> {
        if self.event.is_some() || team::may_somewhere(tx, self.claims, Permission::CheckIn).await? {
            return Ok(found);
        }
        Err(Problem::refused(&self.claims.subject, "You may let nobody in anywhere."))
    }

    /// Which ticket it is said to be; none where nobody can be believed to have been given it.
    async fn identify(&self, tx: &mut Tx, scanned: &Scanned) -> Result<Option<ticket_code::Ticket>, Error> {
        Ok(match scanned {
            Scanned::Signed(code) => is_trusted(tx, code).await?.then(|| code.ticket().clone()),
            Scanned::Reference(ticket) => Some(ticket.clone()),
            Scanned::Short(code) => self.by_short_code(tx, code).await?,
            Scanned::Nothing => None,
        })
    }

    /// Short codes are derived from what only the database has, so they are written down when the first one of an event is scanned.
    async fn by_short_code(&self, tx: &mut Tx, code: &str) -> Result<Option<ticket_code::Ticket>, Error> {
        if let Some(ticket) = short(tx, code).await? {
            return Ok(Some(ticket));
        }
        let events = match &self.event {
            Some(event) => vec![event.id.clone()],
            None => self.events_about_now(tx).await?,
        };
        for event in events {
            write_down(tx, &event).await?;
        }
        short(tx, code).await
    }

    /// Events of the organisers that they act for, the soonest first.
    async fn events_about_now(&self, tx: &mut Tx) -> Result<Vec<String>, Error> {
        let (from, until) = (tx.now() - limits::SHORT_CODE_AROUND, tx.now() + limits::SHORT_CODE_AROUND);
        let statement = "SELECT e.id FROM events e WHERE (e.organiser_id = $1 OR EXISTS (SELECT 1 FROM organiser_members m \
                         WHERE m.organiser_id = e.organiser_id AND m.user_id = $2)) AND e.ends_at > $3 AND e.starts_at < $4 \
                         ORDER BY e.starts_at, e.id LIMIT $5";
        // A program acts for one organiser, and is nobody's member.
        let program = self.claims.scope.as_ref().map_or("", |scope| scope.organiser.as_str());
        let parameters = params![program, &self.claims.subject, from, until, limits::SHORT_CODE_EVENTS];
        let rows: Vec<(String,)> = tx.all(statement, parameters).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

/// Whether a key that is trusted has signed it.
async fn is_trusted(tx: &mut Tx, code: &Code) -> Result<bool, Error> {
    let statement = "SELECT public_key FROM ticket_keys WHERE kid = $1 AND revoked_at IS NULL";
    let row: Option<(String,)> = tx.one(statement, params![code.kid()]).await?;
    Ok(row.and_then(|(key,)| PublicKey::parse(&key).ok()).is_some_and(|key| code.is_signed_by(&key)))
}

/// Short codes are of a ticket's first generation.
async fn short(tx: &mut Tx, code: &str) -> Result<Option<ticket_code::Ticket>, Error> {
    let row: Option<(String, u32)> = tx.one("SELECT booking, number FROM short_codes WHERE code = $1", params![code]).await?;
    Ok(row.map(|(booking, number)| ticket_code::Ticket { booking, number, generation: 1 }))
}

async fn write_down(tx: &mut Tx, event: &str) -> Result<(), Error> {
    let statement = "SELECT b.id, b.ticket_seed FROM bookings b WHERE b.event = $1 AND b.status IN ('confirmed', 'cancelled') \
                     AND NOT EXISTS (SELECT 1 FROM short_codes s WHERE s.booking = b.id) ORDER BY b.id LIMIT $2";
    let mut written = 0;
    while written < limits::SHORT_CODES {
        let bookings: Vec<(String, String)> = tx.all(statement, params![event, limits::BOOKINGS_AT_ONCE]).await?;
        if bookings.is_empty() {
            break;
        }
        let mut codes = Vec::new();
        let all = all_items(tx, bookings.iter().map(|(id, _)| id.as_str())).await?;
        for (booking, seed) in &bookings {
            let items = all.get(booking).map(Vec::as_slice).unwrap_or_default();
            let items = items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity));
            codes.extend(tickets::numbered(items).map(|(number, _)| (tickets::short_code(seed, number), booking, number)));
        }
        for chunk in codes.chunks(limits::SHORT_CODES_AT_ONCE) {
            let parameters: Vec<Value> =
                chunk.iter().flat_map(|(code, booking, number)| params![code, event, *booking, *number]).collect();
            let statement = format!(
                "INSERT INTO short_codes (code, event, booking, number) VALUES {} ON CONFLICT DO NOTHING",
                sql::rows(chunk.len(), 4)
            );
            tx.execute(&statement, parameters).await?;
        }
        written += codes.len();
    }
    Ok(())
}

/// The items of these bookings, each booking's in order.
pub async fn all_items<'a>(
    tx: &mut Tx,
    bookings: impl ExactSizeIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Vec<(String, u32)>>, Error> {
    let statement = format!(
        "SELECT booking, ticket_type, quantity FROM booking_items WHERE booking IN ({}) ORDER BY booking, ordinal",
        sql::list(1, bookings.len())
    );
    let rows: Vec<(String, String, u32)> = tx.all(&statement, bookings.map(Value::from)).await?;
    let mut all: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    for (booking, ticket_type, quantity) in rows {
        all.entry(booking).or_default().push((ticket_type, quantity));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_scanned_is_told_apart() {
        let reference = "EU.T1.06F9ZKB2M4S8T1W6Y3C5E7G9HJ.3-1";
        assert_eq!(Scanned::read(reference, false), Scanned::Nothing, "who prints it on a paper gets nobody in");
        assert!(matches!(Scanned::read(reference, true), Scanned::Reference(ticket) if ticket.number == 3));
        assert_eq!(Scanned::read(" G7JBMEY215YRBB27 ", false), Scanned::Short("g7jbmey215yrbb27".to_owned()));
        for text in ["", "https://example.com", "g7jbmey215yrbb2", "g7jbmey215yrbb2é", "eu_06f9zkb2m4s8t1w6y3c5e7g9hj"] {
            assert_eq!(Scanned::read(text, true), Scanned::Nothing, "{text}");
        }
    }
}

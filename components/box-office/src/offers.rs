//! Offers of tickets: `GET /api/tickets/offers`.

use crate::{limits, mine};
use kit::sql::{self, Error, Tx};
use kit::{Answer, Request, Response, claims, params, time};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::json;
use std::collections::BTreeMap;

kit::row! {
    /// An offer that can be accepted.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Offer {
        /// What accepting it names.
        pub id: String,
        /// The ticket's booking.
        pub booking: String,
        /// The ticket's number.
        pub number: u32,
        /// What the ticket is for.
        pub event: String,
        /// Its ticket type.
        pub ticket_type: String,
        /// Who may accept it.
        pub email: String,
        /// Until when.
        pub expires_at: i64,
        /// Since when.
        pub created_at: i64,
    }
}

impl Serialize for Offer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_struct("Offer", 9)?;
        document.serialize_field("id", &self.id)?;
        document.serialize_field("token", &self.id)?;
        document.serialize_field("booking_id", &self.booking)?;
        document.serialize_field("number", &self.number)?;
        document.serialize_field("event_id", &self.event)?;
        document.serialize_field("ticket_type_id", &self.ticket_type)?;
        document.serialize_field("email", &self.email)?;
        document.serialize_field("expires_at", &time::format(self.expires_at))?;
        document.serialize_field("created_at", &time::format(self.created_at))?;
        document.end()
    }
}

/// A person's address, and whether it is known that they read it; none where the region of the accounts has not said.
pub async fn address_of(tx: &mut Tx, person: &str) -> Result<Option<(String, bool)>, Error> {
    let statement = "SELECT email, email_verified_at FROM users WHERE id = $1 AND email <> id";
    let row: Option<(String, Option<i64>)> = tx.one(statement, params![person]).await?;
    Ok(row.map(|(email, verified_at)| (email, verified_at.is_some())))
}

/// How many offers a person has made in a day.
pub async fn made_lately(tx: &mut Tx, person: &str) -> Result<i64, Error> {
    let since = tx.now() - limits::DAY;
    let statement = "SELECT COUNT(*) FROM ticket_offers WHERE offered_by = $1 AND created_at > $2";
    Ok(tx.one::<(i64,)>(statement, params![person, since]).await?.unwrap_or_default().0)
}

/// To whom the tickets of a booking are offered.
pub async fn open_of(tx: &mut Tx, booking: &str) -> Result<BTreeMap<u32, String>, Error> {
    let now = tx.now();
    let statement = "SELECT number, email FROM ticket_offers WHERE booking = $1 AND status = 'open' AND expires_at > $2";
    Ok(tx.all::<(u32, String)>(statement, params![booking, now]).await?.into_iter().collect())
}

/// The offers that the caller can accept, newest first.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (limit, after) = mine::asked(&request)?;
    let mut tx = sql::read().await?;
    let (items, more) = page(&mut tx, &claims.subject, after, limit).await?;
    tx.rollback().await?;
    let next_cursor = items.last().filter(|_| more).map(|offer| format!("{}.{}", offer.created_at, offer.id));
    let page = json!({ "items": items, "next_cursor": next_cursor });
    Ok(Response::json(200, &page)?.header("cache-control", "no-store"))
}

/// So many offers to a person's verified address, behind that instant and id; and whether there are more.
pub async fn page(tx: &mut Tx, person: &str, after: Option<(i64, String)>, limit: usize) -> Result<(Vec<Offer>, bool), Error> {
    let Some((email, true)) = address_of(tx, person).await? else { return Ok((Vec::new(), false)) };
    let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
    let statement = "SELECT o.id, o.booking, o.number, t.event, t.ticket_type, o.email, o.expires_at, o.created_at FROM ticket_offers o \
                     JOIN tickets t ON t.booking = o.booking AND t.number = o.number JOIN bookings b ON b.id = o.booking \
                     WHERE o.email = $1 AND o.status = 'open' AND o.expires_at > $2 AND b.status = 'confirmed' \
                     AND (o.created_at < $3 OR (o.created_at = $3 AND o.id < $4)) ORDER BY o.created_at DESC, o.id DESC LIMIT $5";
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let now = tx.now();
    let mut offers: Vec<Offer> = tx.all(statement, params![email, now, created_at, id, wanted]).await?;
    let more = offers.len() > limit;
    offers.truncate(limit);
    Ok((offers, more))
}

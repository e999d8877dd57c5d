//! `GET /api/tickets`: the tickets that one has, from bookings of one's own or from others.

use crate::booking_tickets::{admitted, state};
use crate::limits;
use crate::scan::all_items;
use crate::ticket;
use kit::questions::{self, Missing};
use kit::sql::{self, Error, Tx, Value};
use kit::tickets::{self, SigningKey};
use kit::{Answer, Problem, Request, Response, claims, guests, params, query, time};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A ticket as its holder sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    id: String,
    booking_id: String,
    number: u32,
    event_id: String,
    ticket_type_id: String,
    /// None where it lets nobody in, or required answers are missing.
    code: Option<String>,
    name: Option<String>,
    state: &'static str,
    admitted_at: Option<String>,
    /// Whether it came from somebody else.
    transferred: bool,
    created_at: String,
    /// Whether its code is shown once required answers are there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    answers_missing: bool,
}

/// What is behind a page, newest first: the instant since when one has a ticket, and its id.
type Key = (i64, String);

/// A ticket on its way to a [`View`].
#[derive(Debug)]
struct Held {
    since: i64,
    booking: String,
    number: u32,
    event: String,
    ticket_type: String,
    generation: u32,
    name: Option<String>,
    good: bool,
    transferred: bool,
}

impl Held {
    fn key(&self) -> Key {
        (self.since, ticket::id(&self.booking, self.number))
    }

    fn view(self, key: &SigningKey, admitted_at: Option<i64>, missing: &BTreeMap<String, Missing>) -> View {
        let answers_missing = self.good && missing.get(&self.booking).is_some_and(|missing| missing.withholds(self.number));
        let shown = self.good && !answers_missing;
        let code =
            shown.then(|| tickets::code(key, (&self.booking, self.number, self.generation), &self.event, &self.ticket_type));
        View {
            id: ticket::id(&self.booking, self.number),
            code,
            name: self.name,
            state: state(self.good, admitted_at),
            admitted_at: admitted_at.map(time::format),
            transferred: self.transferred,
            created_at: time::format(self.since),
            booking_id: self.booking,
            number: self.number,
            event_id: self.event,
            ticket_type_id: self.ticket_type,
            answers_missing,
        }
    }
}

/// How many items, and behind what: cursors are `MICROSECONDS.ID`, as those of all lists that several regions have a part of.
pub fn asked(request: &Request) -> Result<(usize, Option<Key>), Problem> {
    let (limit, cursor) = query::read(request, |query| (query.limit(), query.text("cursor", limits::CURSOR)))?;
    let after = cursor.map(|text| parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list")));
    Ok((usize::try_from(limit).unwrap_or_default(), after.transpose()?))
}

fn parse(cursor: &str) -> Option<Key> {
    let (instant, id) = cursor.split_once('.')?;
    let plain = instant.len() <= limits::CURSOR_DIGITS && instant.bytes().all(|byte| byte.is_ascii_digit());
    let instant = instant.parse().ok().filter(|_| plain)?;
    let known = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte));
    (known && !id.is_empty()).then(|| (instant, id.to_owned()))
}

/// Newest first.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (limit, after) = asked(&request)?;
    let key = tickets::signer().await?;
    let mut tx = sql::read().await?;
    let (items, next) = page(&mut tx, &key, &claims.subject, after, limit).await?;
    tx.rollback().await?;
    let next_cursor = next.map(|(instant, id)| format!("{instant}.{id}"));
    let page = json!({ "items": items, "next_cursor": next_cursor });
    Ok(Response::json(200, &page)?.header("cache-control", "no-store"))
}

/// So many of a person's tickets behind a key, and where to go on if there are more.
pub async fn page(
    tx: &mut Tx,
    key: &SigningKey,
    person: &str,
    after: Option<Key>,
    limit: usize,
) -> Result<(Vec<View>, Option<Key>), Error> {
    let behind = after.unwrap_or((i64::MAX, String::new()));
    // One more than asked for tells whether there is a next page.
    let (mut all, own_goes_on) = own(tx, person, &behind, limit + 1).await?;
    all.extend(received(tx, person, &behind, limit + 1).await?);
    all.sort_unstable_by_key(|held| std::cmp::Reverse(held.key()));
    // What is older than where reading one's own ended comes on a later page.
    if let Some(end) = &own_goes_on {
        all.retain(|held| held.key() > *end);
    }
    let more = all.len() > limit;
    all.truncate(limit);
    let next = if more { all.last().map(Held::key) } else { own_goes_on };
    let admitted = admitted(tx, all.iter().map(|held| held.booking.as_str())).await?;
    let bookings: BTreeSet<&str> = all.iter().map(|held| held.booking.as_str()).collect();
    let missing = questions::missing(tx, &bookings.into_iter().collect::<Vec<_>>()).await?;
    let view = |held: Held| {
        let at = admitted.get(&(held.booking.clone(), held.number)).copied();
        held.view(key, at, &missing)
    };
    Ok((all.into_iter().map(view).collect(), next))
}

/// One ticket, as its holder sees it.
pub async fn one(tx: &mut Tx, key: &SigningKey, booking: &str, number: u32) -> Result<View, Problem> {
    let statement = "SELECT b.event, b.status, b.created_at, t.ticket_type, t.generation, t.holder, t.held_since, t.name FROM bookings b \
                     JOIN tickets t ON t.booking = b.id AND t.number = $2 WHERE b.id = $1";
    type Row = (String, String, i64, String, u32, Option<String>, Option<i64>, Option<String>);
    let row: Option<Row> = tx.one(statement, params![booking, number]).await?;
    let (event, status, booked_at, ticket_type, generation, holder, since, name) = row.ok_or_else(Problem::not_found)?;
    let held = Held {
        since: since.unwrap_or(booked_at),
        booking: booking.to_owned(),
        number,
        event,
        ticket_type,
        generation,
        name,
        good: status == "confirmed",
        transferred: holder.is_some(),
    };
    let admitted_at = admitted(tx, [booking]).await?.get(&(booking.to_owned(), number)).copied();
    let missing = questions::missing(tx, &[booking]).await?;
    Ok(held.view(key, admitted_at, &missing))
}

kit::row! {
    struct Booking {
        id: String,
        event: String,
        status: String,
        created_at: i64,
    }
}

/// Tickets of a person's own bookings that are still theirs: `most` of those behind a key, or a few more. The key behind which there may be
/// others, where reading ended before all that were wanted were found.
async fn own(tx: &mut Tx, person: &str, behind: &Key, most: usize) -> Result<(Vec<Held>, Option<Key>), Error> {
    let subjects = guests::subjects(tx, person).await?;
    let statement = format!(
        "SELECT id, event, status, created_at FROM bookings WHERE person IN ({}) AND (created_at < $1 OR (created_at = $1 AND id <= $2)) \
         AND (status = 'confirmed' OR (status = 'cancelled' AND (payment IS NOT NULL OR total = 0))) \
         ORDER BY created_at DESC, id DESC LIMIT $3",
        sql::list(4, subjects.len())
    );
    let size = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found: Vec<Held> = Vec::new();
    let mut from = (behind.0, behind.1.split_once('.').map_or(behind.1.clone(), |(booking, _)| booking.to_owned()));
    for read in 0..limits::MINE_READS {
        let mut bookings: Vec<Booking> = {
            let behind = params![from.0, &from.1, size].into_iter();
            tx.all(&statement, behind.chain(subjects.iter().map(Value::from))).await?
        };
        let full = bookings.len() >= most;
        let end = bookings.last().map(|last| (last.created_at, last.id.clone()));
        if read > 0 {
            // Read already, as the last one before.
            bookings.retain(|booking| booking.id != from.1);
        }
        found.extend(tickets_of(tx, bookings).await?.into_iter().filter(|held| held.key() < *behind));
        let Some(end) = end.filter(|_| full) else { return Ok((found, None)) };
        if found.len() >= most {
            return Ok((found, None));
        }
        from = end;
    }
    // Behind all tickets of the booking that was read last.
    Ok((found, Some((from.0, ticket::id(&from.1, 0)))))
}

async fn tickets_of(tx: &mut Tx, bookings: Vec<Booking>) -> Result<Vec<Held>, Error> {
    if bookings.is_empty() {
        return Ok(Vec::new());
    }
    let items = all_items(tx, bookings.iter().map(|booking| booking.id.as_str())).await?;
    let statement = format!(
        "SELECT booking, number, generation, holder, name FROM tickets WHERE booking IN ({})",
        sql::list(1, bookings.len())
    );
    type Row = (String, u32, u32, Option<String>, Option<String>);
    let rows: Vec<Row> = tx.all(&statement, bookings.iter().map(|booking| Value::from(&booking.id))).await?;
    let changed: BTreeMap<(String, u32), Row> = rows.into_iter().map(|row| ((row.0.clone(), row.1), row)).collect();
    let mut all = Vec::new();
    for Booking { id, event, status, created_at } in bookings {
        let items = items.get(&id).map(Vec::as_slice).unwrap_or_default();
        let items = items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity));
        for (number, ticket_type) in tickets::numbered(items) {
            let (generation, name) = match changed.get(&(id.clone(), number)) {
                Some((.., Some(_), _)) => continue,
                Some((.., generation, None, name)) => (*generation, name.clone()),
                None => (1, None),
            };
            all.push(Held {
                since: created_at,
                booking: id.clone(),
                number,
                event: event.clone(),
                ticket_type: ticket_type.to_owned(),
                generation,
                name,
                good: status == "confirmed",
                transferred: false,
            });
        }
    }
    Ok(all)
}

kit::row! {
    struct Received {
        booking: String,
        number: u32,
        event: String,
        ticket_type: String,
        generation: u32,
        name: Option<String>,
        held_since: i64,
        status: String,
    }
}

/// Tickets that others have given to a person.
async fn received(tx: &mut Tx, person: &str, behind: &Key, most: usize) -> Result<Vec<Held>, Error> {
    let (booking, number) = behind.1.split_once('.').unwrap_or((&behind.1, "0"));
    let number: i64 = number.parse().unwrap_or_default();
    let statement = "SELECT t.booking, t.number, t.event, t.ticket_type, t.generation, t.name, t.held_since, b.status FROM tickets t \
                     JOIN bookings b ON b.id = t.booking WHERE t.holder = $1 AND (t.held_since < $2 OR (t.held_since = $2 \
                     AND (t.booking < $3 OR (t.booking = $3 AND t.number < $4)))) \
                     ORDER BY t.held_since DESC, t.booking DESC, t.number DESC LIMIT $5";
    let size = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<Received> = tx.all(statement, params![person, behind.0, booking, number, size]).await?;
    let held = |row: Received| Held {
        since: row.held_since,
        booking: row.booking,
        number: row.number,
        event: row.event,
        ticket_type: row.ticket_type,
        generation: row.generation,
        name: row.name,
        good: row.status == "confirmed",
        transferred: true,
    };
    Ok(rows.into_iter().map(held).collect())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn cursors_are_ours_or_refused() {
        assert_eq!(parse("17.eu_b.0003"), Some((17, "eu_b.0003".to_owned())));
        assert_eq!(parse("17.eu_b"), Some((17, "eu_b".to_owned())));
        for nonsense in ["", "17", "17.", "-1.eu_b", "x.eu_b", "17.eu_B", "+17.eu_b", "99999999999999999999.eu_b"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}

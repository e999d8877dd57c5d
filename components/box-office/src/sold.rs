//! The tickets that were sold for an event, one after the other. They stand in no table: a booking's items say how many it has.

use crate::limits;
use crate::scan::all_items;
use kit::sql::{self, Error, Tx, Value};
use kit::{Problem, id, params, tickets};
use std::collections::BTreeMap;

/// A ticket of a booking that is, or was, confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldTicket {
    /// Where it stands.
    pub place: Place,
    /// What it is for.
    pub ticket_type: String,
    /// Which of its codes is good.
    pub generation: u32,
    /// The name that it is in, or else of whose it is, where that is known here.
    pub name: Option<String>,
    /// Whether it lets nobody in: its booking was cancelled.
    pub void: bool,
    /// When and where somebody was let in first.
    pub admitted: Option<(i64, Option<String>)>,
}

/// A booking, and a number in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The booking's id.
    pub booking: String,
    /// The ticket's number.
    pub number: u32,
}

impl Place {
    /// What a cursor says.
    pub fn parse(cursor: &str) -> Option<Self> {
        let (booking, digits) = cursor.split_once('.')?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| plain && limits::NUMBER.contains(number))?;
        id::valid(booking).then(|| Self { booking: booking.to_owned(), number })
    }

    /// A cursor that says this.
    pub fn cursor(&self) -> String {
        format!("{}.{}", self.booking, self.number)
    }
}

kit::row! {
    struct Booking {
        id: String,
        person: String,
        status: String,
    }
}

/// Those behind a place, of some bookings; none where there are no more. `list`: by which people were let in; none: by any.
pub async fn after(tx: &mut Tx, event: &str, place: Option<&Place>, list: Option<&str>) -> Result<Vec<SoldTicket>, Problem> {
    let mut from = (String::new(), String::new());
    if let Some(place) = place {
        let statement = "SELECT person, id FROM bookings WHERE id = $1 AND event = $2";
        let known = tx.one(statement, params![&place.booking, event]).await?;
        from = known.ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list"))?;
    }
    // By person, because there is an index for that; from this booking on, because it may have more tickets.
    let statement = "SELECT id, person, status FROM bookings WHERE event = $1 AND (person, id) >= ($2, $3) \
                     AND (status = 'confirmed' OR (status = 'cancelled' AND (payment IS NOT NULL OR total = 0))) \
                     ORDER BY person, id LIMIT $4";
    let mut behind = (from.0, from.1, place.map_or(0, |place| place.number));
    loop {
        let bookings: Vec<Booking> = tx.all(statement, params![event, &behind.0, &behind.1, limits::BOOKINGS_AT_ONCE]).await?;
        let Some(last) = bookings.last() else { return Ok(Vec::new()) };
        let last = (last.person.clone(), last.id.clone());
        let full = bookings.len() >= usize::try_from(limits::BOOKINGS_AT_ONCE).unwrap_or(usize::MAX);
        let mut all = described(tx, bookings, list).await?;
        all.retain(|ticket| ticket.place.booking != behind.1 || ticket.place.number > behind.2);
        if !all.is_empty() || !full {
            return Ok(all);
        }
        behind = (last.0, last.1, u32::MAX);
    }
}

/// What has happened to a ticket.
struct Changed {
    generation: u32,
    holder: Option<String>,
    name: Option<String>,
}

async fn described(tx: &mut Tx, bookings: Vec<Booking>, list: Option<&str>) -> Result<Vec<SoldTicket>, Error> {
    let items = all_items(tx, bookings.iter().map(|booking| booking.id.as_str())).await?;
    let placeholders = sql::list(1, bookings.len());
    let ids = || bookings.iter().map(|booking| Value::from(&booking.id));
    let statement = format!("SELECT booking, number, generation, holder, name FROM tickets WHERE booking IN ({placeholders})");
    type Row = (String, u32, u32, Option<String>, Option<String>);
    let rows: Vec<Row> = tx.all(&statement, ids()).await?;
    let changed: BTreeMap<(String, u32), Changed> = rows
        .into_iter()
        .map(|(booking, number, generation, holder, name)| ((booking, number), Changed { generation, holder, name }))
        .collect();
    let by_list = list.map_or(String::new(), |_| format!(" AND list = ${}", bookings.len() + 1));
    let statement =
        format!("SELECT booking, number, at, gate FROM admissions WHERE booking IN ({placeholders}){by_list} ORDER BY at DESC");
    let rows: Vec<(String, u32, i64, Option<String>)> = tx.all(&statement, ids().chain(list.map(Value::from))).await?;
    // The first one of a ticket comes last.
    let mut admitted: BTreeMap<_, _> =
        rows.into_iter().map(|(booking, number, at, gate)| ((booking, number), (at, gate))).collect();
    let mut people: Vec<&str> = bookings.iter().map(|booking| booking.person.as_str()).collect();
    people.extend(changed.values().filter_map(|changed| changed.holder.as_deref()));
    let names = names(tx, people).await?;
    let mut all = Vec::new();
    for Booking { id, person, status } in bookings {
        let items = items.get(&id).map(Vec::as_slice).unwrap_or_default();
        for (number, ticket_type) in
            tickets::numbered(items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity)))
        {
            let key = (id.clone(), number);
            let changed = changed.get(&key);
            let holder = changed.and_then(|changed| changed.holder.as_deref()).unwrap_or(&person);
            let name = changed.and_then(|changed| changed.name.as_ref()).or_else(|| names.get(holder)).cloned();
            all.push(SoldTicket {
                ticket_type: ticket_type.to_owned(),
                generation: changed.map_or(1, |changed| changed.generation),
                name,
                void: status != "confirmed",
                admitted: admitted.remove(&key),
                place: Place { booking: key.0, number },
            });
        }
    }
    Ok(all)
}

async fn names(tx: &mut Tx, mut people: Vec<&str>) -> Result<BTreeMap<String, String>, Error> {
    people.sort_unstable();
    people.dedup();
    let mut names = BTreeMap::new();
    for chunk in people.chunks(kit::limits::ROWS) {
        let statement = format!(
            "SELECT id, name FROM users WHERE name <> '' AND erased_at IS NULL AND id IN ({})",
            sql::list(1, chunk.len())
        );
        names.extend(tx.all::<(String, String)>(&statement, chunk.iter().map(|id| Value::from(*id))).await?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_ours_or_refused() {
        let place = Place { booking: "eu_b".to_owned(), number: 12 };
        assert_eq!((place.cursor(), Place::parse("eu_b.12")), ("eu_b.12".to_owned(), Some(place)));
        for nonsense in ["", "eu_b", "eu_b.", "eu_b.0", "eu_b.01", "eu_b.-1", "eu_b.10000", "EU_B.1", ".1", "eu_b.1.1"] {
            assert_eq!(Place::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn fuzz_cursors() {
        fuzz::text(&["eu_06f9zkb2m4s8t1w6y3c5e7g9hj.12", "a_0.9999"], |text| {
            if let Some(place) = Place::parse(text) {
                assert_eq!(place.cursor(), text);
            }
        });
    }
}

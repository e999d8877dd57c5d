//! Check-in lists: what a gate lets in by.

use crate::limits;
use crate::scan::Event;
use kit::sql::{self, Error, Tx};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, config, id, idempotency, json, params, problem, query, time};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// The list that every event has.
pub const DEFAULT: &str = "default";
/// How often a list lets somebody in by one ticket.
const ENTRIES: &[&str] = &["once", "many"];

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// [`DEFAULT`], or an id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whom it is for; none: all.
    pub ticket_types: Option<Vec<String>>,
    /// From when on it lets in.
    pub opens_at: Option<i64>,
    /// Until when.
    pub closes_at: Option<i64>,
    /// Whether it lets in more than once.
    pub many: bool,
}

impl List {
    /// The one that every event has: all ticket types, at any time, once.
    pub fn of_all() -> Self {
        let (id, name) = (DEFAULT.to_owned(), "All tickets".to_owned());
        Self { id, name, ticket_types: None, opens_at: None, closes_at: None, many: false }
    }

    /// Whether it is for this ticket type.
    pub fn is_for(&self, ticket_type: &str) -> bool {
        self.ticket_types.as_ref().is_none_or(|types| types.iter().any(|known| known == ticket_type))
    }

    /// Whether it lets in at that time.
    pub fn is_open(&self, at: i64) -> bool {
        self.opens_at.is_none_or(|opens| opens <= at) && self.closes_at.is_none_or(|closes| at < closes)
    }
}

kit::row! {
    struct Row {
        id: String,
        name: String,
        ticket_types: Option<String>,
        opens_at: Option<i64>,
        closes_at: Option<i64>,
        entries: String,
    }
}

impl TryFrom<Row> for List {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let Row { id, name, ticket_types, opens_at, closes_at, entries } = row;
        let types = ticket_types.as_deref().map(serde_json::from_str).transpose();
        let ticket_types = types.map_err(|error| Error::Other(format!("check-in list {id}: {error}")))?;
        Ok(Self { id, name, ticket_types, opens_at, closes_at, many: entries == "many" })
    }
}

const COLUMNS: &str = "id, name, ticket_types, opens_at, closes_at, entries";

/// A list of an event, which is not deleted before the transaction ends; the one that every event has where none is named.
pub async fn find(tx: &mut Tx, event: &str, list: Option<&str>) -> Result<Option<List>, Error> {
    let Some(list) = list.filter(|list| *list != DEFAULT) else { return Ok(Some(List::of_all())) };
    let statement = format!("SELECT {COLUMNS} FROM checkin_lists WHERE id = $1 AND event = $2{}", tx.shared_lock());
    let row: Option<Row> = tx.one(&statement, params![list, event]).await?;
    row.map(TryInto::try_into).transpose()
}

/// As [`find`], of what is only read.
pub async fn read(tx: &mut Tx, event: &str, list: Option<&str>) -> Result<Option<List>, Error> {
    let Some(list) = list.filter(|list| *list != DEFAULT) else { return Ok(Some(List::of_all())) };
    let statement = format!("SELECT {COLUMNS} FROM checkin_lists WHERE id = $1 AND event = $2");
    let row: Option<Row> = tx.one(&statement, params![list, event]).await?;
    row.map(TryInto::try_into).transpose()
}

/// A list as it is shown.
#[derive(Debug, Serialize)]
pub struct View {
    id: String,
    name: String,
    ticket_types: Option<Vec<String>>,
    opens_at: Option<String>,
    closes_at: Option<String>,
    entries: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    admissions: Option<i64>,
}

impl View {
    /// Of a list, and how often somebody was let in by it, where that is known.
    pub fn new(list: List, admissions: Option<i64>) -> Self {
        let entries = entries(&list);
        let List { id, name, ticket_types, opens_at, closes_at, many: _ } = list;
        Self {
            id,
            name,
            ticket_types,
            opens_at: opens_at.map(time::format),
            closes_at: closes_at.map(time::format),
            entries,
            admissions,
        }
    }
}

/// `GET /api/events/{id}/checkin-lists`: all of them, the event's own first. There is one page.
pub async fn all(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let event = Event::permitted(&mut tx, &claims, request.id("id")?, Permission::CheckIn).await?;
    let items = shown(&mut tx, &event.id).await?;
    tx.rollback().await?;
    Ok(Response::json(200, &json!({ "items": items, "next_cursor": null }))?.header("cache-control", "no-store"))
}

/// All lists of an event.
pub async fn shown(tx: &mut Tx, event: &str) -> Result<Vec<View>, Error> {
    let statement = "SELECT list, COUNT(*) FROM admissions WHERE event = $1 GROUP BY list";
    let counts: BTreeMap<String, i64> = tx.all::<(String, i64)>(statement, params![event]).await?.into_iter().collect();
    let statement = format!("SELECT {COLUMNS} FROM checkin_lists WHERE event = $1 ORDER BY created_at, id LIMIT $2");
    let rows: Vec<Row> = tx.all(&statement, params![event, i64::try_from(limits::LISTS).unwrap_or(i64::MAX)]).await?;
    let lists = rows.into_iter().map(List::try_from).collect::<Result<Vec<_>, _>>()?;
    let count = |list: &List| Some(counts.get(&list.id).copied().unwrap_or_default());
    Ok(std::iter::once(List::of_all()).chain(lists).map(|list| View::new(list.clone(), count(&list))).collect())
}

/// The list that a body names.
pub fn asked_for(body: &mut json::Reader) -> Option<String> {
    let list = body.optional_text("list", kit::limits::ID_BYTES);
    if list.as_deref().is_some_and(|list| !is_name(list)) {
        body.fault("list", NO_NAME);
    }
    list
}

/// The list that a query names.
pub fn queried(query: &mut query::Reader) -> Option<String> {
    let list = query.text("list", kit::limits::ID_BYTES);
    if list.as_deref().is_some_and(|list| !is_name(list)) {
        query.fault("list", NO_NAME);
    }
    list
}

const NO_NAME: &str = "must be an id, or default";

fn is_name(text: &str) -> bool {
    text == DEFAULT || id::valid(text)
}

/// What a list is to be, but for its id.
fn asked(body: &mut json::Reader) -> List {
    List {
        id: String::new(),
        name: body.name("name", limits::NAME),
        ticket_types: body.optional_ids("ticket_types", &limits::LIST_TYPES),
        opens_at: body.optional_instant("opens_at"),
        closes_at: body.optional_instant("closes_at"),
        many: body.optional_word("entries", ENTRIES) == Some("many"),
    }
}

/// `POST /api/events/{id}/checkin-lists`
pub async fn create(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let event = request.id("id")?;
    let list = List { id: id::new(&config::region().await?), ..json::read(&request, asked)? };
    idempotency::once(&request, "checkin-lists", &claims.subject, async |tx: &mut Tx| {
        let event = Event::permitted(tx, &claims, event, Permission::EditEvents).await?;
        add(tx, &event.id, &list).await?;
        Response::json(201, &View::new(list.clone(), Some(0)))
    })
    .await
}

/// Adds it.
pub async fn add(tx: &mut Tx, event: &str, list: &List) -> Result<(), Problem> {
    check(tx, event, list).await?;
    // Locks the event's row, so that no two requests count at once.
    tx.one::<(i64,)>(&format!("SELECT 1 FROM events WHERE id = $1{}", tx.exclusive_lock()), params![event]).await?;
    let statement = "SELECT COUNT(*) FROM checkin_lists WHERE event = $1";
    let (count,) = tx.one::<(i64,)>(statement, params![event]).await?.unwrap_or_default();
    if usize::try_from(count).unwrap_or(usize::MAX) >= limits::LISTS {
        let detail = format!("An event may have {} check-in lists.", limits::LISTS);
        return Err(Problem::new(problem::WRONG_STATE, detail));
    }
    let now = tx.now();
    tx.execute(
        "INSERT INTO checkin_lists (id, event, name, ticket_types, opens_at, closes_at, entries, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8)",
        params![&list.id, event, &list.name, types(list), list.opens_at, list.closes_at, entries(list), now],
    )
    .await?;
    Ok(())
}

fn types(list: &List) -> Option<String> {
    list.ticket_types.as_ref().map(|types| json!(types).to_string())
}

fn entries(list: &List) -> &'static str {
    if list.many { "many" } else { "once" }
}

/// Whether it makes sense for this event.
async fn check(tx: &mut Tx, event: &str, list: &List) -> Result<(), Problem> {
    if list.opens_at.zip(list.closes_at).is_some_and(|(opens, closes)| closes <= opens) {
        return Err(Problem::fault("/closes_at", "must be after opens_at"));
    }
    let Some(types) = &list.ticket_types else { return Ok(()) };
    let known: Vec<(String,)> = tx.all("SELECT id FROM ticket_types WHERE event_id = $1", params![event]).await?;
    match types.iter().position(|wanted| !known.iter().any(|(known,)| known == wanted)) {
        Some(index) => Err(Problem::fault(format!("/ticket_types/{index}"), "is no ticket type of this event")),
        None => Ok(()),
    }
}

/// `PUT /api/events/{id}/checkin-lists/{list}`: makes it another. Who was let in by it stays so.
pub async fn change(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (event, id) = (request.id("id")?, request.id("list")?);
    let list = List { id: id.to_owned(), ..json::read(&request, asked)? };
    idempotency::once(&request, "checkin-lists", &claims.subject, async |tx: &mut Tx| {
        let event = Event::permitted(tx, &claims, event, Permission::EditEvents).await?;
        check(tx, &event.id, &list).await?;
        let now = tx.now();
        let changed = tx
            .execute(
                "UPDATE checkin_lists SET name = $3, ticket_types = $4, opens_at = $5, closes_at = $6, entries = $7, version = version + 1, \
                 updated_at = $8 WHERE id = $1 AND event = $2",
                params![&list.id, &event.id, &list.name, types(&list), list.opens_at, list.closes_at, entries(&list), now],
            )
            .await?;
        if changed == 0 {
            return Err(Problem::not_found());
        }
        let admitted = count(tx, &event.id, &list.id).await?;
        Response::json(200, &View::new(list.clone(), Some(admitted)))
    })
    .await
}

async fn count(tx: &mut Tx, event: &str, list: &str) -> Result<i64, Error> {
    let statement = "SELECT COUNT(*) FROM admissions WHERE list = $1 AND event = $2";
    Ok(tx.one::<(i64,)>(statement, params![list, event]).await?.unwrap_or_default().0)
}

/// `DELETE /api/events/{id}/checkin-lists/{list}`: one that nobody was let in by.
pub async fn delete(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (event, list) = (request.id("id")?, request.id("list")?);
    idempotency::once(&request, "checkin-lists", &claims.subject, async |tx: &mut Tx| {
        let event = Event::permitted(tx, &claims, event, Permission::EditEvents).await?;
        remove(tx, &event.id, list).await?;
        Ok(Response::empty(204))
    })
    .await
}

/// Removes it.
pub async fn remove(tx: &mut Tx, event: &str, list: &str) -> Result<(), Problem> {
    let lock = tx.exclusive_lock();
    let found: Option<(i64,)> =
        tx.one(&format!("SELECT 1 FROM checkin_lists WHERE id = $1 AND event = $2{lock}"), params![list, event]).await?;
    found.ok_or_else(Problem::not_found)?;
    if count(tx, event, list).await? > 0 {
        let detail = "People were let in by this list, which it is the record of: give it an end with closes_at.";
        return Err(Problem::new(problem::WRONG_STATE, detail));
    }
    tx.execute("DELETE FROM checkin_lists WHERE id = $1 AND event = $2", params![list, event]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_for_some_types_and_some_time() {
        let list = List { ticket_types: Some(vec!["a".to_owned()]), opens_at: Some(5), closes_at: Some(7), ..List::of_all() };
        assert!(list.is_for("a") && !list.is_for("b"));
        let open: Vec<_> = (4..=7).map(|at| list.is_open(at)).collect();
        assert_eq!(open, [false, true, true, false]);
        assert!(List::of_all().is_for("b") && List::of_all().is_open(0));
    }
}

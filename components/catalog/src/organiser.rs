//! `GET /api/organisers/{id}/events`: what an organiser's team sees of its events, drafts among them.

use kit::params;
use kit::sql::{FromRow, RowReader, Tx, Value};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, id, query, sql, time};
use read_model::EventDoc;
use read_model::rows::EventRow;
use serde::Serialize;

use crate::document::Document;
use crate::{limits, store};

const STATUSES: &[&str] = &["draft", "published", "cancelled"];

#[derive(Serialize)]
struct List<'a> {
    items: Vec<Item<'a>>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    event: Document<'a>,
    created_at: String,
}

/// Where a page begins: behind this event.
type After = (i64, String);

struct Row {
    event: EventRow,
    created_at: i64,
    reminder_hours: i64,
}

impl FromRow for Row {
    fn from_row(row: &mut RowReader) -> Result<Self, sql::Error> {
        Ok(Self { event: EventRow::from_row(row)?, created_at: row.column()?, reminder_hours: row.column()? })
    }
}

/// Those that are at home here, newest first.
pub async fn list(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (status, limit, cursor) = query::read(&request, |query| {
        let limit = query.integer("limit", limits::ORGANISER_PAGE).unwrap_or(limits::ORGANISER_PAGE_DEFAULT);
        (query.word("status", STATUSES), limit, query.text("cursor", limits::CREATED_CURSOR))
    })?;
    let after =
        cursor.map(|text| parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list"))).transpose()?;
    let organiser = request.id("id")?;
    let mut tx = sql::read().await?;
    if !store::has_organiser(&mut tx, organiser).await? {
        return Err(Problem::not_found());
    }
    team::require(&mut tx, &claims, organiser, Permission::SeeEvents).await?;
    let mut found = page(&mut tx, organiser, status, after, limit + 1).await?;
    tx.rollback().await?;
    let size = usize::try_from(limit).unwrap_or_default();
    let more = found.len() > size;
    found.truncate(size);
    let next_cursor = found.last().filter(|_| more).map(|(doc, created_at, _)| format!("{created_at}.{}", doc.id));
    let mut items = Vec::with_capacity(found.len());
    for (doc, created_at, reminder_hours) in &found {
        items.push(Item { event: Document::of_team(doc, *reminder_hours), created_at: time::format(*created_at) });
    }
    Ok(Response::json(200, &List { items, next_cursor })?.header("cache-control", "private, no-store"))
}

async fn page(
    tx: &mut Tx,
    organiser: &str,
    status: Option<&str>,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<(EventDoc, i64, i64)>, Problem> {
    let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
    let condition = if status.is_some() { " AND status = $5" } else { "" };
    let statement = format!(
        "SELECT {}, created_at, reminder_hours FROM events WHERE organiser_id = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3)){condition} \
         ORDER BY created_at DESC, id DESC LIMIT $4",
        EventRow::COLUMNS.join(", ")
    );
    let parameters = params![organiser, created_at, id, limit].into_iter().chain(status.map(Value::from));
    let rows: Vec<Row> = tx.all(&statement, parameters).await?;
    let mut events = Vec::with_capacity(rows.len());
    for Row { event, created_at, reminder_hours } in rows {
        let tickets = store::tickets(tx, &event.id).await?;
        let id = event.id.clone();
        let doc = event.doc(tickets).ok_or_else(|| Problem::internal(format_args!("event {id}: unknown status or question")))?;
        events.push((doc, created_at, reminder_hours));
    }
    Ok(events)
}

fn parse(cursor: &str) -> Option<After> {
    let (created_at, event) = cursor.split_once('.')?;
    let plain = created_at.len() <= limits::CURSOR_DIGITS && created_at.bytes().all(|byte| byte.is_ascii_digit());
    let created_at = created_at.parse().ok().filter(|_| plain)?;
    id::valid(event).then(|| (created_at, event.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn cursors_are_ours_or_refused() {
        assert_eq!(parse("17.eu_e"), Some((17, "eu_e".to_owned())));
        for nonsense in ["", "17", "17.", ".eu_e", "-1.eu_e", "x.eu_e", "17.eu_E", "+17.eu_e", "99999999999999999999.eu_e"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}

//! The audit log, for reading.

use crate::{admins_only, answers_here, limits};
use kit::query::Reader;
use kit::sql::{Error, Tx, Value};
use kit::{Answer, Problem, Request, Response, accept, claims, config, csv, params, query, sql, time};
use serde::Serialize;

kit::row! {
    /// A row of the log.
    #[derive(Debug)]
    pub struct Row {
        sequence: i64,
        ce_id: String,
        kind: String,
        subject: String,
        actor: Option<String>,
        network: Option<String>,
        at: i64,
        digest: String,
        previous: String,
        hash: String,
    }
}

#[derive(Debug, Serialize)]
struct Item {
    sequence: i64,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    actor: Option<String>,
    network: Option<String>,
    at: String,
    digest: String,
    previous: String,
    hash: String,
}

/// A page of the log.
#[derive(Debug, Serialize)]
pub struct Page {
    region: String,
    items: Vec<Item>,
    next_cursor: Option<String>,
}

/// Which entries are wanted; nothing: all.
#[derive(Debug, Default)]
pub struct Filter {
    /// Who did it: the whole id.
    pub actor: Option<String>,
    /// What it happened to: the whole id.
    pub subject: Option<String>,
    /// A type, as `user.suspended`, or the first word of several, as `user`.
    pub kind: Option<String>,
    /// From then on.
    pub from: Option<i64>,
    /// Before that.
    pub to: Option<i64>,
}

impl Filter {
    fn read(query: &mut Reader) -> Self {
        let kind = query.text("type", limits::AUDIT_FILTER);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if kind.as_ref().is_some_and(|kind| !kind.bytes().all(plain)) {
            query.fault("type", "must be a type, as user.suspended, or its first word, as user");
        }
        Self {
            actor: query.text("actor", limits::AUDIT_FILTER),
            subject: query.text("subject", limits::AUDIT_FILTER),
            kind,
            from: query.instant("from"),
            to: query.instant("to"),
        }
    }

    /// Whether an index leads to what is wanted.
    fn is_looked_up(&self) -> bool {
        self.actor.is_some() || self.subject.is_some()
    }

    /// Whether everything is wanted.
    fn is_empty(&self) -> bool {
        !self.is_looked_up() && self.kind.is_none() && self.from.is_none() && self.to.is_none()
    }
}

/// `GET /api/audit?region=`: the region's log, newest first, as JSON in pages, or as CSV: as many entries as fit, and a link to the rest.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let region = config::region().await?;
    let as_csv = accept::choose(&request, &["application/json", csv::MEDIA])? == csv::MEDIA;
    let (limit, cursor, filter) = query::read(&request, |query| {
        answers_here(&region, query);
        let most = limits::AUDIT_CSV_ROWS;
        let limit = if as_csv { query.integer("limit", 1..=most).unwrap_or(most) } else { query.limit() };
        (limit, query.text("cursor", limits::CURSOR_BYTES), Filter::read(query))
    })?;
    let before =
        cursor.map(|text| parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list"))).transpose()?;
    let mut tx = sql::read().await?;
    admins_only(&mut tx, &claims.subject).await?;
    let page = page(&mut tx, &region, before, limit, &filter).await?;
    tx.rollback().await?;
    let response = if as_csv {
        let next = page.next_cursor.as_deref().map(|cursor| csv::next_page(&request, cursor));
        page.table().answer(&format!("audit-log-{region}"), next)
    } else {
        Response::json(200, &page)?
    };
    Ok(response.header("vary", "accept").header("cache-control", "private, no-store"))
}

impl Page {
    /// Its entries, each with the region whose log it is of: sequences are counted by region.
    pub fn table(&self) -> csv::Table {
        let columns = ["region", "sequence", "id", "type", "subject", "actor", "network", "at", "digest", "previous", "hash"];
        let mut table = csv::Table::new(columns);
        for item in &self.items {
            let Item { sequence, id, kind, subject, actor, network, at, digest, previous, hash } = item;
            let (actor, network) = (actor.as_deref().unwrap_or_default(), network.as_deref().unwrap_or_default());
            table.row([&self.region, &sequence.to_string(), id, kind, subject, actor, network, at, digest, previous, hash]);
        }
        table
    }
}

/// The rows before a sequence, or the newest. Where a filter means to look through the log, a page ends after [`limits::AUDIT_SCANNED`] entries, however few
/// of them it has, and the next one goes on from there.
pub async fn page(tx: &mut Tx, region: &str, before: Option<i64>, limit: i64, filter: &Filter) -> Result<Page, Error> {
    let mut parameters = params![region, before.unwrap_or(i64::MAX), limit + 1].to_vec();
    let mut conditions = String::new();
    let mut condition = |text: &str, value: Value| {
        parameters.push(value);
        conditions.push_str(" AND ");
        conditions.push_str(&text.replace('#', &format!("${}", parameters.len())));
    };
    let mut floor = 1;
    if !filter.is_empty() && !filter.is_looked_up() {
        let head: Option<(i64,)> = tx.one("SELECT sequence FROM audit_heads WHERE region = $1", params![region]).await?;
        let top = before.unwrap_or(i64::MAX).min(head.map_or(0, |(head,)| head) + 1);
        floor = (top - limits::AUDIT_SCANNED).max(1);
        condition("sequence >= #", Value::from(floor));
    }
    if let Some(actor) = &filter.actor {
        condition("actor = #", Value::from(actor));
    }
    if let Some(subject) = &filter.subject {
        condition("subject = #", Value::from(subject));
    }
    match &filter.kind {
        Some(kind) if kind.contains('.') => condition("type = #", Value::from(kind)),
        Some(first) => condition("type LIKE #", Value::from(format!("{first}.%"))),
        None => {}
    }
    if let Some(from) = filter.from {
        condition("at >= #", Value::from(from));
    }
    if let Some(to) = filter.to {
        condition("at < #", Value::from(to));
    }
    let statement = format!(
        "SELECT sequence, ce_id, type, subject, actor, network, at, digest, previous, hash FROM audit_log \
         WHERE region = $1 AND sequence < $2{conditions} ORDER BY sequence DESC LIMIT $3"
    );
    // One more than asked for tells whether there is a next page.
    let mut rows: Vec<Row> = tx.all(&statement, parameters).await?;
    let size = usize::try_from(limit).unwrap_or_default();
    let more = rows.len() > size;
    rows.truncate(size);
    let next = if more { rows.last().map(|row| row.sequence) } else { (floor > 1).then_some(floor) };
    let items = rows.into_iter().map(Into::into).collect();
    Ok(Page { region: region.to_owned(), items, next_cursor: next.map(|sequence| sequence.to_string()) })
}

impl From<Row> for Item {
    fn from(row: Row) -> Self {
        let Row { sequence, ce_id, kind, subject, actor, network, at, digest, previous, hash } = row;
        Self { sequence, id: ce_id, kind, subject, actor, network, at: time::format(at), digest, previous, hash }
    }
}

fn parse(cursor: &str) -> Option<i64> {
    let plain = cursor.bytes().all(|byte| byte.is_ascii_digit()) && !cursor.starts_with('0');
    cursor.parse().ok().filter(|sequence| plain && *sequence > 0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn foreign_cursors_are_refused() {
        assert_eq!(parse("17"), Some(17));
        for nonsense in ["", "0", "07", "-1", "+1", "x", "1.5", "99999999999999999999"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn fuzz_cursors() {
        fuzz::text(&["17", "9223372036854775807"], |text| {
            if let Some(sequence) = parse(text) {
                assert!(sequence > 0 && text.trim_start_matches('0') == sequence.to_string(), "{text}");
            }
        });
    }
}

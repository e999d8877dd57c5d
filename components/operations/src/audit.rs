//! The audit log, for reading.

use crate::{admins_only, answers_here, limits};
use kit::sql::{Error, Tx};
use kit::{Answer, Problem, Request, Response, claims, config, params, query, sql, time};
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

/// `GET /api/audit?region=`: the region's log, newest first.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let region = config::region().await?;
    let (limit, cursor) = query::read(&request, |query| {
        answers_here(&region, query);
        (query.limit(), query.text("cursor", limits::CURSOR_BYTES))
    })?;
    let before =
        cursor.map(|text| parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list"))).transpose()?;
    let mut tx = sql::read().await?;
    admins_only(&mut tx, &claims.subject).await?;
    let page = page(&mut tx, &region, before, limit).await?;
    tx.rollback().await?;
    Ok(Response::json(200, &page)?.header("cache-control", "private, no-store"))
}

/// The rows before a sequence, or the newest.
pub async fn page(tx: &mut Tx, region: &str, before: Option<i64>, limit: i64) -> Result<Page, Error> {
    // One more than asked for tells whether there is a next page.
    let mut rows: Vec<Row> = tx
        .all(
            "SELECT sequence, ce_id, type, subject, actor, network, at, digest, previous, hash FROM audit_log \
             WHERE region = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3",
            params![region, before.unwrap_or(i64::MAX), limit + 1],
        )
        .await?;
    let size = usize::try_from(limit).unwrap_or_default();
    let more = rows.len() > size;
    rows.truncate(size);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.sequence.to_string());
    let items = rows.into_iter().map(Into::into).collect();
    Ok(Page { region: region.to_owned(), items, next_cursor })
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

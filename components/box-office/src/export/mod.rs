//! `GET /api/auth/me/export`: everything that a region knows of the caller, as a list, or as an archive with the papers of what they bought.
//!
//! It stands here, where papers are made; what it says of somebody is `SECTIONS` of the crate `migrations`.

mod archive;

use crate::limits;
use kit::sql::{FromRow, RowReader, Tx, Value};
use kit::{Answer, Problem, Request, Response, accept, claims, config, json, params, query, sql, time};
use migrations::personal::{Form, SECTIONS, Section};
use serde_json::{Map, Value as Json, json};

const JSON: &str = "application/json";
const ZIP: &str = "application/zip";

/// Something that is known of the caller, and what it is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    at: i64,
    id: String,
}

impl Key {
    /// What everything is behind.
    fn newest() -> Self {
        Self { at: i64::MAX, id: String::new() }
    }
}

/// Everything that this region knows of the caller, newest first. The session must have proved lately whose it is: where another region keeps the accounts,
/// the host has asked there.
pub async fn export(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let media = accept::choose(&request, &[JSON, ZIP])?;
    let list = if media == JSON { Some(asked(&request)?) } else { None };
    if list.is_none() {
        query::read(&request, |_| ())?;
    }
    let region = config::region().await?;
    if config::accounts_elsewhere().await?.is_none() {
        let mut tx = sql::read().await?;
        claims::require_recent(&mut tx, &claims).await?;
        tx.rollback().await?;
    }
    let response = match list {
        Some((limit, behind)) => {
            let mut tx = sql::read().await?;
            let (items, next) = page(&mut tx, &region, &claims.subject, &behind, limit).await?;
            tx.rollback().await?;
            let next_cursor = next.map(|Key { at, id }| format!("{at}.{id}"));
            Response::json(200, &json!({ "items": items, "next_cursor": next_cursor }))?
        }
        None => {
            let archive = archive::make(&region, &claims.subject).await?;
            Response::new(200, ZIP, archive).header("content-disposition", "attachment; filename=\"my-data.zip\"")
        }
    };
    Ok(response.header("vary", "accept").header("cache-control", "no-store"))
}

/// The same as an archive, of whom an operator names, who has the database anyway.
pub async fn of_person(request: Request) -> Answer {
    let person = json::read(&request, |body| body.id("user_id"))?;
    let archive = archive::make(&config::region().await?, &person).await?;
    Ok(Response::new(200, ZIP, archive))
}

fn asked(request: &Request) -> Result<(i64, Key), Problem> {
    let (limit, cursor) = query::read(request, |query| (query.limit(), query.text("cursor", limits::EXPORT_CURSOR)))?;
    let behind = match cursor {
        Some(text) => parse(&text).ok_or_else(|| Problem::fault("/cursor", "not a cursor of this list"))?,
        None => Key::newest(),
    };
    Ok((limit, behind))
}

/// The newest of all sections behind an item, and the last of them where there are more.
async fn page(tx: &mut Tx, region: &str, user: &str, behind: &Key, limit: i64) -> Result<(Vec<Json>, Option<Key>), Problem> {
    let mut items = Vec::new();
    for section in SECTIONS {
        // One more than asked for tells whether there is a next page.
        let parameters = params![user, behind.at, &behind.id, limit + 1];
        let rows: Vec<Columns> = tx.all(&section.statement(tx.bytewise()), parameters).await?;
        for Columns(columns) in rows {
            items.push(item(section, region, columns)?);
        }
    }
    items.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    let size = usize::try_from(limit).unwrap_or_default();
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|(key, _)| key.clone());
    Ok((items.into_iter().map(|(_, item)| item).collect(), next))
}

/// All columns of a row, whatever they are.
struct Columns(Vec<Value>);

impl FromRow for Columns {
    fn from_row(row: &mut RowReader) -> Result<Self, sql::Error> {
        Ok(Self(row.rest()))
    }
}

fn item(section: &Section, region: &str, columns: Vec<Value>) -> Result<(Key, Json), Problem> {
    let mut columns = columns.into_iter();
    let (Some(Value::Text(id)), Some(Value::Integer(at))) = (columns.next(), columns.next()) else {
        return Err(Problem::internal(format_args!("a row of {} has no id and instant", section.kind)));
    };
    let mut data = Map::new();
    for ((name, _, form), value) in section.members.iter().zip(columns) {
        let value = match (form, value) {
            (_, Value::Null) => continue,
            (Form::Instant, Value::Integer(at)) => time::format(at).into(),
            (_, Value::Integer(number)) => number.into(),
            (_, Value::Text(text)) => text.into(),
        };
        data.insert((*name).to_owned(), value);
    }
    let item = json!({ "id": id, "created_at": time::format(at), "region": region, "kind": section.kind, "data": data });
    Ok((Key { at, id }, item))
}

/// `MICROSECONDS.ID`, as lists of several regions have it.
fn parse(cursor: &str) -> Option<Key> {
    let (at, id) = cursor.split_once('.')?;
    let plain = !at.is_empty() && at.len() <= 18 && at.bytes().all(|byte| byte.is_ascii_digit());
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'-');
    let at = at.parse().ok().filter(|_| plain)?;
    (!id.is_empty() && id.bytes().all(is_part)).then(|| Key { at, id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    #[test]
    fn foreign_cursors_are_refused() {
        for good in ["17.booking.eu_b", "0.second-factor.totp"] {
            assert!(parse(good).is_some(), "{good}");
        }
        for nonsense in ["", "17", "17.", ".a", "-1.a", "x.a", "17.A", "17.a'b", "9999999999999999999.a"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn fuzz_cursors() {
        fuzz::text(&["1800000000000000.booking.eu_06f9zkb2m4s8t1w6y3c5e7g9hj", "0.a"], |text| {
            if let Some(Key { at, id }) = parse(text) {
                assert!(at >= 0 && text.ends_with(&id), "{text}");
            }
        });
    }

    /// Every statement fits the tables, on either engine, and pages follow one another without a gap.
    #[test]
    fn everything_comes_once_however_long_pages_are() {
        for database in Database::all() {
            database.enter();
            database.run(
                "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_u', 'ada@example.com', 'Ada', 'x', 1, 7)",
            );
            for number in 0..5 {
                database.run(&format!(
                    "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, created_at) VALUES ('eu_s{number}', 'eu_u', 'h', 0, 9, {})",
                    number / 3
                ));
                database.run(&format!(
                    "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, backed_up, transports, name, created_at) \
                     VALUES ('eu_p{number}', 'eu_u', 'c{number}', 'k', 0, 0, 0, '', 'Ring', 1)"
                ));
            }
            for limit in [1, 2, 3, 100] {
                let (mut behind, mut seen) = (Key::newest(), Vec::new());
                loop {
                    let (items, next) = ready(async {
                        let mut tx = sql::read().await.unwrap();
                        let page = page(&mut tx, "eu", "eu_u", &behind, limit).await.unwrap();
                        tx.rollback().await.unwrap();
                        page
                    });
                    seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
                    let Some(next) = next else { break };
                    behind = parse(&format!("{}.{}", next.at, next.id)).unwrap();
                }
                let all = [
                    "account.eu_u",
                    "session.eu_s4",
                    "session.eu_s3",
                    "passkey.eu_p4",
                    "passkey.eu_p3",
                    "passkey.eu_p2",
                    "passkey.eu_p1",
                    "passkey.eu_p0",
                    "session.eu_s2",
                    "session.eu_s1",
                    "session.eu_s0",
                ];
                assert_eq!(seen, all, "{limit} at a time");
            }
        }
    }
}

//! What an operator does for people: has an account erased, and finds everything that a region knows of somebody.
//!
//! What erasure is, the component `auth` knows. Here it is only asked for, in the database, and the region's node that ticks has it done.

use migrations::personal::{Form, SECTIONS, Section};
use serde_json::{Map, Value as Json, json};

use crate::database::{Database, Error, Purpose, Row, Transaction};
use crate::limits;

/// What became of a request to erase somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// No node has looked at it yet.
    Waits,
    /// It may not be done, for this reason.
    Refused(String),
    /// The account is erased.
    Done,
}

/// The id of somebody, by that or by an address of those whose accounts are kept here: an account's, else that of one of the guests who gave it.
///
/// # Errors
/// Of the database.
pub async fn find(database: &Database, who: &str) -> Result<Option<String>, Error> {
    let statement = "SELECT id FROM users WHERE id = $1 OR email = $1 OR guest_email = $1 \
                     ORDER BY CASE WHEN guest_email IS NULL THEN 0 ELSE 1 END, id LIMIT 1";
    // Every address is kept in lower case, and so are ids.
    let rows = database.ask(statement, &[who.to_lowercase().as_str().into()]).await?;
    rows.into_iter().next().map(|mut row| row.text()).transpose()
}

/// Asks for somebody's account to be erased, again where it was refused.
///
/// # Errors
/// Of the database.
pub async fn request(database: &Database, user: &str) -> Result<(), Error> {
    let mut transaction = database.begin(Purpose::Write).await?;
    let now = transaction.now().await?;
    let statement =
        "INSERT INTO erasure_requests (user_id, created_at) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET refused = NULL";
    transaction.query(statement, &[user.into(), now.into()]).await?;
    transaction.commit().await
}

/// What became of that; what was refused is forgotten.
///
/// # Errors
/// Of the database.
pub async fn state(database: &Database, user: &str) -> Result<Request, Error> {
    let rows = database.ask("SELECT refused FROM erasure_requests WHERE user_id = $1", &[user.into()]).await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(Request::Done) };
    let Some(reason) = row.maybe_text()? else { return Ok(Request::Waits) };
    database.ask("DELETE FROM erasure_requests WHERE user_id = $1", &[user.into()]).await?;
    Ok(Request::Refused(reason))
}

/// Everything that this region knows of somebody, the newest first, as the API's export has it.
///
/// # Errors
/// Of the database.
pub async fn export(database: &Database, user: &str) -> Result<Vec<Json>, Error> {
    let mut transaction = database.begin(Purpose::Read).await?;
    let mut all = Vec::new();
    for section in SECTIONS {
        let mut behind = (i64::MAX, String::new());
        loop {
            let rows = page(&mut transaction, section, user, &behind).await?;
            let more = rows.len() >= limits::EXPORTED;
            for row in rows {
                let (key, item) = item(section, row)?;
                behind.clone_from(&key);
                all.push((key, item));
            }
            if !more {
                break;
            }
        }
    }
    all.sort_by(|(one, _), (other, _)| other.cmp(one));
    Ok(all.into_iter().map(|(_, item)| item).collect())
}

async fn page(transaction: &mut Transaction, section: &Section, user: &str, (at, id): &(i64, String)) -> Result<Vec<Row>, Error> {
    let bytewise = match transaction {
        Transaction::Sqlite(_) => "",
        _ => " COLLATE \"C\"",
    };
    let limit = i64::try_from(limits::EXPORTED).unwrap_or(i64::MAX);
    transaction.query(&section.statement(bytewise), &[user.into(), (*at).into(), id.as_str().into(), limit.into()]).await
}

fn item(section: &Section, mut row: Row) -> Result<((i64, String), Json), Error> {
    let (id, at) = (row.text()?, row.integer()?);
    let mut data = Map::new();
    for (name, _, form) in section.members {
        let value: Option<Json> = match form {
            Form::Text => row.maybe_text()?.map(Json::from),
            Form::Number => row.maybe_integer()?.map(Json::from),
            Form::Instant => row.maybe_integer()?.map(|at| instant(at).into()),
        };
        data.extend(value.map(|value| ((*name).to_owned(), value)));
    }
    let item = json!({ "id": id, "created_at": instant(at), "kind": section.kind, "data": data });
    Ok(((at, id), item))
}

fn instant(microseconds: i64) -> String {
    jiff::Timestamp::from_microsecond(microseconds).map_or_else(|_| microseconds.to_string(), |at| at.to_string())
}

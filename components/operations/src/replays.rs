//! Ranges of the journal that are to be published to Kafka once more. The relay does it; here it is written down.

use crate::{NO_SUCH_REGION, admins_only, limits};
use kit::sql::{Error, Tx};
use kit::{Answer, Problem, Request, Response, claims, config, id, idempotency, journal, json, params, problem, security, time};
use serde::Serialize;

kit::row! {
    #[derive(Debug)]
    struct Row {
        id: String,
        first: i64,
        last: i64,
        next: i64,
        requested_by: String,
        created_at: i64,
        done_at: Option<i64>,
    }
}

/// A replay as the API shows it.
#[derive(Debug, Serialize)]
pub struct Replay {
    id: String,
    first: i64,
    last: i64,
    next: i64,
    requested_by: String,
    created_at: String,
    done_at: Option<String>,
}

/// `POST /events/replay`: `{"region": "eu", "first": 1, "last": 500}`, both included.
pub async fn replay(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    idempotency::required(&request)?;
    let region = config::region().await?;
    let (first, last) = json::read(&request, |body| {
        let (first, last) = (body.integer("first", limits::POSITION), body.integer("last", limits::POSITION));
        if last < first && body.has("last") {
            body.fault("last", "must not be less than first");
        } else if last - first >= limits::REPLAY_POSITIONS {
            body.fault("last", format!("a range has at most {} positions", limits::REPLAY_POSITIONS));
        }
        if body.optional_text("region", limits::REGION_BYTES).is_some_and(|asked| asked != region) {
            body.fault("region", NO_SUCH_REGION);
        }
        (first, last)
    })?;
    idempotency::once(&request, "replays", &claims.subject, async |tx: &mut Tx| {
        admins_only(tx, &claims.subject).await?;
        let replay = open(tx, id::new(&region), first, last, &claims.subject).await?;
        let said = serde_json::json!({"first": first, "last": last});
        let entry = security::entry(security::REPLAYED, &replay.id, &claims.subject, &request, said);
        journal::write(tx, &[entry]).await?;
        Ok(Response::json(202, &replay)?.header("cache-control", "no-store"))
    })
    .await
}

/// Writes a replay down.
///
/// # Errors
/// Where the journal has not reached the range, it is not published, or too many replays are open.
pub async fn open(tx: &mut Tx, id: String, first: i64, last: i64, by: &str) -> Result<Replay, Problem> {
    let newest = position(tx, "journal").await?.unwrap_or_default();
    if last > newest {
        return Err(Problem::fault("/last", format!("the journal has come to {newest}")));
    }
    if position(tx, "kafka").await?.is_none() {
        return Err(Problem::new(problem::WRONG_STATE, "This region publishes nothing to Kafka."));
    }
    let (open,) = tx.one("SELECT COUNT(*) FROM replays WHERE done_at IS NULL", []).await?.unwrap_or((0,));
    if open >= limits::OPEN_REPLAYS {
        return Err(Problem::new(problem::WRONG_STATE, format!("{open} replays are under way: wait for one to end.")));
    }
    let row = Row { id, first, last, next: first, requested_by: by.to_owned(), created_at: tx.now(), done_at: None };
    tx.execute(
        "INSERT INTO replays (id, first, last, next, requested_by, created_at) VALUES ($1, $2, $3, $2, $4, $5)",
        params![&row.id, first, last, by, row.created_at],
    )
    .await?;
    Ok(row.into())
}

/// Those that are under way, and then the newest that are done.
pub async fn shown(tx: &mut Tx) -> Result<Vec<Replay>, Error> {
    let columns = "id, first, last, next, requested_by, created_at, done_at";
    let open = format!("SELECT {columns} FROM replays WHERE done_at IS NULL ORDER BY created_at, id LIMIT $1");
    let done = format!("SELECT {columns} FROM replays WHERE done_at IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT $1");
    let mut rows: Vec<Row> = tx.all(&open, params![limits::OPEN_REPLAYS]).await?;
    let left = limits::REPLAYS - i64::try_from(rows.len()).unwrap_or(limits::REPLAYS);
    rows.extend(tx.all::<Row>(&done, params![left]).await?);
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How far a reader of the journal has come: `journal` is the sequencer itself. None where there is no such reader.
pub async fn position(tx: &mut Tx, name: &str) -> Result<Option<i64>, Error> {
    let row: Option<(i64,)> = tx.one("SELECT position FROM sequencer WHERE name = $1", params![name]).await?;
    Ok(row.map(|(position,)| position))
}

impl From<Row> for Replay {
    fn from(row: Row) -> Self {
        let Row { id, first, last, next, requested_by, created_at, done_at } = row;
        Self { id, first, last, next, requested_by, created_at: time::format(created_at), done_at: done_at.map(time::format) }
    }
}

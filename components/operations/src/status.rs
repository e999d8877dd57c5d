//! How far what follows a change has come.

use crate::replays::{self, Replay};
use crate::{admins_only, answers_here};
use kit::sql::{Error, Tx};
use kit::{Answer, Request, Response, claims, config, query, sql, time};
use serde::Serialize;

/// How far a reader of the journal has come.
#[derive(Debug, Serialize)]
struct Reader {
    position: i64,
    lag: i64,
}

/// Mail by what became of it.
#[derive(Debug, Default, Serialize)]
struct Mail {
    due: i64,
    sent: i64,
    failed: i64,
}

/// What the region's database says. Dead letters are Kafka's.
#[derive(Debug, Serialize)]
pub struct Status {
    region: String,
    as_of: String,
    position: i64,
    kafka: Option<Reader>,
    worker: Option<Reader>,
    replays: Vec<Replay>,
    mail: Mail,
}

/// `GET /events/status?region=`
pub async fn show(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let region = config::region().await?;
    query::read(&request, |query| answers_here(&region, query))?;
    let mut tx = sql::read().await?;
    admins_only(&mut tx, &claims.subject).await?;
    let status = status(&mut tx, region).await?;
    tx.rollback().await?;
    Ok(Response::json(200, &status)?.header("cache-control", "private, no-store"))
}

/// As it is now.
pub async fn status(tx: &mut Tx, region: String) -> Result<Status, Error> {
    let position = replays::position(tx, "journal").await?.unwrap_or_default();
    let reader = |at: Option<i64>| at.map(|at| Reader { position: at, lag: (position - at).max(0) });
    let kafka = reader(replays::position(tx, "kafka").await?);
    let worker = reader(replays::position(tx, "worker").await?);
    let replays = replays::shown(tx).await?;
    let counts: Vec<(String, i64)> = tx.all("SELECT state, COUNT(*) FROM mail_log GROUP BY state", []).await?;
    let mut mail = Mail::default();
    for (state, count) in counts {
        match state.as_str() {
            "due" => mail.due = count,
            "sent" => mail.sent = count,
            _ => mail.failed = count,
        }
    }
    Ok(Status { region, as_of: time::format(tx.now()), position, kafka, worker, replays, mail })
}

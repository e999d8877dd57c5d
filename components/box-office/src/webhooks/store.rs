//! Webhooks and their deliveries as SQL has them.

use kit::Problem;
use kit::params;
use kit::sealing::Sealed;
use kit::sql::{Error, Tx};

kit::row! {
    /// A webhook, without its secrets.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Row {
        pub id: String,
        pub organiser_id: String,
        pub url: String,
        pub types: String,
        pub description: Option<String>,
        pub state: String,
        pub reason: Option<String>,
        pub previous_until: Option<i64>,
        pub failing_since: Option<i64>,
        pub version: i64,
        pub created_by: String,
        pub created_at: i64,
    }
}

kit::row! {
    /// What its messages are signed with.
    pub struct Secrets { pub secret: String, pub key_id: String }
}

kit::row! {
    /// A message, and what became of it.
    #[derive(Debug, Clone)]
    pub struct Delivery {
        pub id: String,
        pub r#type: String,
        pub state: String,
        pub attempts: i64,
        pub due_at: i64,
        pub claimed_until: i64,
        pub attempted_at: Option<i64>,
        pub duration: Option<i64>,
        pub status: Option<i64>,
        pub answer: Option<String>,
        pub error: Option<String>,
        pub created_at: i64,
    }
}

const DELIVERY: &str =
    "id, type, state, attempts, due_at, claimed_until, attempted_at, duration, status, answer, error, created_at";

/// How many an organiser has.
pub async fn count(tx: &mut Tx, organiser: &str) -> Result<i64, Error> {
    let found: Option<(i64,)> = tx.one("SELECT COUNT(*) FROM webhooks WHERE organiser_id = $1", params![organiser]).await?;
    Ok(found.unwrap_or_default().0)
}

/// Adds one.
pub async fn insert(tx: &mut Tx, row: &Row, key_id: &str, secret: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO webhooks (id, organiser_id, url, types, description, state, secret, key_id, failures, not_before, turn_at, version, \
         created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, $9, $10, $11, $11)",
        params![
            &row.id,
            &row.organiser_id,
            &row.url,
            &row.types,
            row.description.clone(),
            &row.state,
            secret,
            key_id,
            row.version,
            &row.created_by,
            now
        ],
    )
    .await
    .map(drop)
}

/// So many of an organiser behind a place of the list, newest first.
pub async fn page(tx: &mut Tx, organiser: &str, after: Option<(i64, String)>, limit: usize) -> Result<Vec<Row>, Error> {
    let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
    let statement = format!(
        "SELECT {} FROM webhooks WHERE organiser_id = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3)) \
         ORDER BY created_at DESC, id DESC LIMIT $4",
        Row::COLUMNS.join(", ")
    );
    tx.all(&statement, params![organiser, created_at, id, i64::try_from(limit).unwrap_or(i64::MAX)]).await
}

/// One of an organiser's, with this lock.
pub async fn find(tx: &mut Tx, organiser: &str, id: &str, lock: &str) -> Result<Option<Row>, Error> {
    let statement = format!("SELECT {} FROM webhooks WHERE id = $1 AND organiser_id = $2{lock}", Row::COLUMNS.join(", "));
    tx.one(&statement, params![id, organiser]).await
}

/// Writes what a change has made of it. `anew`: what failed before is forgotten.
pub async fn update(tx: &mut Tx, row: &Row, anew: bool) -> Result<(), Problem> {
    let now = tx.now();
    let forgotten = if anew { ", failures = 0, failing_since = NULL, not_before = 0" } else { "" };
    let statement = format!(
        "UPDATE webhooks SET url = $3, types = $4, description = $5, state = $6, reason = $7, version = $2, updated_at = $8{forgotten} \
         WHERE id = $1 AND version + 1 = $2"
    );
    let changed = tx
        .execute(
            &statement,
            params![&row.id, row.version, &row.url, &row.types, row.description.clone(), &row.state, row.reason.clone(), now],
        )
        .await?;
    swapped(changed)
}

/// What signs now.
pub async fn secrets(tx: &mut Tx, id: &str) -> Result<Secrets, Problem> {
    let found = tx.one("SELECT secret, key_id FROM webhooks WHERE id = $1", params![id]).await?;
    found.ok_or_else(Problem::not_found)
}

/// Another secret, beside the one before.
pub async fn rotate(tx: &mut Tx, row: &Row, secret: &Sealed, before: &Sealed) -> Result<(), Problem> {
    let now = tx.now();
    let changed = tx
        .execute(
            "UPDATE webhooks SET secret = $3, key_id = $4, previous_secret = $5, previous_key_id = $6, previous_until = $7, version = $2, \
             updated_at = $8 WHERE id = $1 AND version + 1 = $2",
            params![
                &row.id,
                row.version,
                &secret.text,
                &secret.key_id,
                &before.text,
                &before.key_id,
                row.previous_until,
                now
            ],
        )
        .await?;
    swapped(changed)
}

/// Somebody else may have changed it since it was read.
fn swapped(changed: u64) -> Result<(), Problem> {
    if changed == 1 { Ok(()) } else { Err(Problem::unavailable("The webhook is being changed by others.", 1_000)) }
}

/// Deletes it and what it was told.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<(), Error> {
    tx.execute("DELETE FROM webhooks WHERE id = $1", params![id]).await?;
    tx.execute("DELETE FROM webhook_deliveries WHERE webhook = $1", params![id]).await.map(drop)
}

/// So many of its deliveries behind a place of the list, newest first.
pub async fn deliveries(tx: &mut Tx, hook: &str, after: Option<(i64, String)>, limit: usize) -> Result<Vec<Delivery>, Error> {
    let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
    let statement = format!(
        "SELECT {DELIVERY} FROM webhook_deliveries WHERE webhook = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3)) \
         ORDER BY created_at DESC, id DESC LIMIT $4"
    );
    tx.all(&statement, params![hook, created_at, id, i64::try_from(limit).unwrap_or(i64::MAX)]).await
}

/// One of its deliveries.
pub async fn delivery(tx: &mut Tx, hook: &str, id: &str) -> Result<Option<Delivery>, Error> {
    let statement = format!("SELECT {DELIVERY} FROM webhook_deliveries WHERE id = $1 AND webhook = $2");
    tx.one(&statement, params![id, hook]).await
}

/// Writes down a message that is to be sent at once.
pub async fn queue(tx: &mut Tx, hook: &str, id: &str, kind: &str, body: &str, give_up_at: i64) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO webhook_deliveries (id, webhook, type, body, state, attempts, due_at, give_up_at, claimed_until, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, 'due', 0, $5, $6, 0, $5, $5)",
        params![id, hook, kind, body, now, give_up_at],
    )
    .await
    .map(drop)
}

/// Has it sent again at once; false where somebody is at it, or was a moment ago (after `since`).
pub async fn queue_again(tx: &mut Tx, delivery: &str, give_up_at: i64, since: i64) -> Result<bool, Error> {
    let now = tx.now();
    let changed = tx
        .execute(
            "UPDATE webhook_deliveries SET state = 'due', attempts = 0, due_at = $2, give_up_at = $3, claimed_until = 0, updated_at = $2 \
             WHERE id = $1 AND claimed_until <= $2 AND (attempted_at IS NULL OR attempted_at <= $4)",
            params![delivery, now, give_up_at, since],
        )
        .await?;
    Ok(changed > 0)
}

/// Does not wait for a server that was found failing.
pub async fn now(tx: &mut Tx, hook: &str) -> Result<(), Error> {
    tx.execute("UPDATE webhooks SET not_before = 0 WHERE id = $1 AND not_before > 0", params![hook]).await.map(drop)
}

/// How many messages of a type it has since then.
pub async fn since(tx: &mut Tx, hook: &str, kind: &str, since: i64) -> Result<i64, Error> {
    let statement = "SELECT COUNT(*) FROM webhook_deliveries WHERE webhook = $1 AND type = $2 AND created_at > $3";
    let found: Option<(i64,)> = tx.one(statement, params![hook, kind, since]).await?;
    Ok(found.unwrap_or_default().0)
}

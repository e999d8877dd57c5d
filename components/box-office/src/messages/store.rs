//! Messages as SQL has them.

use super::rules::Audience;
use crate::limits;
use kit::messages::{Draft, TEMPLATE};
use kit::sql::{Error, Tx};
use kit::{journal, params};

kit::row! {
    /// A message, and how many of its mails have yet to be sent.
    #[derive(Debug, Clone)]
    pub struct Row {
        pub id: String,
        pub event: String,
        pub kind: String,
        pub subject: String,
        pub text: String,
        pub ticket_types: Option<String>,
        pub admitted: Option<bool>,
        pub holders: bool,
        pub addressed_at: Option<i64>,
        pub sent: i64,
        pub failed: i64,
        pub unsubscribed: i64,
        pub created_by: String,
        pub created_at: i64,
        pub queued: i64,
    }
}

const SELECT: &str = "SELECT m.id, m.event, m.kind, m.subject, m.text, m.ticket_types, m.admitted, m.holders, m.addressed_at, m.sent, m.failed, \
    m.unsubscribed, m.created_by, m.created_at, (SELECT COUNT(*) FROM mail_log l WHERE l.message = m.id AND l.state = 'due') FROM messages m";

/// Whose an event is, and its status.
pub async fn event(tx: &mut Tx, id: &str) -> Result<Option<(String, String)>, Error> {
    tx.one("SELECT organiser_id, status FROM events WHERE id = $1", params![id]).await
}

/// The ids of an event's ticket types.
pub async fn ticket_types(tx: &mut Tx, event: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = tx.all("SELECT id FROM ticket_types WHERE event_id = $1", params![event]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Whether somebody who may answer for an organiser is known to read their address.
pub async fn has_known_member(tx: &mut Tx, organiser: &str) -> Result<bool, Error> {
    let statement = "SELECT 1 FROM organiser_members m JOIN users u ON u.id = m.user_id \
                     WHERE m.organiser_id = $1 AND m.role IN ('owner', 'manager') AND u.email_verified_at IS NOT NULL LIMIT 1";
    Ok(tx.one::<(i64,)>(statement, params![organiser]).await?.is_some())
}

/// Where so many were made within a day: how long until another may be, in microseconds.
pub async fn full(tx: &mut Tx, column: &str, id: &str, most: i64) -> Result<Option<i64>, Error> {
    let now = tx.now();
    let statement = format!(
        "SELECT created_at FROM messages WHERE {column} = $1 AND created_at > $2 ORDER BY created_at DESC LIMIT 1 OFFSET $3"
    );
    let found: Option<(i64,)> = tx.one(&statement, params![id, now - limits::DAY, most - 1]).await?;
    Ok(found.map(|(at,)| at + limits::DAY - now))
}

/// A new message: its mails are written down by the worker.
pub async fn insert(
    tx: &mut Tx,
    id: &str,
    (event, organiser): (&str, &str),
    draft: &Draft,
    to: &Audience,
    created_by: &str,
) -> Result<(), Error> {
    let ticket_types = to.ticket_types.as_ref().map(journal::text).transpose()?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO messages (id, event, organiser_id, kind, subject, text, ticket_types, admitted, holders, cursor, turn_at, sent, failed, \
         unsubscribed, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 0, 0, 0, 0, $10, $11)",
        params![
            id,
            event,
            organiser,
            draft.kind.name(),
            &draft.subject,
            &draft.text,
            ticket_types,
            to.admitted,
            to.holders,
            created_by,
            now
        ],
    )
    .await
    .map(drop)
}

/// So many of an event's behind a place of the list, newest first.
pub async fn page(tx: &mut Tx, event: &str, after: Option<(i64, String)>, limit: usize) -> Result<Vec<Row>, Error> {
    let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
    let statement = format!(
        "{SELECT} WHERE m.event = $1 AND (m.created_at < $2 OR (m.created_at = $2 AND m.id < $3)) \
         ORDER BY m.created_at DESC, m.id DESC LIMIT $4"
    );
    tx.all(&statement, params![event, created_at, id, i64::try_from(limit).unwrap_or(i64::MAX)]).await
}

/// One of them.
pub async fn find(tx: &mut Tx, event: &str, id: &str) -> Result<Option<Row>, Error> {
    tx.one(&format!("{SELECT} WHERE m.id = $1 AND m.event = $2"), params![id, event]).await
}

/// How many tests somebody has had sent to themselves since then.
pub async fn tests_since(tx: &mut Tx, person: &str, since: i64) -> Result<i64, Error> {
    let statement =
        "SELECT COUNT(*) FROM mail_log WHERE recipient = $1 AND template = 'message' AND message IS NULL AND created_at > $2";
    Ok(tx.one::<(i64,)>(statement, params![person, since]).await?.unwrap_or_default().0)
}

/// A mail to whoever wrote this, as others would get it.
pub async fn queue_test(tx: &mut Tx, id: &str, person: &str, event: &str, draft: &Draft) -> Result<(), Error> {
    let needs = journal::text(&serde_json::json!({ "event": event, "draft": draft }))?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, 'due', 0, $5, 0, $5, $5)",
        params![id, person, TEMPLATE, needs, now],
    )
    .await
    .map(drop)
}

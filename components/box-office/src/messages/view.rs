//! Messages as the API shows them.

use super::store::Row;
use kit::sql::Error;
use kit::time;
use serde::Serialize;

/// The JSON of a message.
#[derive(Debug, Serialize)]
pub struct View {
    id: String,
    event_id: String,
    kind: String,
    subject: String,
    text: String,
    to: To,
    state: &'static str,
    counts: Counts,
    created_by: String,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct To {
    ticket_type_ids: Option<Vec<String>>,
    admitted: Option<bool>,
    holders: bool,
}

/// What became of its mails, one for each address.
#[derive(Debug, Serialize)]
struct Counts {
    queued: i64,
    sent: i64,
    failed: i64,
    unsubscribed: i64,
}

impl TryFrom<Row> for View {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let ticket_type_ids = row.ticket_types.as_deref().map(serde_json::from_str).transpose();
        let ticket_type_ids =
            ticket_type_ids.map_err(|error| Error::Other(format!("ticket types of the message {}: {error}", row.id)))?;
        let state = match (row.addressed_at, row.queued) {
            (None, _) => "addressing",
            (Some(_), 0) => "done",
            (Some(_), _) => "sending",
        };
        Ok(Self {
            id: row.id,
            event_id: row.event,
            kind: row.kind,
            subject: row.subject,
            text: row.text,
            to: To { ticket_type_ids, admitted: row.admitted, holders: row.holders },
            state,
            counts: Counts { queued: row.queued, sent: row.sent, failed: row.failed, unsubscribed: row.unsubscribed },
            created_by: row.created_by,
            created_at: time::format(row.created_at),
        })
    }
}

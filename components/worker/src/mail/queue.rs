//! The rows of `mail_log`: what is due, who is at it, and what became of it.

use super::{MailRequest, Needs, Template};
use crate::effects::Moved;
use crate::limits;
use crate::record::Record;
use kit::sql::{self, Error, Tx};
use kit::{Problem, hash, params};
use std::collections::BTreeMap;

/// A mail that is this caller's to send, for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// Local part of the `Message-ID`.
    pub id: String,
    /// See [`MailRequest::recipient`].
    pub recipient: String,
    /// What to write.
    pub template: Template,
    /// What it tells of.
    pub needs: Needs,
    /// Which attempt this is, from 1.
    attempt: i64,
    until: i64,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is on its way to this address.
    Sent(String),
    /// It never will be.
    Failed(String),
    /// It never will be: its reader wants no news.
    Unwanted,
    /// It never will be, and need not be: the same message goes to its address by another mail.
    Twice,
    /// To be tried again, not before so many microseconds have passed.
    Again {
        /// Why it was not sent, or may not have been.
        reason: String,
        /// Microseconds; waiting longer is fine.
        wait: i64,
    },
    /// There was no time for it.
    NotTried,
}

/// The same record always asks for the same mail. One-way, so that the id says nothing, and safe in an address.
fn id(record: &Record<'_>) -> String {
    hash::sha256(&[b"mail", record.region.as_bytes(), record.id.as_bytes()])
}

/// Writes down what these records ask for. What stands there already stays as it is.
pub async fn add<'a>(tx: &mut Tx, wishes: impl Iterator<Item = (&'a Record<'a>, &'a MailRequest)>) -> Result<(), Error> {
    let now = tx.now();
    let mut parameters = Vec::new();
    for (record, MailRequest { template, recipient, needs }) in wishes {
        let needs = serde_json::to_string(needs).map_err(|error| Error::Other(error.to_string()))?;
        parameters.extend(params![id(record), recipient, template.name(), needs, "due", 0i64, now, 0i64, now, now]);
    }
    if parameters.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) VALUES {} \
         ON CONFLICT (id) DO NOTHING",
        sql::padded_rows(&mut parameters, 10)
    );
    tx.execute(&statement, parameters).await.map(drop)
}

/// Writes down a mail for everybody who has tickets for an event that was moved: one each, however many bookings they have.
pub async fn add_for_holders(tx: &mut Tx, record: &Record<'_>, moved: &Moved) -> Result<(), Error> {
    let now = tx.now();
    let needs = Needs { event: Some(moved.event.clone()), before: Some(moved.before.clone()), ..Needs::default() };
    let needs = serde_json::to_string(&needs).map_err(|error| Error::Other(error.to_string()))?;
    // Ids of users are letters, digits and `_`: safe in an address, as what stands before them.
    let statement = "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
                     SELECT $1 || '.' || h.person, h.person, $2, $3, 'due', 0, CAST($4 AS BIGINT), 0, CAST($4 AS BIGINT), CAST($4 AS BIGINT) \
                     FROM (SELECT DISTINCT COALESCE(c.account, b.person) AS person FROM bookings b LEFT JOIN guest_claims c ON c.guest = b.person \
                     WHERE b.event = $5 AND b.status = 'confirmed') h WHERE 1 = 1 ON CONFLICT (id) DO NOTHING";
    tx.execute(statement, params![id(record), Template::Moved.name(), needs, now, &moved.event]).await.map(drop)
}

/// Writes down a mail to everybody who can see to a webhook that is told nothing any more.
pub async fn add_for_webhook(tx: &mut Tx, webhook: &str) -> Result<(), Error> {
    let now = tx.now();
    let needs = Needs { webhook: Some(webhook.to_owned()), ..Needs::default() };
    let needs = serde_json::to_string(&needs).map_err(|error| Error::Other(error.to_string()))?;
    let id = hash::sha256(&[b"webhook-disabled", webhook.as_bytes(), &now.to_be_bytes()]);
    let statement = "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
                     SELECT $1 || '.' || m.user_id, m.user_id, $2, $3, 'due', 0, CAST($4 AS BIGINT), 0, CAST($4 AS BIGINT), CAST($4 AS BIGINT) \
                     FROM webhooks w JOIN organiser_members m ON m.organiser_id = w.organiser_id \
                     WHERE w.id = $5 AND m.role IN ('owner', 'manager')";
    tx.execute(statement, params![id, Template::WebhookDisabled.name(), needs, now, webhook]).await.map(drop)
}

/// Claims what has been due for longest, so many at most: what somebody waits for first, then, `with_bulk`, what goes to many people. What somebody else
/// has claimed is theirs until their time is over: they may have died.
pub async fn claim(most: usize, with_bulk: bool) -> Result<Vec<Claimed>, Problem> {
    let mut tx = sql::write().await?;
    let (now, most) = (tx.now(), i64::try_from(most).unwrap_or(i64::MAX));
    let until = now + limits::CLAIM;
    let rows: Vec<(String, String, String, String, i64, i64)> = tx
        .all(
            "UPDATE mail_log SET claimed_until = $1, attempts = attempts + 1, updated_at = $2 WHERE id IN \
             (SELECT id FROM mail_log WHERE state = 'due' AND bulk <= $4 AND due_at <= $2 AND claimed_until <= $2 \
             ORDER BY bulk, due_at, id LIMIT $3) \
             AND state = 'due' AND claimed_until <= $2 RETURNING id, recipient, template, needs, attempts, bulk",
            params![until, now, most, with_bulk],
        )
        .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for (id, recipient, template, needs, attempt, bulk) in rows {
        match (Template::named(&template), serde_json::from_str(&needs)) {
            (Some(template), Ok(needs)) => claimed.push((bulk, Claimed { id, recipient, template, needs, attempt, until })),
            _ => _ = fail(&mut tx, &id, "what it needs cannot be read").await?,
        }
    }
    tx.commit().await?;
    claimed.sort_by(|(bulk, a), (other, b)| (bulk, &a.id).cmp(&(other, &b.id)));
    Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
}

/// Writes down which address a mail of a message goes to; false where another mail of that message goes there, or has gone.
pub async fn take_address(tx: &mut Tx, id: &str, message: &str, address: &str) -> Result<bool, Error> {
    let statement = "UPDATE mail_log SET address = $2 WHERE id = $1 \
                     AND NOT EXISTS (SELECT 1 FROM mail_log o WHERE o.message = $3 AND o.address = $2 AND o.id <> $1)";
    Ok(tx.execute(statement, params![id, address, message]).await? > 0)
}

/// What became of a message's mails.
#[derive(Default)]
struct Tally {
    sent: u64,
    failed: u64,
    unsubscribed: u64,
}

/// Writes down what became of these.
pub async fn finish(outcomes: Vec<(&Claimed, Outcome)>) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for (claimed, _) in &outcomes {
        if let Some(message) = &claimed.needs.message {
            tallies.entry(message).or_default();
        }
    }
    // Messages before their mails, as who writes these down has it.
    for message in tallies.keys() {
        let lock = tx.exclusive_lock();
        tx.one::<(i64,)>(&format!("SELECT 1 FROM messages WHERE id = $1{lock}"), params![*message]).await?;
    }
    for (claimed, outcome) in outcomes {
        let mut nobody = Tally::default();
        let tally = claimed.needs.message.as_deref().and_then(|message| tallies.get_mut(message)).unwrap_or(&mut nobody);
        match outcome {
            // Whoever has claimed it since: it need not be sent once more.
            Outcome::Sent(address) => {
                let statement = "UPDATE mail_log SET state = 'sent', address = $2, error = NULL, claimed_until = 0, updated_at = $3 \
                                 WHERE id = $1 AND state = 'due'";
                tally.sent += tx.execute(statement, params![&claimed.id, address, now]).await?;
            }
            Outcome::Failed(reason) => tally.failed += fail(&mut tx, &claimed.id, &reason).await?,
            Outcome::Unwanted => tally.unsubscribed += fail(&mut tx, &claimed.id, "its reader wants no news").await?,
            Outcome::Twice => _ = fail(&mut tx, &claimed.id, "the same goes to its address by another mail").await?,
            Outcome::Again { reason, .. } if claimed.attempt >= limits::MAIL_ATTEMPTS => {
                let reason = format!("given up after {} attempts: {reason}", claimed.attempt);
                tally.failed += fail(&mut tx, &claimed.id, &reason).await?;
            }
            Outcome::Again { reason, wait } => {
                let due_at = now + wait.max(backoff(claimed.attempt));
                tx.execute(
                    "UPDATE mail_log SET due_at = $3, error = $4, claimed_until = 0, updated_at = $5 \
                     WHERE id = $1 AND state = 'due' AND claimed_until = $2",
                    params![&claimed.id, claimed.until, due_at, short(&reason), now],
                )
                .await?;
            }
            Outcome::NotTried => {
                tx.execute(
                    "UPDATE mail_log SET attempts = attempts - 1, claimed_until = 0, updated_at = $3 \
                     WHERE id = $1 AND state = 'due' AND claimed_until = $2",
                    params![&claimed.id, claimed.until, now],
                )
                .await?;
            }
        }
    }
    for (message, Tally { sent, failed, unsubscribed }) in tallies {
        let statement =
            "UPDATE messages SET sent = sent + $2, failed = failed + $3, unsubscribed = unsubscribed + $4 WHERE id = $1";
        let [sent, failed, unsubscribed] = [sent, failed, unsubscribed].map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        tx.execute(statement, params![message, sent, failed, unsubscribed]).await?;
    }
    Ok(tx.commit().await?)
}

/// How many there were: one, or none where it has been sent or has failed.
async fn fail(tx: &mut Tx, id: &str, reason: &str) -> Result<u64, Error> {
    let now = tx.now();
    let statement =
        "UPDATE mail_log SET state = 'failed', error = $2, claimed_until = 0, updated_at = $3 WHERE id = $1 AND state = 'due'";
    tx.execute(statement, params![id, short(reason), now]).await
}

fn short(reason: &str) -> String {
    reason.chars().filter(|character| *character != '\0').take(limits::REASON).collect()
}

/// How long to wait after so many attempts.
fn backoff(attempts: i64) -> i64 {
    let doubled = limits::WAIT.start() << (attempts - 1).clamp(0, 20);
    doubled.min(*limits::WAIT.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::time::SECOND;

    #[test]
    fn waits_double_within_bounds() {
        for (attempts, seconds) in [(1, 5), (2, 10), (4, 40), (10, 2560), (11, 3600), (40, 3600)] {
            assert_eq!(backoff(attempts), seconds * SECOND, "{attempts}");
        }
        let all: i64 = (1..limits::MAIL_ATTEMPTS).map(backoff).sum();
        assert!(all > 24 * 3600 * SECOND, "a mail server may be away for a day");
    }
}

//! The rows of `mail_log`: what is due, who is at it, and what became of it.

use super::{MailRequest, Needs, Template};
use crate::effects::Moved;
use crate::limits;
use crate::record::Record;
use kit::sql::{self, Error, Tx};
use kit::{Problem, hash, params};

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

/// Claims what has been due for longest, so many at most. What somebody else has claimed is theirs until their time is over: they may have died.
pub async fn claim(most: usize) -> Result<Vec<Claimed>, Problem> {
    let mut tx = sql::write().await?;
    let (now, most) = (tx.now(), i64::try_from(most).unwrap_or(i64::MAX));
    let until = now + limits::CLAIM;
    let rows: Vec<(String, String, String, String, i64)> = tx
        .all(
            "UPDATE mail_log SET claimed_until = $1, attempts = attempts + 1, updated_at = $2 WHERE id IN \
             (SELECT id FROM mail_log WHERE state = 'due' AND due_at <= $2 AND claimed_until <= $2 ORDER BY due_at, id LIMIT $3) \
             AND state = 'due' AND claimed_until <= $2 RETURNING id, recipient, template, needs, attempts",
            params![until, now, most],
        )
        .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for (id, recipient, template, needs, attempt) in rows {
        match (Template::named(&template), serde_json::from_str(&needs)) {
            (Some(template), Ok(needs)) => claimed.push(Claimed { id, recipient, template, needs, attempt, until }),
            _ => fail(&mut tx, &id, "what it needs cannot be read").await?,
        }
    }
    tx.commit().await?;
    claimed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(claimed)
}

/// Writes down what became of these.
pub async fn finish(outcomes: Vec<(&Claimed, Outcome)>) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    for (claimed, outcome) in outcomes {
        match outcome {
            // Whoever has claimed it since: it need not be sent once more.
            Outcome::Sent(address) => {
                tx.execute(
                    "UPDATE mail_log SET state = 'sent', address = $2, error = NULL, claimed_until = 0, updated_at = $3 \
                     WHERE id = $1 AND state = 'due'",
                    params![&claimed.id, address, now],
                )
                .await?;
            }
            Outcome::Failed(reason) => fail(&mut tx, &claimed.id, &reason).await?,
            Outcome::Again { reason, .. } if claimed.attempt >= limits::MAIL_ATTEMPTS => {
                fail(&mut tx, &claimed.id, &format!("given up after {} attempts: {reason}", claimed.attempt)).await?;
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
    Ok(tx.commit().await?)
}

async fn fail(tx: &mut Tx, id: &str, reason: &str) -> Result<(), Error> {
    let now = tx.now();
    let statement =
        "UPDATE mail_log SET state = 'failed', error = $2, claimed_until = 0, updated_at = $3 WHERE id = $1 AND state = 'due'";
    tx.execute(statement, params![id, short(reason), now]).await.map(drop)
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

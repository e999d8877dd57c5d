//! RetentionTask: what is too old is deleted, a few rows at a time, by the node whose ticker runs.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::coordinator::Runner;
use crate::database::{Database, Error, Purpose, Row, microseconds};
use crate::limits;

/// The least age at which rows are deleted; they may last a little longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Idempotency keys: until then the same key gets the same answer. Raised to [`limits::IDEMPOTENCY_LEAST`].
    pub idempotency: Duration,
    /// Rows of the journal that have a position: an edge, or a consumer, that was away for longer starts from a snapshot. Raised to
    /// [`limits::JOURNAL_LEAST`].
    pub journal: Duration,
    /// Which records were handled, and mails that were sent or given up. A record that comes again after that has its effect once more: raised to
    /// [`limits::RECORDS_BEYOND`] more than the journal's, out of which it may be published again.
    pub records: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { idempotency: limits::IDEMPOTENCY_LEAST, journal: limits::JOURNAL_KEPT, records: limits::RECORDS_KEPT }
    }
}

/// Deletes what is older than it must be.
pub struct RetentionTask {
    database: Database,
    retention: Retention,
    runner: Runner,
}

/// Something that grows old.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Idempotency,
    Journal,
    Inbox,
    Mail,
    Nodes,
    Sessions,
    MailTokens,
    EmailChanges,
    Invitations,
    Challenges,
    Attempts,
    GuestLinks,
    Guests,
    TicketOffers,
    TicketStops,
    OfflineScans,
    Answers,
    WebhookDeliveries,
    UnsubscribeLinks,
}

impl Kind {
    const ALL: [Self; 19] = [
        Self::Idempotency,
        Self::Journal,
        Self::Inbox,
        Self::Mail,
        Self::Nodes,
        Self::Sessions,
        Self::MailTokens,
        Self::EmailChanges,
        Self::Invitations,
        Self::Challenges,
        Self::Attempts,
        Self::GuestLinks,
        Self::Guests,
        Self::TicketOffers,
        Self::TicketStops,
        Self::OfflineScans,
        Self::Answers,
        Self::WebhookDeliveries,
        Self::UnsubscribeLinks,
    ];
}

impl RetentionTask {
    /// For this database; only the node of `runner` deletes.
    #[must_use]
    pub fn new(database: Database, retention: Retention, runner: Runner) -> Self {
        let journal = retention.journal.max(limits::JOURNAL_LEAST);
        let retention = Retention {
            idempotency: retention.idempotency.max(limits::IDEMPOTENCY_LEAST),
            journal,
            records: retention.records.max(journal + limits::RECORDS_BEYOND),
        };
        Self { database, retention, runner }
    }

    /// Looks every [`limits::RETENTION_INTERVAL`] until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.tidy_for_ever() => {}
        }
    }

    async fn tidy_for_ever(&self) {
        loop {
            sleep(limits::RETENTION_INTERVAL).await;
            for kind in Kind::ALL {
                if let Err(error) = self.tidy(kind).await {
                    tracing::warn!(%error, ?kind, "retention failed: old rows stay until the next run");
                }
            }
        }
    }

    /// Deletes all that is too old, within limits. Between two deletions others have as much time as the last one took. Returns how
    /// many rows went.
    async fn tidy(&self, kind: Kind) -> Result<u64, Error> {
        let mut all = 0;
        for _ in 0..limits::RETENTION_BATCHES {
            if !self.runner.leads() {
                break;
            }
            let began = Instant::now();
            let gone = match kind {
                Kind::Idempotency => idempotency(&self.database, self.retention.idempotency).await?,
                Kind::Journal => journal(&self.database, self.retention.journal).await?,
                Kind::Inbox => {
                    oldest(&self.database, self.retention.records, "inbox", "consumer, message_id", "created_at", "1 = 1").await?
                }
                // Never one that has yet to be sent.
                Kind::Mail => {
                    oldest(&self.database, self.retention.records, "mail_log", "id", "updated_at", "state <> 'due'").await?
                }
                Kind::Nodes => nodes(&self.database).await?,
                // Of people who never came back, too. One that was ended runs out like any other.
                Kind::Sessions => oldest(&self.database, limits::SESSIONS_KEPT, "sessions", "id", "expires_at", "1 = 1").await?,
                Kind::MailTokens => {
                    oldest(&self.database, Duration::ZERO, "mail_tokens", "user_id, purpose", "expires_at", "1 = 1").await?
                }
                Kind::EmailChanges => {
                    oldest(&self.database, Duration::ZERO, "email_changes", "user_id", "expires_at", "1 = 1").await?
                }
                Kind::Invitations => oldest(&self.database, Duration::ZERO, "invitations", "id", "expires_at", "1 = 1").await?,
                Kind::Challenges => oldest(&self.database, Duration::ZERO, "challenges", "hash", "expires_at", "1 = 1").await?,
                Kind::Attempts => {
                    oldest(&self.database, limits::ATTEMPTS_KEPT, "login_attempts", "account", "updated_at", "1 = 1").await?
                }
                Kind::GuestLinks => oldest(&self.database, Duration::ZERO, "guest_links", "hash", "expires_at", "1 = 1").await?,
                Kind::Guests => guests(&self.database).await?,
                Kind::TicketOffers => {
                    oldest(&self.database, limits::TICKET_OFFERS_KEPT, "ticket_offers", "id", "expires_at", "1 = 1").await?
                }
                Kind::TicketStops => oldest(&self.database, Duration::ZERO, "ticket_stops", "id", "until", "1 = 1").await?,
                Kind::OfflineScans => {
                    oldest(&self.database, limits::OFFLINE_SCANS_KEPT, "offline_scans", "id", "created_at", "1 = 1").await?
                }
                Kind::Answers => answers(&self.database).await?,
                // What waits is tried for a day; of a webhook that is paused or gone it waits for nobody.
                Kind::WebhookDeliveries => {
                    oldest(&self.database, limits::WEBHOOK_DELIVERIES_KEPT, "webhook_deliveries", "id", "updated_at", "1 = 1")
                        .await?
                }
                Kind::UnsubscribeLinks => {
                    oldest(&self.database, limits::UNSUBSCRIBE_LINKS_KEPT, "unsubscribe_links", "hash", "created_at", "1 = 1")
                        .await?
                }
            };
            all += gone;
            if gone < u64::try_from(limits::RETENTION_ROWS).unwrap_or(0) {
                break;
            }
            sleep(began.elapsed()).await;
        }
        if all > 0 {
            tracing::info!(rows = all, ?kind, "retention deleted old rows");
        }
        Ok(all)
    }
}

/// Guests who have bought nothing, once their last session is gone. Who has bought stays for good, as what they bought does; of a purchase in another region
/// this one has heard by then.
async fn guests(database: &Database) -> Result<u64, Error> {
    let clock = database.clock();
    let keep = format!(
        "UPDATE users SET guest_until = NULL WHERE guest_until <= {clock} AND EXISTS (SELECT 1 FROM bookings b WHERE b.person = users.id \
         AND (b.status IN ('held', 'paying', 'confirmed') OR b.payment IS NOT NULL OR b.total = 0 \
         OR EXISTS (SELECT 1 FROM payments p WHERE p.booking = b.id))) RETURNING 1"
    );
    database.ask(&keep, &[]).await?;
    let delete = format!(
        "DELETE FROM users WHERE id IN (SELECT id FROM users WHERE guest_until <= {clock} \
         AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = users.id) ORDER BY guest_until LIMIT $1) \
         AND guest_until <= {clock} RETURNING 1"
    );
    deleted(database.ask(&delete, &[limits::RETENTION_ROWS.into()]).await?)
}

async fn idempotency(database: &Database, age: Duration) -> Result<u64, Error> {
    let statement = format!(
        "DELETE FROM idempotency WHERE (scope, person, key) IN (SELECT scope, person, key FROM idempotency \
         WHERE created_at < {} - $1 ORDER BY created_at LIMIT $2) AND created_at < {} - $1 RETURNING 1",
        database.clock(),
        database.clock()
    );
    deleted(database.ask(&statement, &[microseconds(age).into(), limits::RETENTION_ROWS.into()]).await?)
}

/// Only from the beginning, so that the rest has no gaps; and nothing that a reader whose position is in `sequencer` has yet to see.
async fn journal(database: &Database, age: Duration) -> Result<u64, Error> {
    let statement = format!(
        "SELECT position, entries, CASE WHEN at < {} - $1 THEN 1 ELSE 0 END FROM journal_batches \
         WHERE position + entries - 1 <= (SELECT MIN(position) FROM sequencer) ORDER BY position LIMIT $2",
        database.clock()
    );
    let mut last = None;
    let mut rows = 0;
    for mut row in database.ask(&statement, &[microseconds(age).into(), limits::RETENTION_ROWS.into()]).await? {
        let (position, entries) = (row.integer()?, row.integer()?);
        if row.integer()? == 0 || rows >= limits::RETENTION_ROWS {
            break;
        }
        rows += entries;
        last = Some(position);
    }
    let Some(last) = last else { return Ok(0) };
    let mut transaction = database.begin(Purpose::Write).await?;
    let entries = "DELETE FROM journal WHERE batch IN (SELECT id FROM journal_batches WHERE position <= $1) RETURNING 1";
    let gone = deleted(transaction.query(entries, &[last.into()]).await?)?;
    transaction.query("DELETE FROM journal_batches WHERE position <= $1 RETURNING 1", &[last.into()]).await?;
    transaction.commit().await?;
    Ok(gone)
}

/// The oldest rows of a table that has this key, this instant, and something that holds of what may go.
async fn oldest(database: &Database, age: Duration, table: &str, key: &str, at: &str, which: &str) -> Result<u64, Error> {
    let statement = format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} AND {at} < {} - $1 ORDER BY {at} LIMIT $2) RETURNING 1",
        database.clock()
    );
    deleted(database.ask(&statement, &[microseconds(age).into(), limits::RETENTION_ROWS.into()]).await?)
}

/// Those of bookings that nobody bought. Of the others it is noted once that they stay, so that they are not looked at again.
async fn answers(database: &Database) -> Result<u64, Error> {
    let sold = "EXISTS (SELECT 1 FROM bookings b WHERE b.id = answers.booking AND (b.status = 'confirmed' \
                OR (b.status = 'cancelled' AND (b.payment IS NOT NULL OR b.total = 0))))";
    let (age, key) = (limits::ANSWERS_UNSOLD, "booking, number, question");
    let statement = format!(
        "UPDATE answers SET kept = 1 WHERE ({key}) IN (SELECT {key} FROM answers WHERE kept = 0 AND answered_at < {} - $1 AND {sold} \
         ORDER BY answered_at LIMIT $2) RETURNING 1",
        database.clock()
    );
    let kept = deleted(database.ask(&statement, &[microseconds(age).into(), limits::RETENTION_ROWS.into()]).await?)?;
    let which = format!("kept = 0 AND NOT {sold}");
    Ok(kept.max(oldest(database, age, "answers", key, "answered_at", &which).await?))
}

async fn nodes(database: &Database) -> Result<u64, Error> {
    let statement = format!("DELETE FROM nodes WHERE expires_at < {} - $1 RETURNING 1", database.clock());
    deleted(database.ask(&statement, &[limits::NODE_FORGOTTEN.into()]).await?)
}

fn deleted(rows: Vec<Row>) -> Result<u64, Error> {
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequencer;
    use crate::testing::databases;

    const HOUR: i64 = 3_600_000_000;

    async fn retention_task(database: &Database) -> (RetentionTask, i64) {
        let mut transaction = database.begin(Purpose::Read).await.unwrap();
        let now = transaction.now().await.unwrap();
        transaction.commit().await.unwrap();
        (
            RetentionTask::new(
                database.clone(),
                Retention { idempotency: Duration::ZERO, journal: Duration::ZERO, records: Duration::ZERO },
                Runner::always(),
            ),
            now,
        )
    }

    async fn numbers(database: &Database, statement: &str) -> Vec<i64> {
        database.ask(statement, &[]).await.unwrap().into_iter().map(|mut row| row.integer().unwrap()).collect()
    }

    /// A batch of so many entries by this position, or by none.
    async fn journal(database: &Database, id: i64, position: Option<i64>, entries: i64, at: i64) {
        let id: crate::database::Value = format!("{id:06}").as_str().into();
        let position = position.map_or("NULL".to_owned(), |position| position.to_string());
        let statement = format!("INSERT INTO journal_batches (id, position, entries, at) VALUES ($1, {position}, $2, $3)");
        database.ask(&statement, &[id.clone(), entries.into(), at.into()]).await.unwrap();
        for ordinal in 0..entries {
            let statement =
                "INSERT INTO journal (batch, ordinal, type, aggregate, version, payload) VALUES ($1, $2, 'test', 'a', 1, '{}')";
            database.ask(statement, &[id.clone(), ordinal.into()]).await.unwrap();
        }
    }

    async fn cursor(database: &Database, name: &str, position: i64) {
        let statement = "INSERT INTO sequencer (name, position, epoch) VALUES ($1, $2, 'e') \
                         ON CONFLICT (name) DO UPDATE SET position = excluded.position";
        database.ask(statement, &[name.into(), position.into()]).await.unwrap();
    }

    #[tokio::test]
    async fn idempotency_keys_are_deleted_after_a_day() {
        for scratch in databases(true).await {
            let (retention_task, now) = retention_task(&scratch.database).await;
            // More than one deletion takes.
            let old = limits::RETENTION_ROWS + 7;
            let ages = (0..old).map(|_| 24 * HOUR + 1).chain([23 * HOUR, 0]);
            for (key, age) in ages.enumerate() {
                let statement = "INSERT INTO idempotency (scope, person, key, request_hash, outcome, created_at) VALUES ('s', 'p', $1, '', '', $2)";
                let parameters = [key.to_string().as_str().into(), (now - age).into()];
                scratch.database.ask(statement, &parameters).await.unwrap();
            }
            assert_eq!(i64::try_from(retention_task.tidy(Kind::Idempotency).await.unwrap()).unwrap(), old);
            assert_eq!(numbers(&scratch.database, "SELECT created_at FROM idempotency ORDER BY 1").await, [now - 23 * HOUR, now]);
        }
    }

    #[tokio::test]
    async fn the_journal_is_deleted_from_its_beginning_up_to_its_readers() {
        for scratch in databases(true).await {
            let database = &scratch.database;
            let (retention_task, now) = retention_task(database).await;
            for (position, entries, age) in [(1, 2, 9), (3, 2, 8), (5, 1, 0), (6, 1, 7), (7, 1, 0)] {
                journal(database, position, Some(position), entries, now - age * HOUR).await;
            }
            journal(database, 8, None, 1, now - 9 * HOUR).await;
            cursor(database, "journal", 7).await;
            cursor(database, "a reader", 3).await;
            let kept = "SELECT COALESCE(position, -1) FROM positioned_journal ORDER BY batch, ordinal";
            assert_eq!(retention_task.tidy(Kind::Journal).await.unwrap(), 2);
            assert_eq!(numbers(database, kept).await, [3, 4, 5, 6, 7, -1], "a reader has not seen all of the second batch");
            assert_eq!(sequencer::kept(database).await.unwrap().unwrap().oldest, Some(3), "what a feed can go on from");
            cursor(database, "a reader", 7).await;
            assert_eq!(retention_task.tidy(Kind::Journal).await.unwrap(), 2);
            assert_eq!(numbers(database, kept).await, [5, 6, 7, -1], "the fourth batch is old, and the third before it is not");
            database.ask("UPDATE journal_batches SET at = 1", &[]).await.unwrap();
            assert_eq!(retention_task.tidy(Kind::Journal).await.unwrap(), 3);
            assert_eq!(numbers(database, kept).await, [-1], "what has no position is nobody's past yet");
            assert_eq!(numbers(database, "SELECT COUNT(*) FROM journal_batches").await, [1]);
            assert_eq!(sequencer::kept(database).await.unwrap().unwrap().oldest, None);
        }
    }

    #[tokio::test]
    async fn handled_record_ids_are_deleted_once_they_cannot_be_redelivered() {
        let kept = i64::try_from((limits::JOURNAL_LEAST + limits::RECORDS_BEYOND).as_micros()).unwrap();
        for scratch in databases(true).await {
            let (retention_task, now) = retention_task(&scratch.database).await;
            for (id, age) in [("old", kept + HOUR), ("new", kept - HOUR)] {
                let statement = "INSERT INTO inbox (consumer, message_id, created_at) VALUES ('c', $1, $2)";
                scratch.database.ask(statement, &[id.into(), (now - age).into()]).await.unwrap();
                for state in ["due", "sent", "failed"] {
                    let statement = "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
                         VALUES ($1, 'u', 'welcome', '{}', $2, 1, 0, 0, $3, $3)";
                    let id = format!("{id} {state}");
                    scratch.database.ask(statement, &[id.as_str().into(), state.into(), (now - age).into()]).await.unwrap();
                }
            }
            assert_eq!((retention_task.tidy(Kind::Inbox).await.unwrap(), retention_task.tidy(Kind::Mail).await.unwrap()), (1, 2));
            let left = scratch.database.ask("SELECT message_id FROM inbox", &[]).await.unwrap().remove(0).text().unwrap();
            assert_eq!(left, "new");
            let due = "SELECT COUNT(*) FROM mail_log WHERE id = 'old due' OR id LIKE 'new %'";
            assert_eq!(numbers(&scratch.database, due).await, [4]);
        }
    }

    #[tokio::test]
    async fn expired_sessions_are_deleted() {
        for scratch in databases(true).await {
            let (retention_task, now) = retention_task(&scratch.database).await;
            let user =
                "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('u', 'e', 'n', 'h', 1, 1)";
            scratch.database.ask(user, &[]).await.unwrap();
            let kept = microseconds(limits::SESSIONS_KEPT);
            for (id, expires_at) in [("gone", now - kept - HOUR), ("over", now - kept + HOUR), ("good", now + HOUR)] {
                let statement = "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, created_at) VALUES ($1, 'u', 'h', 1, $2, 1)";
                scratch.database.ask(statement, &[id.into(), expires_at.into()]).await.unwrap();
            }
            for (account, age) in [("old", microseconds(limits::ATTEMPTS_KEPT) + HOUR), ("new", HOUR)] {
                let statement = "INSERT INTO login_attempts (account, failures, next_at, updated_at) VALUES ($1, 1, 1, $2)";
                scratch.database.ask(statement, &[account.into(), (now - age).into()]).await.unwrap();
            }
            for (purpose, expires_at) in [("verify-email", now - 1), ("reset-password", now + HOUR)] {
                let statement =
                    "INSERT INTO mail_tokens (user_id, purpose, email, hash, expires_at) VALUES ('u', $1, 'e', 'h', $2)";
                scratch.database.ask(statement, &[purpose.into(), expires_at.into()]).await.unwrap();
            }
            let change = "INSERT INTO email_changes (user_id, session_id, old_email, new_email, expires_at) VALUES ('u', 's', 'e', 'f', $1)";
            for (expires_at, gone) in [(now + HOUR, 0), (now - 1, 1)] {
                scratch.database.ask("DELETE FROM email_changes", &[]).await.unwrap();
                scratch.database.ask(change, &[expires_at.into()]).await.unwrap();
                assert_eq!(retention_task.tidy(Kind::EmailChanges).await.unwrap(), gone);
            }
            scratch.database.ask("INSERT INTO organisers (id, name, created_at) VALUES ('o', 'O', 1)", &[]).await.unwrap();
            for (id, expires_at) in [("over", now - 1), ("open", now + HOUR)] {
                let statement = "INSERT INTO invitations (id, organiser_id, email, role, invited_by, created_at, expires_at) \
                                 VALUES ($1, 'o', $1, 'door', 'u', 1, $2)";
                scratch.database.ask(statement, &[id.into(), expires_at.into()]).await.unwrap();
            }
            assert_eq!(retention_task.tidy(Kind::Invitations).await.unwrap(), 1);
            assert_eq!(numbers(&scratch.database, "SELECT COUNT(*) FROM invitations WHERE id = 'open'").await, [1]);
            for (hash, expires_at) in [("over", now - 1), ("open", now + HOUR)] {
                let statement =
                    "INSERT INTO challenges (hash, purpose, tries_left, expires_at) VALUES ($1, 'passkey-login', 1, $2)";
                scratch.database.ask(statement, &[hash.into(), expires_at.into()]).await.unwrap();
            }
            assert_eq!(retention_task.tidy(Kind::MailTokens).await.unwrap(), 1);
            assert_eq!(retention_task.tidy(Kind::Challenges).await.unwrap(), 1);
            assert_eq!(numbers(&scratch.database, "SELECT COUNT(*) FROM challenges WHERE hash = 'open'").await, [1]);
            assert_eq!(
                numbers(&scratch.database, "SELECT COUNT(*) FROM mail_tokens WHERE purpose = 'reset-password'").await,
                [1]
            );
            assert_eq!(
                (retention_task.tidy(Kind::Sessions).await.unwrap(), retention_task.tidy(Kind::Attempts).await.unwrap()),
                (1, 1)
            );
            assert_eq!(numbers(&scratch.database, "SELECT COUNT(*) FROM sessions WHERE id <> 'gone'").await, [2]);
            assert_eq!(numbers(&scratch.database, "SELECT COUNT(*) FROM login_attempts WHERE account = 'new'").await, [1]);
        }
    }

    #[tokio::test]
    async fn guests_who_bought_nothing_are_deleted() {
        for scratch in databases(true).await {
            let database = &scratch.database;
            let (retention_task, now) = retention_task(database).await;
            let (over, later) = (Some(now - HOUR), Some(now + HOUR));
            // Of each: until when they are kept, whether they have a session, and what became of a booking of theirs.
            for (id, until, session, booking) in [
                ("gone", over, false, None),
                ("expired", over, false, Some("expired")),
                ("back", over, true, None),
                ("bought", over, false, Some("confirmed")),
                ("returned", over, false, Some("cancelled")),
                ("new", later, false, None),
                ("account", None, false, None),
            ] {
                let until = until.map_or("NULL".to_owned(), |until: i64| until.to_string());
                let user = format!(
                    "INSERT INTO users (id, email, name, password_hash, version, created_at, guest_until) VALUES ($1, $1, '', '', 1, 1, {until})"
                );
                database.ask(&user, &[id.into()]).await.unwrap();
                if session {
                    let session = "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, created_at) VALUES ('s', $1, 'h', 1, 1, 1)";
                    database.ask(session, &[id.into()]).await.unwrap();
                }
                let Some(status) = booking else { continue };
                let event = "INSERT INTO inventory (event, version, status, revision, currency) VALUES ('e', 1, 'open', 1, 'EUR') \
                             ON CONFLICT (event) DO NOTHING";
                database.ask(event, &[]).await.unwrap();
                let payment = if status == "expired" { "NULL" } else { "'p'" };
                let booking = format!(
                    "INSERT INTO bookings (id, event, person, status, extended, total, currency, payment, ticket_seed, version, created_at, \
                     updated_at) VALUES ($1, 'e', $1, $2, 0, 1, 'EUR', {payment}, 's', 1, 0, 0)"
                );
                database.ask(&booking, &[id.into(), status.into()]).await.unwrap();
            }
            for (hash, expires_at) in [("over", now - 1), ("open", now + HOUR)] {
                let statement = "INSERT INTO guest_links (hash, guest, booking, asked, created_at, expires_at) VALUES ($1, 'g', 'b', 0, 0, $2)";
                database.ask(statement, &[hash.into(), expires_at.into()]).await.unwrap();
            }
            assert_eq!(
                (retention_task.tidy(Kind::GuestLinks).await.unwrap(), retention_task.tidy(Kind::Guests).await.unwrap()),
                (1, 2)
            );
            let rows = database.ask("SELECT id FROM users ORDER BY id", &[]).await.unwrap();
            let kept: Vec<_> = rows.into_iter().map(|mut row| row.text().unwrap()).collect();
            assert_eq!(kept, ["account", "back", "bought", "new", "returned"]);
            let looked_at = numbers(database, "SELECT COUNT(*) FROM users WHERE guest_until IS NOT NULL").await;
            assert_eq!(looked_at, [2], "who bought is not looked at again");
        }
    }

    #[tokio::test]
    async fn nodes_not_seen_for_long_are_deleted() {
        for scratch in databases(true).await {
            let (retention_task, now) = retention_task(&scratch.database).await;
            for (name, age) in [("gone", limits::NODE_FORGOTTEN + 1), ("late", limits::NODE_FORGOTTEN / 2)] {
                let statement = "INSERT INTO nodes (name, address, expires_at) VALUES ($1, '', $2)";
                scratch.database.ask(statement, &[name.into(), (now - age).into()]).await.unwrap();
            }
            assert_eq!(retention_task.tidy(Kind::Nodes).await.unwrap(), 1);
            assert_eq!(scratch.database.ask("SELECT name FROM nodes", &[]).await.unwrap().remove(0).text().unwrap(), "late");
        }
    }

    #[tokio::test]
    async fn answers_go_with_the_bookings_that_nobody_bought() {
        for scratch in databases(true).await {
            let (retention_task, now) = retention_task(&scratch.database).await;
            let event = "INSERT INTO inventory (event, version, status, revision, currency) VALUES ('e', 1, 'open', 1, 'EUR')";
            scratch.database.ask(event, &[]).await.unwrap();
            let age = microseconds(limits::ANSWERS_UNSOLD);
            for (id, status, total, payment, age) in [
                ("expired", "expired", 5, "NULL", age + HOUR),
                ("given back", "cancelled", 5, "NULL", age + HOUR),
                ("expired lately", "expired", 5, "NULL", age - HOUR),
                ("bought", "confirmed", 5, "'p'", age + HOUR),
                ("bought and cancelled", "cancelled", 5, "'p'", age + HOUR),
                ("free and cancelled", "cancelled", 0, "NULL", age + HOUR),
            ] {
                let booking = format!(
                    "INSERT INTO bookings (id, event, person, status, extended, total, currency, payment, ticket_seed, version, created_at, \
                     updated_at) VALUES ($1, 'e', 'p', '{status}', 0, {total}, 'EUR', {payment}, 's', 1, 0, 0)"
                );
                scratch.database.ask(&booking, &[id.into()]).await.unwrap();
                let answer = "INSERT INTO answers (booking, number, question, event, person, label, kind, value, answered_by, answered_at) \
                              VALUES ($1, 0, 'q', 'e', 'p', 'Q', 'text', '\"a\"', 'p', $2)";
                scratch.database.ask(answer, &[id.into(), (now - age).into()]).await.unwrap();
            }
            for _ in 0..2 {
                retention_task.tidy(Kind::Answers).await.unwrap();
                let left = scratch.database.ask("SELECT booking FROM answers ORDER BY booking", &[]).await.unwrap();
                let left: Vec<String> = left.into_iter().map(|mut row| row.text().unwrap()).collect();
                assert_eq!(left, ["bought", "bought and cancelled", "expired lately", "free and cancelled"]);
            }
            let looked_at = "SELECT COUNT(*) FROM answers WHERE kept = 0";
            assert_eq!(numbers(&scratch.database, looked_at).await, [1], "what stays is looked at once");
        }
    }

    #[tokio::test]
    async fn what_was_said_at_doors_and_offered_is_forgotten_once_nobody_says_it_again() {
        for scratch in databases(true).await {
            let (retention_task, now) = retention_task(&scratch.database).await;
            for statement in [
                "INSERT INTO inventory (event, version, status, revision, currency) VALUES ('e', 1, 'open', 1, 'EUR')",
                "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) \
                 VALUES ('b', 'e', 'p', 'confirmed', 0, 0, 'EUR', 's', 1, 0, 0)",
                "INSERT INTO tickets (booking, number, event, ticket_type, generation, version, updated_at) VALUES ('b', 1, 'e', 't', 1, 1, 0)",
            ] {
                scratch.database.ask(statement, &[]).await.unwrap();
            }
            let (offers, scans) = (microseconds(limits::TICKET_OFFERS_KEPT), microseconds(limits::OFFLINE_SCANS_KEPT));
            let told = microseconds(limits::WEBHOOK_DELIVERIES_KEPT);
            let links = microseconds(limits::UNSUBSCRIBE_LINKS_KEPT);
            for (id, side) in [("old", HOUR), ("new", -HOUR)] {
                for (statement, at) in [
                    (
                        "INSERT INTO ticket_offers (id, booking, number, generation, offered_by, email, status, expires_at, created_at, updated_at) \
                      VALUES ($1, 'b', 1, 1, 'p', 'a', 'withdrawn', $2, 0, 0)",
                        now - offers - side,
                    ),
                    ("INSERT INTO ticket_stops (id, booking, until) VALUES ($1, 'b', $2)", now - side),
                    (
                        "INSERT INTO offline_scans (id, event, list, at, answer, merged_by, created_at) VALUES ($1, 'e', '', 0, '', 'p', $2)",
                        now - scans - side,
                    ),
                    (
                        "INSERT INTO webhook_deliveries (id, webhook, type, body, state, attempts, due_at, give_up_at, claimed_until, created_at, \
                         updated_at) VALUES ($1, 'w', 't', '{}', 'due', 1, 0, 0, 0, 0, $2)",
                        now - told - side,
                    ),
                    (
                        "INSERT INTO unsubscribe_links (hash, organiser_id, address_hash, created_at) VALUES ($1, 'o', 'a', $2)",
                        now - links - side,
                    ),
                ] {
                    scratch.database.ask(statement, &[id.into(), at.into()]).await.unwrap();
                }
            }
            for (kind, table, id) in [
                (Kind::TicketOffers, "ticket_offers", "id"),
                (Kind::TicketStops, "ticket_stops", "id"),
                (Kind::OfflineScans, "offline_scans", "id"),
                (Kind::WebhookDeliveries, "webhook_deliveries", "id"),
                (Kind::UnsubscribeLinks, "unsubscribe_links", "hash"),
            ] {
                assert_eq!(retention_task.tidy(kind).await.unwrap(), 1, "{table}");
                let left =
                    scratch.database.ask(&format!("SELECT {id} FROM {table}"), &[]).await.unwrap().remove(0).text().unwrap();
                assert_eq!(left, "new", "{table}");
            }
        }
    }
}

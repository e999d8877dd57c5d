//! The keys that sign access tokens, as an operator of the region that keeps the accounts ends them, and those that sign tickets, which
//! each region has.
//!
//! What is written here of the former goes to every edge and to other regions by the journal, like all that is public. Making keys is the
//! components' business. The ids of the two kinds are of different lengths, so that one command ends either.

use std::sync::atomic::{AtomicU32, Ordering};

use read_model::Fact;
use read_model::journal::{self, USER_EVENTS};

use crate::database::{Database, Error, Purpose, Row, Transaction};
use crate::limits;

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// Access tokens.
    Tokens,
    /// Codes of tickets.
    Tickets,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its id: the `kid` of its tokens, or what its codes carry.
    pub kid: String,
    /// What it signs.
    pub signs: Signs,
    /// Microseconds.
    pub created_at: i64,
    /// Whether it is still good.
    pub state: State,
}

/// Where a key is in its life. Instants are microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It signs, and is trusted.
    InUse,
    /// It signs no more, and is trusted until its last token has ended; one of tickets, for good.
    Retired {
        /// When that is.
        until: Option<i64>,
    },
    /// It was retired, and is not trusted any more.
    Ended {
        /// Since when.
        at: i64,
    },
    /// It was revoked: what it has signed is refused.
    Revoked {
        /// Since when.
        at: i64,
    },
}

/// All keys there ever were, the newest first.
///
/// # Errors
/// Of the database.
pub async fn list(database: &Database) -> Result<Vec<Key>, Error> {
    let mut transaction = database.begin(Purpose::Read).await?;
    let now = transaction.now().await?;
    let statement = "SELECT kid, created_at, ends_at, revoked_at FROM signing_keys ORDER BY created_at DESC, kid";
    let rows = transaction.query(statement, &[]).await?;
    let key = |mut row: Row| {
        let (kid, created_at) = (row.text()?, row.integer()?);
        let state = match (row.maybe_integer()?, row.maybe_integer()?) {
            (_, Some(at)) => State::Revoked { at },
            (Some(until), None) if until > now => State::Retired { until: Some(until) },
            (Some(at), None) => State::Ended { at },
            (None, None) => State::InUse,
        };
        Ok(Key { kid, signs: Signs::Tokens, created_at, state })
    };
    let mut keys: Vec<Key> = rows.into_iter().map(key).collect::<Result<_, Error>>()?;
    let statement = "SELECT kid, created_at, retired_at, revoked_at FROM ticket_keys ORDER BY created_at DESC, kid";
    for mut row in transaction.query(statement, &[]).await? {
        let (kid, created_at) = (row.text()?, row.integer()?);
        let state = match (row.maybe_integer()?, row.maybe_integer()?) {
            (_, Some(at)) => State::Revoked { at },
            (Some(_), None) => State::Retired { until: None },
            (None, None) => State::InUse,
        };
        keys.push(Key { kid, signs: Signs::Tickets, created_at, state });
    }
    Ok(keys)
}

/// Has a key of tickets sign no more; the codes that it has signed stay good. False where there is no such key in use.
///
/// # Errors
/// Of the database.
pub async fn retire_of_tickets(database: &Database, kid: &str) -> Result<bool, Error> {
    let statement = "UPDATE ticket_keys SET retired_at = $2, private_key = NULL, slot = NULL \
                     WHERE kid = $1 AND retired_at IS NULL AND revoked_at IS NULL RETURNING kid";
    end_of_tickets(database, statement, "key.retired", kid).await
}

/// Has the codes refused that a key of tickets has signed: their holders find new ones where their tickets are shown. False where there is
/// no such key that is trusted.
///
/// # Errors
/// Of the database.
pub async fn revoke_of_tickets(database: &Database, kid: &str) -> Result<bool, Error> {
    let statement = "UPDATE ticket_keys SET revoked_at = $2, private_key = NULL, slot = NULL WHERE kid = $1 AND revoked_at IS NULL RETURNING kid";
    end_of_tickets(database, statement, "key.revoked", kid).await
}

async fn end_of_tickets(database: &Database, statement: &str, kind: &'static str, kid: &str) -> Result<bool, Error> {
    let mut transaction = database.begin(Purpose::Write).await?;
    let now = transaction.now().await?;
    if transaction.query(statement, &[kid.into(), now.into()]).await?.is_empty() {
        return Ok(false);
    }
    let entry = journal::Row {
        topic: USER_EVENTS,
        kind,
        aggregate: kid.to_owned(),
        version: 2,
        payload: serde_json::json!({ "kid": kid, "purpose": "tickets", "actor": "operator" }).to_string(),
        trace: None,
        fact: None,
    };
    tell(&mut transaction, &entry).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Has a key sign no more. Its tokens are good until the last of them has ended, for which time it is trusted; then it is forgotten. Returns until
/// when; none where there is no such key in use.
///
/// # Errors
/// Of the database.
pub async fn retire(database: &Database, kid: &str) -> Result<Option<i64>, Error> {
    let mut transaction = database.begin(Purpose::Write).await?;
    let until = transaction.now().await? + limits::KEY_MICROSECONDS;
    let statement =
        "UPDATE signing_keys SET ends_at = $2, private_key = NULL WHERE kid = $1 AND ends_at IS NULL RETURNING public_key";
    end(transaction, statement, "key.retired", kid, until).await
}

/// Has every node refuse a key's tokens from now on, within the time that news take to reach it. Returns since when; none where there is no such key that is
/// trusted.
///
/// # Errors
/// Of the database.
pub async fn revoke(database: &Database, kid: &str) -> Result<Option<i64>, Error> {
    let mut transaction = database.begin(Purpose::Write).await?;
    let now = transaction.now().await?;
    let statement = "UPDATE signing_keys SET ends_at = $2, revoked_at = $2, private_key = NULL \
                     WHERE kid = $1 AND (ends_at IS NULL OR ends_at > $2) RETURNING public_key";
    end(transaction, statement, "key.revoked", kid, now).await
}

async fn end(
    mut transaction: Transaction,
    statement: &str,
    kind: &'static str,
    kid: &str,
    until: i64,
) -> Result<Option<i64>, Error> {
    let ended = transaction.query(statement, &[kid.into(), until.into()]).await?;
    let Some(mut row) = ended.into_iter().next() else { return Ok(None) };
    let fact = Fact::Key { kid: kid.to_owned(), public_key: row.text()?, until: Some(until) };
    let entry = journal::Row {
        topic: USER_EVENTS,
        kind,
        aggregate: kid.to_owned(),
        version: 2,
        payload: serde_json::json!({ "kid": kid, "until": until, "actor": "operator" }).to_string(),
        trace: None,
        fact: Some(serde_json::to_string(&fact).map_err(|error| Error::Row(error.to_string()))?),
    };
    tell(&mut transaction, &entry).await?;
    transaction.commit().await?;
    Ok(Some(until))
}

/// Writes an entry to the journal, as the components do.
async fn tell(transaction: &mut Transaction, entry: &journal::Row) -> Result<(), Error> {
    let now = transaction.now().await?;
    // Unique, and sorts by nothing: within a transaction there is only this one. SQLite's clock may say the same for the next one.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let batch = format!("operator_{now}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let begin = [batch.as_str().into(), now.into()];
    match journal::facts(std::slice::from_ref(entry)) {
        Some(facts) => {
            let statement = "INSERT INTO journal_batches (id, at, entries, facts) VALUES ($1, $2, 1, $3)";
            let [batch, now] = begin;
            transaction.query(statement, &[batch, now, facts.as_str().into()]).await?;
        }
        None => _ = transaction.query("INSERT INTO journal_batches (id, at, entries) VALUES ($1, $2, 1)", &begin).await?,
    }
    let statement =
        "INSERT INTO journal (batch, ordinal, topic, type, aggregate, version, payload) VALUES ($1, 0, $2, $3, $4, $5, $6)";
    let topic = entry.topic.unwrap_or_default();
    let columns = [
        batch.as_str().into(),
        topic.into(),
        entry.kind.into(),
        entry.aggregate.as_str().into(),
        entry.version.into(),
        entry.payload.as_str().into(),
    ];
    transaction.query(statement, &columns).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::databases;

    async fn insert(database: &Database, kid: &str, created_at: i64) {
        let statement = "INSERT INTO signing_keys (kid, public_key, private_key, created_at) VALUES ($1, 'p', 'secret', $2)";
        database.ask(statement, &[kid.into(), created_at.into()]).await.unwrap();
    }

    async fn texts(database: &Database, statement: &str) -> Vec<String> {
        let rows = database.ask(statement, &[]).await.unwrap();
        rows.into_iter().map(|mut row| row.text().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_retired_key_expires_with_its_last_token_and_a_revoked_one_at_once() {
        for scratch in databases(true).await {
            let database = &scratch.database;
            for (kid, created_at) in [("old", 1), ("stolen", 2), ("new", 3)] {
                insert(database, kid, created_at).await;
            }
            let until = retire(database, "old").await.unwrap().unwrap();
            let at = revoke(database, "stolen").await.unwrap().unwrap();
            assert!(until > at + limits::KEY_MICROSECONDS - 60_000_000);
            let states: Vec<_> = list(database).await.unwrap().into_iter().map(|key| (key.kid, key.state)).collect();
            let expected = [
                ("new".to_owned(), State::InUse),
                ("stolen".to_owned(), State::Revoked { at }),
                ("old".to_owned(), State::Retired { until: Some(until) }),
            ];
            assert_eq!(states, expected);
            assert_eq!(texts(database, "SELECT kid FROM signing_keys WHERE private_key IS NOT NULL").await, ["new"]);

            // It is published to every node, and to the audit log.
            let facts = texts(database, "SELECT facts FROM journal_batches ORDER BY at, id").await;
            let fact = |kid: &str, until: i64| format!(r#"[{{"kind":"key","kid":"{kid}","public_key":"p","until":{until}}}]"#);
            assert_eq!(facts, [fact("old", until), fact("stolen", at)]);
            assert_eq!(
                texts(database, "SELECT type FROM journal WHERE topic = 'user-events' ORDER BY type").await,
                ["key.retired", "key.revoked"]
            );

            // To ask again changes nothing; a retired key can still be revoked.
            assert_eq!(retire(database, "old").await.unwrap(), None);
            assert_eq!(revoke(database, "stolen").await.unwrap(), None);
            assert_eq!(revoke(database, "unheard of").await.unwrap(), None);
            assert!(revoke(database, "old").await.unwrap().unwrap() < until);
        }
    }

    #[tokio::test]
    async fn a_key_of_tickets_is_retired_and_its_codes_stay_good_until_it_is_revoked() {
        for scratch in databases(true).await {
            let database = &scratch.database;
            let statement = "INSERT INTO ticket_keys (kid, public_key, private_key, slot, created_at) VALUES ('K1', 'p', 'secret', 'kept', 1)";
            database.ask(statement, &[]).await.unwrap();
            let state = async || list(database).await.unwrap().remove(0).state;
            assert_eq!(list(database).await.unwrap()[0].signs, Signs::Tickets);
            assert!(!retire_of_tickets(database, "K2").await.unwrap());
            assert!(retire_of_tickets(database, "K1").await.unwrap() && !retire_of_tickets(database, "K1").await.unwrap());
            assert_eq!(state().await, State::Retired { until: None });
            assert!(
                texts(database, "SELECT kid FROM ticket_keys WHERE private_key IS NOT NULL OR slot IS NOT NULL").await.is_empty()
            );
            assert!(revoke_of_tickets(database, "K1").await.unwrap() && !revoke_of_tickets(database, "K1").await.unwrap());
            assert!(matches!(state().await, State::Revoked { .. }));
            assert_eq!(texts(database, "SELECT type FROM journal ORDER BY type").await, ["key.retired", "key.revoked"]);
            assert!(
                texts(database, "SELECT facts FROM journal_batches WHERE facts IS NOT NULL").await.is_empty(),
                "edges check no tickets"
            );
        }
    }
}

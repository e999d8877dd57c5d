//! The tickets of bookings, and the keys that sign their codes.
//!
//! A booking's tickets are numbered from 1 through its items in order. A ticket has a row in `tickets` once something has happened to it;
//! without one it is its booking's owner's, in its first generation.

use crate::hash::{self, base32};
use crate::journal::{self, USER_EVENTS};
use crate::problem::Problem;
use crate::sql::{self, Error, Tx};
use crate::{config, limits, params, questions, router};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ticket_code::Code;

pub use ticket_code::SigningKey;

/// Letters and digits of a [`short_code`]: 80 bits.
pub const SHORT_CODE_LENGTH: usize = 16;

/// One person's right to enter.
#[derive(Debug, PartialEq, Serialize)]
pub struct Ticket {
    /// From 1, in its booking.
    pub number: u32,
    /// What the door checks.
    pub code: String,
    /// What it is for.
    pub ticket_type_id: String,
}

/// The numbers of a booking's tickets, each with its ticket type.
pub fn numbered<'a>(items: impl IntoIterator<Item = (&'a str, u32)>) -> impl Iterator<Item = (u32, &'a str)> {
    let types = items.into_iter().flat_map(|(ticket_type, quantity)| std::iter::repeat_n(ticket_type, quantity as usize));
    (1u32..).zip(types)
}

/// The tickets of a booking that are still its owner's.
#[derive(Debug, PartialEq)]
pub struct OwnTickets {
    /// Those that are shown, in order.
    pub tickets: Vec<Ticket>,
    /// How many there are beside these.
    pub more: usize,
    /// How many are not shown, because required answers are missing.
    pub withheld: usize,
}

/// The tickets of a confirmed booking that are still its owner's, with their codes: `most` of them at most.
///
/// # Errors
/// Of the database.
pub async fn of_owner<'a>(
    tx: &mut Tx,
    key: &SigningKey,
    booking: (&str, &str),
    items: impl IntoIterator<Item = (&'a str, u32)>,
    most: usize,
) -> Result<OwnTickets, Error> {
    of_holder(tx, key, booking, None, items, most).await
}

/// As [`of_owner`], of the person to whom tickets of the booking were transferred; none: of its owner.
///
/// # Errors
/// Of the database.
pub async fn of_holder<'a>(
    tx: &mut Tx,
    key: &SigningKey,
    (booking, event): (&str, &str),
    holder: Option<&str>,
    items: impl IntoIterator<Item = (&'a str, u32)>,
    most: usize,
) -> Result<OwnTickets, Error> {
    let statement =
        "SELECT number, generation, holder FROM tickets WHERE booking = $1 AND (generation > 1 OR holder IS NOT NULL)";
    let changed: Vec<(u32, u32, Option<String>)> = tx.all(statement, params![booking]).await?;
    let missing = questions::missing_of(tx, booking).await?;
    let own = numbered(items).filter_map(|(number, ticket_type)| {
        let changed = changed.iter().find(|(changed, ..)| *changed == number);
        let (generation, has) = changed.map_or((1, None), |(_, generation, holder)| (*generation, holder.as_deref()));
        (has == holder).then_some((number, generation, ticket_type))
    });
    let ticket = |(number, generation, ticket_type): (u32, u32, &str)| Ticket {
        number,
        code: code(key, (booking, number, generation), event, ticket_type),
        ticket_type_id: ticket_type.to_owned(),
    };
    let (withheld, shown): (Vec<_>, Vec<_>) = own.partition(|(number, ..)| missing.withholds(*number));
    let more = shown.len().saturating_sub(most);
    Ok(OwnTickets { tickets: shown.into_iter().take(most).map(ticket).collect(), more, withheld: withheld.len() })
}

/// The code of a ticket: its booking, number and generation.
pub fn code(key: &SigningKey, (booking, number, generation): (&str, u32, u32), event: &str, ticket_type: &str) -> String {
    let ticket = ticket_code::Ticket { booking: booking.to_owned(), number, generation };
    Code::sign(key, ticket, event, ticket_type).text()
}

/// Code n of a booking as it was before codes were signed: the first 16 letters of base32(SHA-256(seed ":" n)). Good for a ticket's first
/// generation.
pub fn short_code(seed: &str, number: u32) -> String {
    let mut text = base32(&Sha256::digest(format!("{seed}:{number}")));
    text.truncate(SHORT_CODE_LENGTH);
    text
}

/// This instance's key, and when it was looked at. Neither the variable nor a kept key changes under it, but it may be retired.
static KEY: Mutex<Option<(Arc<SigningKey>, Instant)>> = Mutex::new(None);

/// The key that signs codes: the variable `ticket_signing_key`, or one that is kept in the database. On first use its public part is
/// published, or, where none is configured, a key is made. To be asked for before a transaction begins: this may write.
///
/// # Errors
/// Where the database fails; where the configured key was retired or revoked.
pub async fn signer() -> Result<Arc<SigningKey>, Problem> {
    if let Some(key) = cached() {
        return Ok(key);
    }
    let key = Arc::new(match pem().await? {
        Some(pem) => configured(&pem).await?,
        None => kept().await?,
    });
    *KEY.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&key), Instant::now()));
    Ok(key)
}

fn cached() -> Option<Arc<SigningKey>> {
    // Each test has a database of its own, with a key of its own.
    #[cfg(feature = "testing")]
    if sql::testing::entered() {
        return None;
    }
    let known = KEY.lock().unwrap_or_else(PoisonError::into_inner);
    known.as_ref().filter(|(_, looked)| looked.elapsed() < LOOKED).map(|(key, _)| Arc::clone(key))
}

const LOOKED: Duration = Duration::from_micros(limits::TICKET_KEY_MICROSECONDS.unsigned_abs());

async fn pem() -> Result<Option<String>, Problem> {
    #[cfg(feature = "testing")]
    if sql::testing::entered() {
        return Ok(None);
    }
    config::optional("ticket_signing_key").await
}

/// The configured key, its public part published. A key that was kept for development signs no more.
async fn configured(pem: &str) -> Result<SigningKey, Problem> {
    let fault = |error| Problem::internal(format_args!("variable ticket_signing_key: {error}"));
    let key = SigningKey::from_pem(pem).map_err(fault)?;
    let kid = key.public_key().kid();
    let mut tx = sql::read().await?;
    let statement = "SELECT kid, COALESCE(revoked_at, retired_at) FROM ticket_keys WHERE kid = $1 OR slot = $2";
    let known: Vec<(String, Option<i64>)> = tx.all(statement, params![&kid, KEPT]).await?;
    tx.rollback().await?;
    match known.as_slice() {
        [(only, None)] if *only == kid => return Ok(key),
        known if known.iter().any(|(known, ended)| *known == kid && ended.is_some()) => {
            let mut problem = Problem::unavailable("Tickets cannot be shown now.", limits::LEFT_OUT_RETRY_MILLISECONDS);
            problem.log = Some(format!("the key {kid} was retired or revoked: configure another ticket_signing_key"));
            return Err(problem);
        }
        _ => {}
    }
    let mut tx = sql::write().await?;
    publish(&mut tx, &key, None).await?;
    let now = tx.now();
    let statement = "UPDATE ticket_keys SET retired_at = $1, private_key = NULL, slot = NULL WHERE slot = $2";
    tx.execute(statement, params![now, KEPT]).await?;
    tx.commit().await?;
    Ok(key)
}

/// The slot of the one key whose private part is in the database.
const KEPT: &str = "kept";

/// The key that is kept in the database, for development. However many instances come here at once, one key wins.
async fn kept() -> Result<SigningKey, Problem> {
    let mut tx = sql::read().await?;
    let found = find_kept(&mut tx).await?;
    tx.rollback().await?;
    if let Some(key) = found {
        return key;
    }
    let key = SigningKey::from_seed(&hash::random());
    let private = key.private().map_err(Problem::internal)?;
    let mut tx = sql::write().await?;
    let won = publish(&mut tx, &key, Some(&private)).await?;
    let found = find_kept(&mut tx).await?;
    tx.commit().await?;
    if won {
        router::log("no ticket_signing_key is set: one was made and is kept in the database. This is for development only");
    }
    found.ok_or_else(|| Problem::internal("the key that signs tickets was not kept"))?
}

async fn find_kept(tx: &mut Tx) -> Result<Option<Result<SigningKey, Problem>>, Error> {
    let row: Option<(String,)> = tx.one("SELECT private_key FROM ticket_keys WHERE slot = $1", params![KEPT]).await?;
    let fault = |error| Problem::internal(format_args!("the kept key that signs tickets: {error}"));
    Ok(row.map(|(private,)| SigningKey::from_private(&private).map_err(fault)))
}

/// Adds a key's row; false where it, or another kept one, is there already.
async fn publish(tx: &mut Tx, key: &SigningKey, private: Option<&str>) -> Result<bool, Error> {
    let (public, now) = (key.public_key(), tx.now());
    let (kid, slot) = (public.kid(), private.map(|_| KEPT));
    let added = tx
        .execute(
            "INSERT INTO ticket_keys (kid, public_key, private_key, slot, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            params![&kid, public.text(), private, slot, now],
        )
        .await?;
    if added == 0 {
        return Ok(false);
    }
    let payload = serde_json::json!({ "kid": &kid, "purpose": "tickets" });
    let entry = journal::Entry { topic: USER_EVENTS, kind: "key.published", aggregate: kid, version: 1, payload, fact: None };
    journal::write(tx, &[entry]).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::{Database, ready};
    use ticket_code::PublicKey;

    const NOW: i64 = 1_790_000_000_000_000;
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    #[test]
    fn tickets_are_numbered_through_the_items() {
        let all: Vec<_> = numbered([("standing", 2), ("seated", 1)]).collect();
        assert_eq!(all, [(1, "standing"), (2, "standing"), (3, "seated")]);
    }

    #[test]
    fn short_codes_never_change_and_depend_on_the_seed() {
        assert_ne!(short_code("seed", 1), short_code("other", 1));
        assert_ne!(short_code("seed", 1), short_code("seed", 2));
        // sha256("seed:1") begins 81 e4 ba 3b …: people hold these codes, so the rule may not change.
        assert_eq!(short_code("seed", 1), "g7jbmey215yrbb27");
    }

    type Row = (String, String, Option<String>, Option<String>, Option<i64>);

    fn keys(database: &Database) -> Vec<Row> {
        database.all_rows("SELECT kid, public_key, private_key, slot, retired_at FROM ticket_keys ORDER BY created_at")
    }

    #[test]
    fn one_key_is_made_and_kept_until_another_is_configured() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let made = ready(signer()).unwrap();
            assert_eq!(ready(signer()).unwrap().public_key(), made.public_key());
            assert_eq!(keys(&database).len(), 1);
            let code = code(&made, ("eu_b", 1, 1), "eu_e", "eu_t");

            database.set_now(NOW + 1);
            let configured = ready(configured(PEM)).unwrap();
            let [before, now] = keys(&database).try_into().unwrap();
            assert_eq!(now.0, configured.public_key().kid());
            assert_eq!((&now.2, &now.3, now.4), (&None, &None, None), "a configured key is not kept");
            assert_eq!((&before.2, &before.3, before.4), (&None, &None, Some(NOW + 1)), "the one before signs no more");
            assert!(Code::parse(&code).unwrap().is_signed_by(&PublicKey::parse(&before.1).unwrap()), "its tickets stay good");

            database.run(&format!("UPDATE ticket_keys SET retired_at = 1 WHERE kid = '{}'", now.0));
            assert_eq!(ready(super::configured(PEM)).unwrap_err().kind.status, 503);
            let told: Vec<(String,)> = database.all_rows("SELECT type FROM journal");
            assert_eq!(told, [("key.published".to_owned(),), ("key.published".to_owned(),)]);
        }
    }

    #[test]
    fn what_was_transferred_is_its_owners_no_more() {
        for database in Database::all() {
            database.enter();
            database
                .run("INSERT INTO inventory (event, version, status, revision, currency) VALUES ('eu_e', 1, 'open', 1, 'EUR')");
            database.run(
                "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) \
                 VALUES ('eu_b', 'eu_e', 'eu_p', 'confirmed', 0, 0, 'EUR', 'seed', 1, 0, 0)",
            );
            database.run(
                "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, version, updated_at) \
                 VALUES ('eu_b', 1, 'eu_e', 'eu_t', 2, 'eu_q', 0, 1, 0), ('eu_b', 2, 'eu_e', 'eu_t', 3, NULL, NULL, 1, 0)",
            );
            let key = ready(signer()).unwrap();
            let own = |most| {
                ready(async {
                    let mut tx = sql::read().await.unwrap();
                    of_owner(&mut tx, &key, ("eu_b", "eu_e"), [("eu_t", 4)], most).await.unwrap()
                })
            };
            let shown: Vec<_> = own(9)
                .tickets
                .iter()
                .map(|ticket| (ticket.number, Code::parse(&ticket.code).unwrap().ticket().generation))
                .collect();
            assert_eq!(shown, [(2, 3), (3, 1), (4, 1)]);
            assert_eq!((own(2).tickets.len(), own(2).more), (2, 1));
            for (holder, numbers) in [(Some("eu_q"), vec![1]), (Some("eu_r"), vec![])] {
                let own = ready(async {
                    let mut tx = sql::read().await.unwrap();
                    of_holder(&mut tx, &key, ("eu_b", "eu_e"), holder, [("eu_t", 4)], 9).await.unwrap()
                });
                assert_eq!(
                    (own.tickets.iter().map(|ticket| ticket.number).collect::<Vec<_>>(), own.more),
                    (numbers, 0),
                    "{holder:?}"
                );
            }
        }
    }
}

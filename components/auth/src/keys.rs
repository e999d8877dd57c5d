//! Which key signs, and which public keys are trusted.
//!
//! A key is in use until an operator ends it (`marquee keys`): retired, it signs no more and is trusted until its last token has ended; revoked, it
//! is not trusted any more. A row stays when it has ended, so that a node which is still given that key does not bring it back.

use crate::{limits, signing_key::SigningKey};
use kit::{Answer, Problem, Request, Response, config, journal, params, router, sql};
use read_model::Fact;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// This instance's key. Neither the variable nor a kept key changes under it, but it may be ended.
static KEY: Mutex<Option<Arc<SigningKey>>> = Mutex::new(None);

/// The key that signs. On first use its public part is published, or, where none is configured, a key is made.
pub async fn signing() -> Result<Arc<SigningKey>, Problem> {
    if let Some(key) = cached()
        && is_in_use(key.kid()).await?
    {
        return Ok(key);
    }
    Ok(load().await?.0)
}

/// Sees to it that there is a key; true where this published one.
pub async fn ensure() -> Result<bool, Problem> {
    if known() { Ok(false) } else { Ok(load().await?.1) }
}

/// Whether this instance has a key already.
pub fn known() -> bool {
    cached().is_some()
}

fn cached() -> Option<Arc<SigningKey>> {
    KEY.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

async fn is_in_use(kid: &str) -> Result<bool, Problem> {
    let mut tx = sql::read().await?;
    let row: Option<(i64,)> =
        tx.one("SELECT created_at FROM signing_keys WHERE kid = $1 AND ends_at IS NULL", params![kid]).await?;
    tx.rollback().await?;
    Ok(row.is_some())
}

async fn load() -> Result<(Arc<SigningKey>, bool), Problem> {
    // A key of this region's own would speak for people of whom it knows nothing.
    if let Some(region) = config::accounts_elsewhere().await? {
        return Err(Problem::unavailable(format!("Accounts are kept in the region {region}."), limits::ELSEWHERE_MILLISECONDS));
    }
    let (key, published) = match config::optional("signing_key").await? {
        Some(pem) => configured(&pem).await?,
        None => made(&config::region().await?).await?,
    };
    let key = Arc::new(key);
    *KEY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&key));
    Ok((key, published))
}

/// The configured key, its public part published. A key that was made for development before loses its trust.
async fn configured(pem: &str) -> Result<(SigningKey, bool), Problem> {
    let key = SigningKey::from_pem(pem).map_err(|error| Problem::internal(format_args!("variable signing_key: {error}")))?;
    let mut tx = sql::read().await?;
    let known: Vec<(String, Option<i64>)> = tx
        .all(
            "SELECT kid, ends_at FROM signing_keys WHERE kid = $1 OR (private_key IS NOT NULL AND ends_at IS NULL)",
            params![key.kid()],
        )
        .await?;
    tx.rollback().await?;
    if known.iter().any(|(kid, ends_at)| kid == key.kid() && ends_at.is_some()) {
        let mut problem = Problem::unavailable("Nobody can log in now.", limits::ELSEWHERE_MILLISECONDS);
        problem.log = Some(format!("the key {} was retired or revoked: configure another signing_key", key.kid()));
        return Err(problem);
    }
    if matches!(known.as_slice(), [(only, _)] if only == key.kid()) {
        return Ok((key, false));
    }
    let mut tx = sql::write().await?;
    let now = tx.now();
    for (kid, _) in known.iter().filter(|(kid, _)| kid != key.kid()) {
        end(&mut tx, kid, now, journal::USER_EVENTS).await?;
    }
    let published = publish(&mut tx, key.kid(), &key.public(), None, journal::USER_EVENTS).await?;
    tx.commit().await?;
    Ok((key, published))
}

/// The key that is kept in the database, for development. However many instances come here at once, one key wins: they all choose the same id,
/// and the primary key lets one in.
async fn made(region: &str) -> Result<(SigningKey, bool), Problem> {
    let mut tx = sql::read().await?;
    let kept = kept(&mut tx).await?;
    let (made,) = tx.one::<(i64,)>("SELECT COUNT(*) FROM signing_keys WHERE kid LIKE 'dev-%'", []).await?.unwrap_or_default();
    tx.rollback().await?;
    if let Some(key) = kept {
        return Ok((key?, false));
    }

    let kid = if made == 0 { format!("dev-{region}") } else { format!("dev-{region}-{}", made + 1) };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Problem::internal(format_args!("no randomness: {error}")))?;
    let key = SigningKey::from_seed(kid.clone(), &seed).map_err(Problem::internal)?;
    let private = key.private().map_err(Problem::internal)?;
    let mut tx = sql::write().await?;
    let won = publish(&mut tx, key.kid(), &key.public(), Some(private), journal::USER_EVENTS).await?;
    let kept = self::kept(&mut tx).await?;
    tx.commit().await?;
    if won {
        router::log("no signing_key is set: one was made and is kept in the database. This is for development only");
    }
    let kept = kept.ok_or_else(|| Problem::internal(format_args!("the signing key {kid} was not kept")))?;
    Ok((kept?, won))
}

/// The newest key of the database that is in use.
async fn kept(tx: &mut sql::Tx) -> Result<Option<Result<SigningKey, Problem>>, sql::Error> {
    let statement = "SELECT kid, private_key FROM signing_keys WHERE private_key IS NOT NULL AND ends_at IS NULL \
                     ORDER BY created_at DESC, kid LIMIT 1";
    let row: Option<(String, String)> = tx.one(statement, []).await?;
    Ok(row.map(|(kid, private)| {
        SigningKey::from_private(kid, &private).map_err(|error| Problem::internal(format_args!("the kept signing key: {error}")))
    }))
}

/// Adds a key's row, and tells the edges; false where its id is there already.
pub async fn publish(
    tx: &mut sql::Tx,
    kid: &str,
    public: &str,
    private: Option<String>,
    topic: Option<&'static str>,
) -> Result<bool, sql::Error> {
    let now = tx.now();
    let added = tx
        .execute(
            "INSERT INTO signing_keys (kid, public_key, private_key, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (kid) DO NOTHING",
            params![kid, public, private, now],
        )
        .await?;
    if added == 0 {
        return Ok(false);
    }
    tell(tx, "key.published", kid, public, None, topic).await?;
    Ok(true)
}

/// Trusts a key until `ends_at` and no longer, and tells the edges. Nothing where it ends before that anyway.
pub async fn end(tx: &mut sql::Tx, kid: &str, ends_at: i64, topic: Option<&'static str>) -> Result<(), sql::Error> {
    let ended: Option<(String,)> = tx
        .one(
            "UPDATE signing_keys SET ends_at = $2, private_key = NULL WHERE kid = $1 AND (ends_at IS NULL OR ends_at > $2) \
             RETURNING public_key",
            params![kid, ends_at],
        )
        .await?;
    match ended {
        Some((public,)) => tell(tx, "key.ended", kid, &public, Some(ends_at), topic).await,
        None => Ok(()),
    }
}

/// What the region of the accounts says of a key, written down in another.
pub async fn repeat(tx: &mut sql::Tx, kid: &str, public: &str, until: Option<i64>) -> Result<(), sql::Error> {
    publish(tx, kid, public, None, journal::FEED_ONLY).await?;
    match until {
        Some(until) => end(tx, kid, until, journal::FEED_ONLY).await,
        None => Ok(()),
    }
}

/// These are all the keys that are trusted in the region of the accounts: others are forgotten here.
pub async fn only(tx: &mut sql::Tx, kids: &[&str]) -> Result<(), sql::Error> {
    let now = tx.now();
    let rows: Vec<(String,)> = tx.all("SELECT kid FROM signing_keys", []).await?;
    for (kid,) in rows.into_iter().filter(|(kid,)| !kids.contains(&kid.as_str())) {
        end(tx, &kid, now, journal::FEED_ONLY).await?;
        // Should that region ever speak of it again, as one that was restored may, then as of a new one.
        tx.execute("DELETE FROM signing_keys WHERE kid = $1", params![kid]).await?;
    }
    Ok(())
}

async fn tell(
    tx: &mut sql::Tx,
    kind: &'static str,
    kid: &str,
    public: &str,
    until: Option<i64>,
    topic: Option<&'static str>,
) -> Result<(), sql::Error> {
    let entry = journal::Entry {
        topic,
        kind,
        aggregate: kid.to_owned(),
        version: if until.is_some() { 2 } else { 1 },
        payload: serde_json::json!({ "kid": kid, "until": until }),
        fact: Some(Fact::Key { kid: kid.to_owned(), public_key: public.to_owned(), until }),
    };
    journal::write(tx, &[entry]).await
}

/// A public key, by the names of RFC 8037.
#[derive(Debug, Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
}

/// `GET /.well-known/jwks.json`: the public keys that are trusted, the newest first.
pub async fn published(_: Request) -> Answer {
    crate::setup::ensure().await?;
    let mut tx = sql::read().await?;
    let now = tx.now();
    let rows: Vec<(String, String)> = tx
        .all(
            "SELECT kid, public_key FROM signing_keys WHERE ends_at IS NULL OR ends_at > $1 ORDER BY created_at DESC, kid LIMIT $2",
            params![now, limits::KEYS],
        )
        .await?;
    tx.rollback().await?;
    let keys: Vec<_> =
        rows.into_iter().map(|(kid, x)| Jwk { kty: "OKP", crv: "Ed25519", usage: "sig", alg: "EdDSA", kid, x }).collect();
    let answer = Response::json(200, &serde_json::json!({ "keys": keys }))?;
    Ok(answer.header("cache-control", format!("public, max-age={}", limits::KEYS_MAX_AGE_SECONDS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    const NOW: i64 = 1_790_000_000_000_000;

    fn write<T>(work: impl AsyncFnOnce(&mut sql::Tx) -> T) -> T {
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let done = work(&mut tx).await;
            tx.commit().await.unwrap();
            done
        })
    }

    fn facts(database: &Database) -> Vec<(Option<String>,)> {
        database.all_rows("SELECT facts FROM journal_batches ORDER BY id")
    }

    #[test]
    fn a_key_that_was_ended_signs_no_more_and_another_is_made() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let (first, new) = ready(made("eu")).unwrap();
            assert_eq!((first.kid(), new), ("dev-eu", true));
            assert_eq!(ready(made("eu")).unwrap().0.public(), first.public());
            write(async |tx| end(tx, "dev-eu", NOW + 60, journal::USER_EVENTS).await.unwrap());
            assert!(!ready(is_in_use("dev-eu")).unwrap());
            let (second, new) = ready(made("eu")).unwrap();
            assert_eq!((second.kid(), new), ("dev-eu-2", true));
            assert_ne!(second.public(), first.public());
            let private: Vec<(Option<String>,)> = database.all_rows("SELECT private_key FROM signing_keys WHERE kid = 'dev-eu'");
            assert_eq!(private, [(None,)], "nothing is kept that could sign with it");
            let told = facts(&database);
            let ended =
                |(facts,): &(Option<String>,)| facts.as_ref().is_some_and(|facts| facts.contains(r#""until":1790000000000060"#));
            assert!(told.len() == 3 && told.iter().any(ended), "{told:?}");
        }
    }

    #[test]
    fn what_ends_a_key_first_has_the_last_word() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            write(async |tx| repeat(tx, "k1", "p", None).await.unwrap());
            write(async |tx| repeat(tx, "k1", "p", Some(NOW)).await.unwrap());
            write(async |tx| repeat(tx, "k1", "p", None).await.unwrap());
            write(async |tx| repeat(tx, "k1", "p", Some(NOW + 100)).await.unwrap());
            write(async |tx| repeat(tx, "k2", "p", None).await.unwrap());
            write(async |tx| only(tx, &["k1"]).await.unwrap());
            let rows: Vec<(String, Option<i64>)> = database.all_rows("SELECT kid, ends_at FROM signing_keys ORDER BY kid");
            assert_eq!(rows, [("k1".to_owned(), Some(NOW))]);
            assert_eq!(facts(&database).len(), 4, "each change is told once");
        }
    }
}

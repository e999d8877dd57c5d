//! Which key signs, and which public keys there are.

use crate::{limits, signing_key::SigningKey};
use kit::{Answer, Problem, Request, Response, config, journal, params, router, sql};
use read_model::Fact;
use serde::Serialize;
use std::sync::OnceLock;

/// This instance's key: read once, since neither the variable nor a kept key changes under it.
static KEY: OnceLock<SigningKey> = OnceLock::new();

/// The key that signs. On first use its public part is published, or, where none is configured, a key is made.
pub async fn signing() -> Result<&'static SigningKey, Problem> {
    Ok(load().await?.0)
}

/// Sees to it that there is a key; true where this published one.
pub async fn ensure() -> Result<bool, Problem> {
    Ok(load().await?.1)
}

/// Whether this instance has the key already.
pub fn known() -> bool {
    KEY.get().is_some()
}

async fn load() -> Result<(&'static SigningKey, bool), Problem> {
    if let Some(key) = KEY.get() {
        return Ok((key, false));
    }
    // A key of this region's own would speak for people of whom it knows nothing.
    if let Some(region) = config::accounts_elsewhere().await? {
        return Err(Problem::unavailable(format!("Accounts are kept in the region {region}."), limits::ELSEWHERE_MILLISECONDS));
    }
    let (key, published) = match config::optional("signing_key").await? {
        Some(pem) => configured(&pem).await?,
        None => made().await?,
    };
    Ok((KEY.get_or_init(|| key), published))
}

/// The configured key, its public part published. A key that was made for development before loses its trust.
async fn configured(pem: &str) -> Result<(SigningKey, bool), Problem> {
    let key = SigningKey::from_pem(pem).map_err(|error| Problem::internal(format_args!("variable signing_key: {error}")))?;
    let mut tx = sql::read().await?;
    let known: Vec<(String,)> =
        tx.all("SELECT kid FROM signing_keys WHERE kid = $1 OR private_key IS NOT NULL", params![key.kid()]).await?;
    tx.rollback().await?;
    if matches!(known.as_slice(), [(only,)] if only == key.kid()) {
        return Ok((key, false));
    }
    let mut tx = sql::write().await?;
    tx.execute("DELETE FROM signing_keys WHERE private_key IS NOT NULL", []).await?;
    let published = publish(&mut tx, key.kid(), &key.public(), None).await?;
    tx.commit().await?;
    Ok((key, published))
}

/// The key that is kept in the database, for development. However many instances come here at once, one key wins: they all use its
/// id, and the primary key lets one in.
async fn made() -> Result<(SigningKey, bool), Problem> {
    let kid = format!("dev-{}", config::region().await?);
    let mut tx = sql::read().await?;
    let kept = private_key(&mut tx, &kid).await?;
    tx.rollback().await?;
    if let Some(private) = kept {
        return Ok((kept_key(kid, &private)?, false));
    }

    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Problem::internal(format_args!("no randomness: {error}")))?;
    let key = SigningKey::from_seed(kid.clone(), &seed).map_err(Problem::internal)?;
    let private = key.private().map_err(Problem::internal)?;
    let mut tx = sql::write().await?;
    let won = publish(&mut tx, key.kid(), &key.public(), Some(private)).await?;
    let kept = private_key(&mut tx, &kid).await?;
    tx.commit().await?;
    if won {
        router::log("no signing_key is set: one was made and is kept in the database. This is for development only");
    }
    let kept = kept.ok_or_else(|| Problem::internal(format_args!("the signing key {kid} was not kept")))?;
    Ok((kept_key(kid, &kept)?, won))
}

async fn private_key(tx: &mut sql::Tx, kid: &str) -> Result<Option<String>, sql::Error> {
    let statement = "SELECT private_key FROM signing_keys WHERE kid = $1 AND private_key IS NOT NULL";
    Ok(tx.one::<(String,)>(statement, params![kid]).await?.map(|(private,)| private))
}

fn kept_key(kid: String, private: &str) -> Result<SigningKey, Problem> {
    SigningKey::from_private(kid, private).map_err(|error| Problem::internal(format_args!("the kept signing key: {error}")))
}

/// Adds a key's row, and tells the edges; false where its id is there already.
pub async fn publish(tx: &mut sql::Tx, kid: &str, public: &str, private: Option<String>) -> Result<bool, sql::Error> {
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
    let published = journal::Entry {
        topic: journal::FEED_ONLY,
        kind: "key.published",
        aggregate: kid.to_owned(),
        version: 1,
        payload: serde_json::json!({ "kid": kid }),
        fact: Some(Fact::Key { kid: kid.to_owned(), public_key: public.to_owned() }),
    };
    journal::write(tx, &[published]).await?;
    Ok(true)
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

/// `GET /.well-known/jwks.json`: the public keys, the newest first.
pub async fn published(_: Request) -> Answer {
    crate::setup::ensure().await?;
    let mut tx = sql::read().await?;
    let rows: Vec<(String, String)> =
        tx.all("SELECT kid, public_key FROM signing_keys ORDER BY created_at DESC, kid LIMIT $1", params![limits::KEYS]).await?;
    tx.rollback().await?;
    let keys: Vec<_> =
        rows.into_iter().map(|(kid, x)| Jwk { kty: "OKP", crv: "Ed25519", usage: "sig", alg: "EdDSA", kid, x }).collect();
    let answer = Response::json(200, &serde_json::json!({ "keys": keys }))?;
    Ok(answer.header("cache-control", format!("public, max-age={}", limits::KEYS_MAX_AGE_SECONDS)))
}

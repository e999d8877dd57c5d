//! The keys that secrets of webhooks are encrypted with, and who may be told by one.
//!
//! The keys come from the variable `webhook_key`. To change it, put a new one before it: the first key encrypts, all of them decrypt. Where the variable is
//! empty a key is made and kept in the database, for development.

use crate::{Problem, config, hash, params, router, sql};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::sync::{Arc, Mutex, PoisonError};
use webhooks::{Keys, Receivers, sealing};

/// The variable of the keys.
const KEY: &str = "webhook_key";
/// The variable that says who may be told.
const RECEIVERS: &str = "webhook_receivers";
/// The id of the row of a key that was made: there is one, however many instances come here at once.
const MADE: &str = "made";

/// This instance's keys: neither the variable nor a kept key changes under it.
static KEYS: Mutex<Option<Arc<Keys>>> = Mutex::new(None);

/// The keys; on first use one is made where none is configured.
///
/// # Errors
/// Where the variable is not what it should be, or the database fails.
pub async fn keys() -> Result<Arc<Keys>, Problem> {
    if let Some(keys) = KEYS.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return Ok(keys);
    }
    let keys = Arc::new(load(config::optional(KEY).await?.as_deref()).await?);
    *KEYS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
    Ok(keys)
}

/// The keys where this is the variable's value.
///
/// # Errors
/// As [`keys`].
pub async fn load(configured: Option<&str>) -> Result<Keys, Problem> {
    let configured = configured.map(Keys::parse).transpose();
    let configured = configured.map_err(|fault| Problem::internal(format_args!("variable {KEY}: {fault}")))?;
    // One that was made before still decrypts what it has encrypted.
    let kept = kept(configured.is_none()).await?;
    match (configured, kept) {
        (Some(keys), Some(kept)) => Ok(keys.and(kept)),
        (Some(keys), None) | (None, Some(keys)) => Ok(keys),
        (None, None) => Err(Problem::internal("the key of webhooks was not kept")),
    }
}

/// The key that is kept in the database; one is made where there is none and `make` says so.
async fn kept(make: bool) -> Result<Option<Keys>, Problem> {
    let mut tx = sql::read().await?;
    let mut kept = select(&mut tx).await?;
    tx.rollback().await?;
    if kept.is_none() && make {
        let key = STANDARD.encode(hash::random::<{ sealing::KEY }>());
        let mut tx = sql::write().await?;
        let statement = "INSERT INTO webhook_keys (id, key) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        let made = tx.execute(statement, params![MADE, key]).await?;
        kept = select(&mut tx).await?;
        tx.commit().await?;
        if made > 0 {
            router::log("no webhook_key is set: one was made and is kept in the database. This is for development only");
        }
    }
    kept.map(|text| Keys::parse(&text).map_err(Problem::internal)).transpose()
}

async fn select(tx: &mut sql::Tx) -> Result<Option<String>, sql::Error> {
    let row: Option<(String,)> = tx.one("SELECT key FROM webhook_keys WHERE id = $1", params![MADE]).await?;
    Ok(row.map(|(key,)| key))
}

/// Who may be told here.
///
/// # Errors
/// Where the variable is not what it should be.
pub async fn receivers() -> Result<Receivers, Problem> {
    let text = config::get(RECEIVERS).await?;
    Receivers::named(&text)
        .ok_or_else(|| Problem::internal(format_args!("variable {RECEIVERS}: {text:?} is neither public nor any")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::{Database, ready};
    use webhooks::Secret;

    #[test]
    fn a_key_that_was_made_is_kept_and_replaced_by_one_that_is_configured() {
        for database in Database::all() {
            database.enter();
            let secret = Secret::new([7; 32]);
            let sealed = ready(load(None)).unwrap().seal("eu_w", &secret, [1; sealing::NONCE]).unwrap();
            assert_eq!(ready(load(None)).unwrap().open("eu_w", &sealed), Some(secret.clone()));
            let after = ready(load(Some(&STANDARD.encode([1; sealing::KEY])))).unwrap();
            assert_eq!((after.open("eu_w", &sealed), after.is_current(&sealed)), (Some(secret), false));
            assert!(ready(load(Some("nonsense"))).is_err());
        }
    }
}

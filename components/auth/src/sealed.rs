//! The secrets of second factors at rest: encrypted (XChaCha20-Poly1305) with a key that the database does not have, so that a copy of it gives none
//! away.
//!
//! The key comes from the variable `totp_key`. To change it, put a new one before it: the first key encrypts, all of them decrypt, and what is encrypted with
//! another than the first is encrypted anew at the next start. Where the variable is empty a key is made and kept in the database, for
//! development.

use crate::limits;
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use kit::{Problem, config, hash, params, router, sql};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The variable.
const VARIABLE: &str = "totp_key";
/// The id of the row of a key that was made: there is one, however many instances come here at once.
const MADE: &str = "made";
/// Bytes of a key, and of a nonce.
const KEY: usize = 32;
const NONCE: usize = 24;

/// This instance's keys: neither the variable nor a kept key changes under it.
static KEYS: Mutex<Option<Arc<Keys>>> = Mutex::new(None);
/// Whether this instance has nothing left to encrypt anew.
static DONE: AtomicBool = AtomicBool::new(false);

/// The keys that there are.
pub struct Keys {
    /// Encrypts.
    first: Key,
    /// Were first before.
    others: Vec<Key>,
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Of the key that it is encrypted with.
    pub key_id: String,
    /// Base64url of nonce and ciphertext.
    pub text: String,
}

impl Key {
    fn new(bytes: &[u8; KEY]) -> Self {
        // Says which key it is, and nothing of it.
        let id = hash::sha256(&[b"totp-key", bytes]).chars().take(limits::TOTP_KEY_ID_CHARACTERS).collect();
        Self { id, cipher: XChaCha20Poly1305::new(&(*bytes).into()) }
    }

    fn decrypt(&self, user: &str, text: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>()?;
        self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: user.as_bytes() }).ok()
    }
}

impl Keys {
    /// Encrypts a user's secret. It opens for nobody else.
    pub fn seal(&self, user: &str, secret: &[u8]) -> Result<Sealed, Problem> {
        let nonce: [u8; NONCE] = hash::random();
        let ciphertext = self
            .first
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: user.as_bytes() })
            .map_err(|_| Problem::internal("a second factor's secret cannot be encrypted"))?;
        let text = URL_SAFE_NO_PAD.encode([&nonce, ciphertext.as_slice()].concat());
        Ok(Sealed { key_id: self.first.id.clone(), text })
    }

    /// Decrypts a user's secret.
    pub fn open(&self, user: &str, sealed: &Sealed) -> Result<Vec<u8>, Problem> {
        let key = std::iter::once(&self.first).chain(&self.others).find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| {
            let id = &sealed.key_id;
            Problem::internal(format_args!(
                "the second factor of {user} is encrypted with the key {id}, which is not in {VARIABLE}"
            ))
        })?;
        key.decrypt(user, &sealed.text)
            .ok_or_else(|| Problem::internal(format_args!("the second factor of {user} is not as it was encrypted")))
    }
}

/// The keys; on first use one is made where none is configured.
pub async fn keys() -> Result<Arc<Keys>, Problem> {
    if let Some(keys) = KEYS.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return Ok(keys);
    }
    let configured = match config::optional(VARIABLE).await? {
        Some(text) => parse(&text).map_err(|fault| Problem::internal(format_args!("variable {VARIABLE}: {fault}")))?,
        None => Vec::new(),
    };
    let mut all = configured;
    // One that was made before still decrypts what it has encrypted.
    all.extend(kept(all.is_empty()).await?);
    let mut all = all.into_iter();
    let first = all.next().ok_or_else(|| Problem::internal("the key of second factors was not kept"))?;
    let keys = Arc::new(Keys { first, others: all.collect() });
    *KEYS.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
    Ok(keys)
}

/// 32 bytes each in base64, with commas between them.
fn parse(text: &str) -> Result<Vec<Key>, &'static str> {
    const WRONG: &str =
        "not 32 bytes in base64 (`openssl rand -base64 32` makes them), or up to four of these with commas between them";
    let keys = text
        .split(',')
        .map(|one| STANDARD.decode(one.trim()).ok().and_then(|bytes| bytes.try_into().ok()).map(|bytes| Key::new(&bytes)));
    let keys: Vec<_> = keys.collect::<Option<_>>().ok_or(WRONG)?;
    if limits::TOTP_KEYS.contains(&keys.len()) { Ok(keys) } else { Err(WRONG) }
}

/// The key that is kept in the database; one is made where there is none and `make` says so.
async fn kept(make: bool) -> Result<Option<Key>, Problem> {
    let mut tx = sql::read().await?;
    let mut kept = select(&mut tx).await?;
    tx.rollback().await?;
    if kept.is_none() && make {
        let key = STANDARD.encode(hash::random::<KEY>());
        let mut tx = sql::write().await?;
        let statement = "INSERT INTO totp_keys (id, key) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        let made = tx.execute(statement, params![MADE, key]).await?;
        kept = select(&mut tx).await?;
        tx.commit().await?;
        if made > 0 {
            router::log("no totp_key is set: one was made and is kept in the database. This is for development only");
        }
    }
    match kept {
        Some(text) => Ok(parse(&text).map_err(Problem::internal)?.into_iter().next()),
        None => Ok(None),
    }
}

async fn select(tx: &mut sql::Tx) -> Result<Option<String>, sql::Error> {
    let row: Option<(String,)> = tx.one("SELECT key FROM totp_keys WHERE id = $1", params![MADE]).await?;
    Ok(row.map(|(key,)| key))
}

/// Sees to it that what is encrypted with another key than the first is encrypted with that one; gives how many there were. Free once this instance
/// has seen it done. Nothing where no key is configured.
pub async fn ensure() -> Result<u32, Problem> {
    if DONE.load(Ordering::Relaxed) {
        return Ok(0);
    }
    let text = config::optional(VARIABLE).await?;
    if let Some(Err(fault)) = text.as_deref().map(parse) {
        // Who needs it is told; everybody else goes on.
        router::log(&format!("variable {VARIABLE}: {fault}; second factors do not work"));
    } else if text.is_some() {
        let renewed = renew(&*keys().await?).await?;
        if renewed > 0 {
            router::log(&format!("{renewed} second factors are encrypted with the first key of {VARIABLE} now"));
            return Ok(renewed);
        }
    }
    DONE.store(true, Ordering::Relaxed);
    Ok(0)
}

/// Encrypts some of them anew.
async fn renew(keys: &Keys) -> Result<u32, Problem> {
    let mut renewed = 0;
    for other in &keys.others {
        let mut tx = sql::write().await?;
        let statement = "SELECT user_id, secret FROM totp WHERE key_id = $1 ORDER BY user_id LIMIT $2";
        let rows: Vec<(String, String)> = tx.all(statement, params![&other.id, limits::TOTP_RENEWED]).await?;
        for (user, text) in rows {
            let Some(secret) = other.decrypt(&user, &text) else { continue };
            let sealed = keys.seal(&user, &secret)?;
            let statement = "UPDATE totp SET secret = $3, key_id = $4 WHERE user_id = $1 AND secret = $2";
            tx.execute(statement, params![&user, &text, sealed.text, sealed.key_id]).await?;
            renewed += 1;
        }
        tx.commit().await?;
    }
    Ok(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    fn keys(text: &str) -> Keys {
        let mut all = parse(text).unwrap().into_iter();
        Keys { first: all.next().unwrap(), others: all.collect() }
    }

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; KEY])
    }

    #[test]
    fn a_secret_opens_for_its_user_and_key_alone() {
        let keys_of = keys(&key(1));
        let sealed = keys_of.seal("eu_ada", b"secret").unwrap();
        assert_eq!(keys_of.open("eu_ada", &sealed).unwrap(), b"secret");
        assert_ne!(keys_of.seal("eu_ada", b"secret").unwrap(), sealed, "a nonce is used once");
        assert!(keys_of.open("eu_eve", &sealed).is_err());
        assert!(keys(&key(2)).open("eu_ada", &sealed).is_err());
        assert_eq!(keys(&format!("{}, {}", key(2), key(1))).open("eu_ada", &sealed).unwrap(), b"secret");
        let mut spoiled = sealed;
        spoiled.text.replace_range(40..41, if spoiled.text[40..].starts_with('A') { "B" } else { "A" });
        assert!(keys_of.open("eu_ada", &spoiled).is_err());
    }

    #[test]
    fn nonsense_is_no_key() {
        for nonsense in ["", ",", "secret", &key(1)[1..], &[key(1).as_str(); 5].join(","), &format!("{},", key(1))] {
            assert!(parse(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_key_that_was_made_is_kept_and_replaced_by_one_that_is_configured() {
        for database in Database::all() {
            database.enter();
            let made = ready(kept(true)).unwrap().unwrap();
            assert_eq!(ready(kept(true)).unwrap().unwrap().id, made.id);
            let before = Keys { first: made, others: Vec::new() };
            let sealed = before.seal("eu_ada", b"secret").unwrap();
            database.run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_ada', 'a', 'Ada', 'x', 1, 0)");
            database.run(&format!(
                "INSERT INTO totp (user_id, secret, key_id, last_step, created_at) VALUES ('eu_ada', '{}', '{}', 0, 0)",
                sealed.text, sealed.key_id
            ));
            let mut after = keys(&key(1));
            after.others.push(before.first);
            assert_eq!((ready(renew(&after)).unwrap(), ready(renew(&after)).unwrap()), (1, 0));
            let stored: Vec<(String, String)> = database.all_rows("SELECT key_id, secret FROM totp");
            let [(key_id, text)] = &stored[..] else { panic!("{stored:?}") };
            let sealed = Sealed { key_id: key_id.clone(), text: text.clone() };
            assert_eq!(keys(&key(1)).open("eu_ada", &sealed).unwrap(), b"secret");
        }
    }
}

//! Secrets at rest: encrypted (XChaCha20-Poly1305) with a key that the database does not have, so that a copy of it gives none away.
//!
//! The keys come from a variable. To change them, put a new one before the others: the first encrypts, all of them decrypt. Where the variable is empty a
//! key is made and kept in the database, for development.

use crate::{Problem, config, hash, limits, params, router, sql};
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a key, and of a nonce.
const KEY: usize = 32;
const NONCE: usize = 24;
/// The id of the row of a key that was made: there is one, however many instances come here at once.
const MADE: &str = "made";

/// Where the keys for one kind of secret come from.
pub struct Source {
    variable: &'static str,
    /// Has the columns `id` and `key`.
    table: &'static str,
    /// Goes into the keys' ids.
    label: &'static str,
    /// This instance's keys: neither the variable nor a kept key changes under it.
    known: Mutex<Option<Arc<Keys>>>,
}

/// The keys that there are: the first encrypts, all of them decrypt.
pub struct Keys(Vec<Key>);

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

impl Source {
    /// The keys in this variable, or in this table; `label` tells the ids of one kind's keys from another's.
    #[must_use]
    pub const fn new(variable: &'static str, table: &'static str, label: &'static str) -> Self {
        Self { variable, table, label, known: Mutex::new(None) }
    }

    /// The keys; on first use one is made where none is configured.
    ///
    /// # Errors
    /// Where the variable is not what it should be, or the database fails.
    pub async fn keys(&self) -> Result<Arc<Keys>, Problem> {
        if let Some(keys) = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(keys);
        }
        let keys = Arc::new(self.load(config::optional(self.variable).await?.as_deref()).await?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
        Ok(keys)
    }

    /// The keys where this is the variable's value.
    ///
    /// # Errors
    /// As [`Self::keys`].
    pub async fn load(&self, configured: Option<&str>) -> Result<Keys, Problem> {
        let wrong = |fault| Problem::internal(format_args!("variable {}: {fault}", self.variable));
        let mut keys = configured.map_or(Ok(Keys(Vec::new())), |text| self.parse(text)).map_err(wrong)?;
        // One that was made before still decrypts what it has encrypted.
        if let Some(kept) = self.kept(keys.0.is_empty()).await? {
            keys.0.extend(self.parse(&kept).map_err(Problem::internal)?.0);
        }
        if keys.0.is_empty() { Err(Problem::internal(format_args!("no key was kept in {}", self.table))) } else { Ok(keys) }
    }

    /// 32 bytes each in base64, with commas between them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(&self, text: &str) -> Result<Keys, &'static str> {
        const WRONG: &str =
            "not 32 bytes in base64 (`openssl rand -base64 32` makes them), or up to four of these with commas between them";
        let key = |one: &str| Some(Key::new(self.label, &STANDARD.decode(one.trim()).ok()?.try_into().ok()?));
        let keys = text.split(',').map(key).collect::<Option<Vec<_>>>().ok_or(WRONG)?;
        if limits::SEALING_KEYS.contains(&keys.len()) { Ok(Keys(keys)) } else { Err(WRONG) }
    }

    /// The key that is kept in the database; one is made where there is none and `make` says so.
    async fn kept(&self, make: bool) -> Result<Option<String>, Problem> {
        let mut tx = sql::read().await?;
        let mut kept = self.select(&mut tx).await?;
        tx.rollback().await?;
        if kept.is_none() && make {
            let key = STANDARD.encode(hash::random::<KEY>());
            let mut tx = sql::write().await?;
            let statement = format!("INSERT INTO {} (id, key) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", self.table);
            let made = tx.execute(&statement, params![MADE, key]).await?;
            kept = self.select(&mut tx).await?;
            tx.commit().await?;
            if made > 0 {
                let variable = self.variable;
                router::log(&format!(
                    "no {variable} is set: one was made and is kept in the database. This is for development only"
                ));
            }
        }
        Ok(kept)
    }

    async fn select(&self, tx: &mut sql::Tx) -> Result<Option<String>, sql::Error> {
        let statement = format!("SELECT key FROM {} WHERE id = $1", self.table);
        let row: Option<(String,)> = tx.one(&statement, params![MADE]).await?;
        Ok(row.map(|(key,)| key))
    }
}

impl Key {
    fn new(label: &str, bytes: &[u8; KEY]) -> Self {
        // Says which key it is, and nothing of it.
        let id = hash::sha256(&[label.as_bytes(), bytes]).chars().take(limits::SEALING_KEY_ID).collect();
        Self { id, cipher: XChaCha20Poly1305::new(&(*bytes).into()) }
    }
}

impl Keys {
    /// Encrypts an owner's secret. It opens for no other.
    ///
    /// # Errors
    /// A fault of ours.
    pub fn seal(&self, owner: &str, secret: &[u8]) -> Result<Sealed, Problem> {
        let failed = || Problem::internal("a secret cannot be encrypted");
        let first = self.0.first().ok_or_else(failed)?;
        let nonce: [u8; NONCE] = hash::random();
        let payload = Payload { msg: secret, aad: owner.as_bytes() };
        let ciphertext = first.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| failed())?;
        let text = URL_SAFE_NO_PAD.encode([&nonce, ciphertext.as_slice()].concat());
        Ok(Sealed { key_id: first.id.clone(), text })
    }

    /// Decrypts an owner's secret; none where its key is not here, or it is not as it was encrypted.
    #[must_use]
    pub fn open(&self, owner: &str, sealed: &Sealed) -> Option<Vec<u8>> {
        let key = self.0.iter().find(|key| key.id == sealed.key_id)?;
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.text).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>()?;
        key.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: owner.as_bytes() }).ok()
    }

    /// Whether this is encrypted with the key that encrypts now.
    #[must_use]
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        self.0.first().is_some_and(|first| first.id == sealed.key_id)
    }

    /// The ids of those that only decrypt.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.0.iter().skip(1).map(|key| key.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::{Database, ready};

    static SOURCE: Source = Source::new("totp_key", "totp_keys", "test");

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; KEY])
    }

    fn keys(text: &str) -> Keys {
        SOURCE.parse(text).unwrap()
    }

    #[test]
    fn a_secret_opens_for_its_owner_and_key_alone() {
        let sealed = keys(&key(1)).seal("eu_ada", b"secret").unwrap();
        assert!(!sealed.text.contains(&URL_SAFE_NO_PAD.encode("secret")));
        assert_eq!(keys(&key(1)).open("eu_ada", &sealed).unwrap(), b"secret");
        assert_ne!(keys(&key(1)).seal("eu_ada", b"secret").unwrap(), sealed, "a nonce is used once");
        assert_eq!(keys(&key(1)).open("eu_eve", &sealed), None);
        assert_eq!(keys(&key(2)).open("eu_ada", &sealed), None);
        let both = keys(&format!("{}, {}", key(2), key(1)));
        assert_eq!(both.open("eu_ada", &sealed).unwrap(), b"secret");
        assert_eq!((both.is_current(&sealed), keys(&key(1)).is_current(&sealed)), (false, true));
        assert_eq!(both.others().collect::<Vec<_>>(), [sealed.key_id.as_str()]);
        let mut spoiled = sealed;
        spoiled.text.replace_range(40..41, if spoiled.text[40..].starts_with('A') { "B" } else { "A" });
        assert_eq!(keys(&key(1)).open("eu_ada", &spoiled), None);
    }

    #[test]
    fn nonsense_is_no_key() {
        for nonsense in ["", ",", "secret", &key(1)[1..], &[key(1).as_str(); 5].join(","), &format!("{},", key(1))] {
            assert!(SOURCE.parse(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_key_that_was_made_is_kept_and_replaced_by_one_that_is_configured() {
        for database in Database::all() {
            database.enter();
            let sealed = ready(SOURCE.load(None)).unwrap().seal("eu_ada", b"secret").unwrap();
            assert_eq!(ready(SOURCE.load(None)).unwrap().open("eu_ada", &sealed).unwrap(), b"secret");
            let after = ready(SOURCE.load(Some(&key(1)))).unwrap();
            assert_eq!((after.open("eu_ada", &sealed).unwrap(), after.is_current(&sealed)), (b"secret".to_vec(), false));
            assert!(ready(SOURCE.load(Some("nonsense"))).is_err());
        }
    }
}

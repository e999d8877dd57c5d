//! Secrets at rest: encrypted (XChaCha20-Poly1305) with a key that the database does not have, so that a copy of it gives none away.

use crate::{Secret, limits};
use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

/// Bytes of a key, and of a nonce.
pub const KEY: usize = 32;
/// See [`KEY`].
pub const NONCE: usize = 24;

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

impl Key {
    fn new(bytes: &[u8; KEY]) -> Self {
        // Says which key it is, and nothing of it.
        let mut hash = Sha256::new();
        hash.update(b"webhook-key");
        hash.update(bytes);
        let id = URL_SAFE_NO_PAD.encode(hash.finalize()).chars().take(limits::KEY_ID).collect();
        Self { id, cipher: XChaCha20Poly1305::new(&(*bytes).into()) }
    }
}

impl Keys {
    /// 32 bytes each in base64, with commas between them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str =
            "not 32 bytes in base64 (`openssl rand -base64 32` makes them), or up to four of these with commas between them";
        let key = |one: &str| Some(Key::new(&STANDARD.decode(one.trim()).ok()?.try_into().ok()?));
        let keys = text.split(',').map(key).collect::<Option<Vec<_>>>().ok_or(WRONG)?;
        if limits::KEYS.contains(&keys.len()) { Ok(Self(keys)) } else { Err(WRONG) }
    }

    /// These, and after them others, which only decrypt.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Whether this is encrypted with the key that encrypts now.
    #[must_use]
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        self.0.first().is_some_and(|first| first.id == sealed.key_id)
    }

    /// Encrypts a webhook's secret, with a nonce that is used for nothing else. It opens for no other webhook; none only where there is no key.
    #[must_use]
    pub fn seal(&self, webhook: &str, secret: &Secret, nonce: [u8; NONCE]) -> Option<Sealed> {
        let first = self.0.first()?;
        let payload = Payload { msg: secret.bytes(), aad: webhook.as_bytes() };
        let ciphertext = first.cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        let text = URL_SAFE_NO_PAD.encode([&nonce, ciphertext.as_slice()].concat());
        Some(Sealed { key_id: first.id.clone(), text })
    }

    /// Decrypts a webhook's secret; none where its key is not here, or it is not as it was encrypted.
    #[must_use]
    pub fn open(&self, webhook: &str, sealed: &Sealed) -> Option<Secret> {
        let key = self.0.iter().find(|key| key.id == sealed.key_id)?;
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.text).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: ciphertext, aad: webhook.as_bytes() };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; KEY])
    }

    #[test]
    fn a_secret_opens_for_its_webhook_and_key_alone() {
        let secret = Secret::new([7; 32]);
        let keys = Keys::parse(&key(1)).unwrap();
        let sealed = keys.seal("eu_w", &secret, [9; NONCE]).unwrap();
        assert!(!sealed.text.contains(&URL_SAFE_NO_PAD.encode([7; 30])));
        assert_eq!(keys.open("eu_w", &sealed), Some(secret.clone()));
        assert_eq!(keys.open("eu_other", &sealed), None);
        let other = Keys::parse(&key(2)).unwrap();
        assert_eq!((other.open("eu_w", &sealed), other.is_current(&sealed), keys.is_current(&sealed)), (None, false, true));
        assert_eq!(other.and(Keys::parse(&key(1)).unwrap()).open("eu_w", &sealed), Some(secret.clone()));
        assert_eq!(Keys::parse(&format!("{}, {}", key(2), key(1))).unwrap().open("eu_w", &sealed), Some(secret));
        let mut spoiled = sealed;
        spoiled.text.replace_range(40..41, if spoiled.text[40..].starts_with('A') { "B" } else { "A" });
        assert_eq!(keys.open("eu_w", &spoiled), None);
    }

    #[test]
    fn nonsense_is_no_key() {
        for nonsense in ["", ",", "secret", &key(1)[1..], &[key(1).as_str(); 5].join(","), &format!("{},", key(1))] {
            assert!(Keys::parse(nonsense).is_err(), "{nonsense}");
        }
    }
}

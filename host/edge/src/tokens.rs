//! Tokens that were verified already: a signature is checked once, and what can change is checked every time.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use vocabulary::edge::Claims;

use crate::limits::TOKENS;
use crate::recent::Recent;

/// A token's digest: two tokens never have the same.
pub(crate) type Digest = [u8; 32];

/// The digest of a token.
pub(crate) fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

/// What a good signature has said, and with which keys it was good.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    /// See [`crate::identity`]: a key may have gone since.
    pub(crate) keys: u64,
    /// Until when the key that signed it is trusted, microseconds.
    pub(crate) key_until: i64,
}

/// Those that were used lately.
#[derive(Debug)]
pub(crate) struct Tokens(Mutex<Recent<Digest, Verified>>);

impl Default for Tokens {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(TOKENS)))
    }
}

impl Tokens {
    /// What is remembered of a token.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Verified> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Remembers it.
    pub(crate) fn put(&self, digest: Digest, verified: Verified) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(digest, verified);
    }
}

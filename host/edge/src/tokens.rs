//! Tokens that were verified already: a signature is checked once, and what can change is looked at every time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use capabilities::edge::Claims;
use sha2::{Digest as _, Sha256};

use crate::limits::TOKENS;

/// What stands for a token: two tokens never have the same.
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
}

/// Two generations: what is used moves to the young one, and a full young one becomes the old one. So what is used stays, and nothing has
/// to be looked for to be thrown away.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Digest, Verified>,
    old: HashMap<Digest, Verified>,
}

impl Tokens {
    /// What is remembered of a token.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Verified> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verified) = generations.young.get(digest) {
            return Some(verified.clone());
        }
        let verified = generations.old.remove(digest)?;
        generations.put(*digest, verified.clone());
        Some(verified)
    }

    /// Remembers it.
    pub(crate) fn put(&self, digest: Digest, verified: Verified) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(digest, verified);
    }
}

impl Generations {
    fn put(&mut self, digest: Digest, verified: Verified) {
        if self.young.len() >= TOKENS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(n: usize) -> Verified {
        let claims = Claims { subject: n.to_string(), session: String::new(), roles: vec![], expires_at: 0 };
        Verified { claims, keys: 0 }
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let tokens = Tokens::default();
        let name = |n: usize| digest(&n.to_string());
        for n in 0..TOKENS * 4 {
            tokens.put(name(n), verified(n));
            assert_eq!(tokens.get(&name(0)).unwrap().claims.subject, "0");
        }
        assert!(tokens.get(&name(1)).is_none());
        let generations = tokens.0.lock().unwrap();
        assert!(generations.young.len() <= TOKENS && generations.old.len() <= TOKENS);
    }
}

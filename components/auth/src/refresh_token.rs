//! The shape of refresh tokens: `<session id>.<secret>`.
//!
//! The next secret of a session follows from the one before and a key of ours, so that a client which lost an answer and asks again is
//! given the same token again. Nobody without the key can work it out, and the database holds hashes only.

use crate::limits;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// Characters of a secret: 256 bits in base32.
const SECRET_BYTES: usize = 52;

/// A refresh token that has the right shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    session: String,
    secret: String,
}

impl RefreshToken {
    /// The token of a new session.
    pub fn new(session: String, secret: String) -> Self {
        Self { session, secret }
    }

    /// Reads a token; none if it is not one of ours, whatever the database may say.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > limits::REFRESH_TOKEN_BYTES {
            return None;
        }
        let (session, secret) = text.split_once('.')?;
        let secret_ok =
            secret.len() == SECRET_BYTES && secret.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        (kit::id::valid(session) && secret_ok).then(|| Self::new(session.to_owned(), secret.to_owned()))
    }

    /// As the client gets it.
    pub fn render(&self) -> String {
        format!("{}.{}", self.session, self.secret)
    }

    /// The session's id.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// What the database keeps of it: SHA-256, which is enough for a secret of 256 bits.
    pub fn hash(&self) -> String {
        kit::hash::base32(&Sha256::digest(self.secret.as_bytes()))
    }

    /// The token that replaces this one.
    pub fn next(&self, key: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(b"marquee refresh token\0");
        mac.update(self.render().as_bytes());
        Self::new(self.session.clone(), kit::hash::base32(&mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> RefreshToken {
        RefreshToken::new("eu_1".to_owned(), "a".repeat(SECRET_BYTES))
    }

    #[test]
    fn comes_back_as_it_went() {
        let token = token();
        assert_eq!(RefreshToken::parse(&token.render()), Some(token.clone()));
        let next = token.next(b"key");
        assert_eq!(RefreshToken::parse(&next.render()), Some(next));
    }

    #[test]
    fn nonsense_is_no_token() {
        let secret = "a".repeat(SECRET_BYTES);
        for text in [
            String::new(),
            ".".to_owned(),
            secret.clone(),
            format!(".{secret}"),
            format!("eu_1.{secret}a"),
            format!("eu_1.{}", "A".repeat(SECRET_BYTES)),
            format!("eu 1.{secret}"),
            format!("eu_1.{secret}."),
            format!("eu_{}.{secret}", "1".repeat(200)),
        ] {
            assert_eq!(RefreshToken::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn the_next_follows_from_the_key_and_the_one_before() {
        let token = token();
        assert_eq!(token.next(b"key"), token.next(b"key"));
        assert_ne!(token.next(b"key"), token.next(b"other"));
        assert_ne!(token.next(b"key").next(b"key"), token.next(b"key"));
        assert_ne!(token.next(b"key").hash(), token.hash());
        assert_eq!(token.next(b"key").session(), "eu_1");
    }
}

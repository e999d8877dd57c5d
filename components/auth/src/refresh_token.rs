//! The shape of refresh tokens: `<session id>.<secret>`.
//!
//! Half of a secret is the token's own, the other half proves that it is one of ours (a MAC under a key of ours), so that what somebody made up is
//! told apart from what somebody has stolen. The next secret of a session follows from the one before and the same key: a client which lost an
//! answer and asks again is given the same token again. Nobody without the key can work it out, and the database holds hashes only.

use crate::limits;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// Bytes of either half of a secret.
const HALF: usize = 16;
/// Characters of a secret: both halves in base32.
const SECRET_CHARACTERS: usize = 52;

/// A refresh token that has the right shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    session: String,
    secret: String,
}

impl RefreshToken {
    /// The token of a new session, of these random bytes.
    pub fn new(session: String, own: &[u8; HALF], key: &[u8]) -> Self {
        let proof = mac(key, b"marquee refresh token, proof\0", &[session.as_bytes(), b".", own]);
        let mut secret = own.to_vec();
        secret.extend(proof.into_iter().take(HALF));
        Self { session, secret: kit::hash::base32(&secret) }
    }

    /// Reads a token; none if it is not one of ours, whatever the database may say.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > limits::REFRESH_TOKEN_BYTES {
            return None;
        }
        let (session, secret) = text.split_once('.')?;
        let secret_ok =
            secret.len() == SECRET_CHARACTERS && secret.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        (kit::id::valid(session) && secret_ok).then(|| Self { session: session.to_owned(), secret: secret.to_owned() })
    }

    /// As the client gets it.
    pub fn render(&self) -> String {
        format!("{}.{}", self.session, self.secret)
    }

    /// The session's id.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// What the database keeps of it: SHA-256, which is enough for a secret of so many random bits.
    pub fn hash(&self) -> String {
        kit::hash::base32(&Sha256::digest(self.secret.as_bytes()))
    }

    /// Whether it was issued under this key. One that was issued under another is no proof of anything.
    pub fn is_issued(&self, key: &[u8]) -> bool {
        let Some(own) = kit::hash::from_base32(&self.secret).and_then(|bytes| bytes.first_chunk::<HALF>().copied()) else {
            return false;
        };
        let issued = Self::new(self.session.clone(), &own, key);
        kit::hash::same_secret(issued.secret.as_bytes(), self.secret.as_bytes())
    }

    /// The token that replaces this one.
    pub fn next(&self, key: &[u8]) -> Self {
        let mut own = [0; HALF];
        for (byte, from) in own.iter_mut().zip(mac(key, b"marquee refresh token\0", &[self.render().as_bytes()])) {
            *byte = from;
        }
        Self::new(self.session.clone(), &own, key)
    }
}

fn mac(key: &[u8], purpose: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(purpose);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> RefreshToken {
        RefreshToken::new("eu_1".to_owned(), &[7; HALF], b"key")
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
        let secret = "a".repeat(SECRET_CHARACTERS);
        for text in [
            String::new(),
            ".".to_owned(),
            secret.clone(),
            format!(".{secret}"),
            format!("eu_1.{secret}a"),
            format!("eu_1.{}", "A".repeat(SECRET_CHARACTERS)),
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

    #[test]
    fn what_somebody_made_up_is_told_apart() {
        let token = token();
        assert!(token.is_issued(b"key") && token.next(b"key").is_issued(b"key"));
        assert!(!token.is_issued(b"other"));
        for made_up in ["a".repeat(SECRET_CHARACTERS), "z".repeat(SECRET_CHARACTERS), "u".repeat(SECRET_CHARACTERS)] {
            assert!(!RefreshToken::parse(&format!("eu_1.{made_up}")).unwrap().is_issued(b"key"), "{made_up}");
        }
        // Another session's does not pass either.
        let (_, secret) = token.render().split_once('.').map(|(id, secret)| (id.to_owned(), secret.to_owned())).unwrap();
        assert!(!RefreshToken::parse(&format!("eu_2.{secret}")).unwrap().is_issued(b"key"));
    }
}

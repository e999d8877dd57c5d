//! The shape of API keys: `mk_<id>_<secret><checksum>`.
//!
//! The id names the region that keeps the accounts, and the key's row. The checksum is the first letters of the SHA-256 of all before it, in base32: who
//! looks for keys in what should have none (scanners of repositories and logs) tells one from what only looks like it, without asking anybody.

use crate::limits;
use kit::{hash, id};
use sha2::{Digest, Sha256};

/// What every key begins with.
const PREFIX: &str = "mk_";
/// Characters of a secret: 256 bits in base32.
const SECRET: usize = 52;
/// Characters of a checksum: 30 bits.
const CHECKSUM: usize = 6;

/// An API key that has the right shape.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl ApiKey {
    /// A new one of this region.
    pub fn new(region: &str) -> Self {
        Self { id: id::new(region), secret: hash::secret() }
    }

    /// Reads a key; none if it is not one of ours, whatever the database may say.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > limits::API_KEY_CHARACTERS {
            return None;
        }
        let (id, rest) = text.strip_prefix(PREFIX)?.rsplit_once('_')?;
        let (secret, checksum) = rest.split_at_checked(SECRET)?;
        let key = Self { id: id.to_owned(), secret: secret.to_owned() };
        (id::valid(id) && hash::from_base32(secret).is_some() && key.checksum() == checksum).then_some(key)
    }

    /// The whole of it, as its owner gets it once.
    pub fn render(&self) -> String {
        format!("{}{}", self.unchecked(), self.checksum())
    }

    fn unchecked(&self) -> String {
        format!("{}_{}", prefix(&self.id), self.secret)
    }

    fn checksum(&self) -> String {
        let mut checksum = hash::base32(&Sha256::digest(self.unchecked()));
        checksum.truncate(CHECKSUM);
        checksum
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the database has of it: SHA-256, which is enough for a secret of so many random bits.
    pub fn hash(&self) -> String {
        hash::sha256(&[b"api-key", self.id.as_bytes(), self.secret.as_bytes()])
    }
}

/// How the key of this id begins: enough to tell it from others, and no secret.
pub fn prefix(id: &str) -> String {
    format!("{PREFIX}{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_went_and_anything_else_is_none() {
        let key = ApiKey::new("eu");
        let text = key.render();
        assert_eq!(ApiKey::parse(&text), Some(ApiKey { id: key.id.clone(), secret: key.secret.clone() }));
        assert!(text.starts_with(&prefix(key.id())) && key.id().starts_with("eu_"), "{text}");
        assert!(!text.contains(&key.hash()));
        // Any one letter that is another.
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(ApiKey::parse(std::str::from_utf8(&other).unwrap()), None, "{at}");
        }
        for text in [
            "",
            "mk_",
            "mk__",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &text.to_uppercase(),
            &"mk_".repeat(100),
        ] {
            assert_eq!(ApiKey::parse(text), None, "{text}");
        }
    }

    /// What is said in docs/design.md, for those who write scanners.
    #[test]
    fn a_scanner_can_tell_by_the_checksum() {
        let known = "mk_eu_06f9zk1p8s3d6w0v5b9r2m4xth_0000000000000000000000000000000000000000000000000000";
        let checksum = &hash::base32(&Sha256::digest(known))[..6];
        assert!(ApiKey::parse(&format!("{known}{checksum}")).is_some());
        // Read as the test runs, since no component is built from it.
        let design = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/design.md")).unwrap();
        assert!(design.contains(&format!("`{known}{checksum}`")), "{checksum}");
    }

    #[test]
    fn fuzz_api_keys() {
        let key = ApiKey::new("eu").render();
        fuzz::text(&[&key, "mk_eu_06f9zk1p8s3d6w0v5b9r2m4xth_0000000000000000000000000000000000000000000000000000"], |text| {
            if let Some(key) = ApiKey::parse(text) {
                assert_eq!(key.render(), text);
            }
        });
    }
}

//! The keys that sign codes, and those that are trusted.

use crate::base32;
use crate::code::KID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest, Sha256};

/// Why there is no key. Never says what the key is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a private key in this form.
    #[error("not an Ed25519 private key as PKCS#8 (`openssl genpkey -algorithm ed25519` makes one)")]
    Private,
    /// Not a public key in this form.
    #[error("not an Ed25519 public key in base64url")]
    Public,
}

/// A key that signs.
#[derive(Debug)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Reads PKCS#8 in PEM. `\n` may stand for a line's end, as it must in some environments.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let pem = pem.replace("\\n", "\n");
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem.trim()).map(Self).map_err(|_| Error::Private)
    }

    /// Reads what [`Self::private`] gave.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_private(private: &str) -> Result<Self, Error> {
        let der = URL_SAFE_NO_PAD.decode(private).map_err(|_| Error::Private)?;
        ed25519_dalek::SigningKey::from_pkcs8_der(&der).map(Self).map_err(|_| Error::Private)
    }

    /// A key of these random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The private part, PKCS#8 DER in base64url.
    ///
    /// # Errors
    /// Never, for a key that was read.
    pub fn private(&self) -> Result<String, Error> {
        let der = self.0.to_pkcs8_der().map_err(|_| Error::Private)?;
        Ok(URL_SAFE_NO_PAD.encode(der.as_bytes()))
    }

    /// The public part.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A key that tells what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads what [`Self::text`] gave.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Public)?.try_into().map_err(|_| Error::Public)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| Error::Public)
    }

    /// 32 bytes in base64url: the `x` of a JWK (RFC 8037).
    #[must_use]
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// Its id, as codes carry it: eight letters and digits of the key's SHA-256. Every node that is given this key knows it by the same id.
    #[must_use]
    pub fn kid(&self) -> String {
        base32().encode(&self.id())
    }

    pub(crate) fn id(&self) -> [u8; KID] {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut id = [0; KID];
        for (byte, from) in id.iter_mut().zip(digest) {
            *byte = from;
        }
        id
    }

    /// Strictly: of one text there is one signature, and none by a weak key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        let key = SigningKey::from_seed(&[7; 32]);
        let again = SigningKey::from_private(&key.private().unwrap()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        let public = PublicKey::parse(&key.public_key().text()).unwrap();
        assert_eq!((public.kid(), public.kid().len()), (key.public_key().kid(), 8));
    }

    #[test]
    fn nonsense_is_no_key() {
        for nonsense in ["", "secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert_eq!(SigningKey::from_pem(nonsense).err(), Some(Error::Private));
            assert_eq!(SigningKey::from_private(nonsense).err(), Some(Error::Private));
            assert_eq!(PublicKey::parse(nonsense).err(), Some(Error::Public));
        }
    }
}

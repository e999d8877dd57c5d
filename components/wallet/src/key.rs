//! What signs passes: RSA with SHA-256, as both wallets ask for.

use crate::{Error, limits};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::{CryptoRng, Error as RandomError, RngCore};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest as _, Sha256};

/// A private key. It is shown to nobody, and not in logs either.
pub(crate) struct Key(RsaPrivateKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key")
    }
}

impl Key {
    /// From PKCS#8, as PEM; what stands around it does not matter.
    pub(crate) fn from_pem(text: &str) -> Result<Self, Error> {
        const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
        let from = text.find(BEGIN).filter(|_| text.len() <= limits::PEM_BYTES).ok_or(Error::Key)?;
        let pem = text.get(from..).unwrap_or_default().trim_end();
        let key = RsaPrivateKey::from_pkcs8_pem(pem).map_err(|_| Error::Key)?;
        if limits::MODULUS_BYTES.contains(&key.size()) { Ok(Self(key)) } else { Err(Error::Key) }
    }

    pub(crate) fn public(&self) -> RsaPublicKey {
        self.0.to_public_key()
    }

    /// The signature (RSASSA-PKCS1-v1_5 with SHA-256) of a message. The key is blinded with randomness, so that the time it takes says nothing of it.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0
            .sign_with_rng(&mut Random, Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
            .map_err(|_| Error::Internal("signing"))
    }
}

/// The host's randomness.
struct Random;

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    #[expect(clippy::expect_used, reason = "going on without randomness would tell of the key")]
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the host gives random bytes");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Random {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn what_is_no_key_is_refused() {
        let key = testing::key();
        assert!(Key::from_pem(&key).is_ok());
        assert!(
            Key::from_pem(&format!("Bag Attributes\n    friendlyName: passes\n{key}\n")).is_ok(),
            "as openssl pkcs12 writes it"
        );
        let spoiled = key.replace('A', "B");
        for nonsense in
            ["", "key", "-----BEGIN PRIVATE KEY-----", &spoiled, &testing::openssl(&["genpkey", "-algorithm", "ed25519"], "")]
        {
            assert!(matches!(Key::from_pem(nonsense), Err(Error::Key)), "{nonsense}");
        }
        let weak = testing::openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], "");
        assert!(matches!(Key::from_pem(&weak), Err(Error::Key)));
        assert_eq!(format!("{:?}", Key::from_pem(&key).unwrap()), "Key");
    }
}

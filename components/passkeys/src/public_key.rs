//! Public keys of credentials (§6.5.1.1, RFC 9052 and RFC 9053), and signatures made with them (§6.5.5).

use crate::{Error, authenticator_data::only_item, limits};
use ciborium::Value;
use rsa::{BigUint, RsaPublicKey, signature::Verifier as _, traits::PublicKeyParts as _};

/// The algorithms that are accepted, as COSE numbers them, the preferred one first: ES256, EdDSA (Ed25519) and RS256, which every authenticator has one of.
pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];

const ES256: i64 = -7;
const EDDSA: i64 = -8;
const RS256: i64 = -257;

// Labels of parameters (RFC 9052 §7.1, RFC 9053 §7, RFC 8230 §4), and their values.
const KTY: i64 = 1;
const ALG: i64 = 3;
const CRV: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const N: i64 = -1;
const E: i64 = -2;
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P_256: i64 = 1;
const ED25519: i64 = 6;

/// A public key, with its algorithm.
#[derive(Debug)]
pub(crate) enum PublicKey {
    Es256(p256::ecdsa::VerifyingKey),
    EdDsa(ed25519_dalek::VerifyingKey),
    Rs256(rsa::pkcs1v15::VerifyingKey<rsa::sha2::Sha256>),
}

impl PublicKey {
    /// Reads a COSE key.
    pub(crate) fn parse(cose: &[u8]) -> Result<Self, Error> {
        let key = Parameters::parse(cose)?;
        match (key.integer(KTY)?, key.integer(ALG)?) {
            (EC2, ES256) if key.integer(CRV)? == P_256 => {
                // Uncompressed, always (§5.8.5).
                let (x, y): ([u8; 32], [u8; 32]) = (key.array(X)?, key.array(Y)?);
                let point = p256::EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
                p256::ecdsa::VerifyingKey::from_encoded_point(&point).map(Self::Es256).map_err(|_| Error::Key)
            }
            (OKP, EDDSA) if key.integer(CRV)? == ED25519 => {
                ed25519_dalek::VerifyingKey::from_bytes(&key.array(X)?).map(Self::EdDsa).map_err(|_| Error::Key)
            }
            (RSA, RS256) => {
                let (n, e) = (BigUint::from_bytes_be(key.bytes(N)?), BigUint::from_bytes_be(key.bytes(E)?));
                let key = RsaPublicKey::new(n, e).map_err(|_| Error::Key)?;
                if !limits::RSA_BITS.contains(&key.n().bits()) {
                    return Err(Error::Key);
                }
                Ok(Self::Rs256(rsa::pkcs1v15::VerifyingKey::new(key)))
            }
            _ => Err(Error::Key),
        }
    }

    /// Its algorithm, as COSE numbers it.
    pub(crate) fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => ES256,
            Self::EdDsa(_) => EDDSA,
            Self::Rs256(_) => RS256,
        }
    }

    /// Whether this is its signature of a message.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let verified = match self {
            // ECDSA signatures are DER (RFC 3279 §2.2.3).
            Self::Es256(key) => {
                p256::ecdsa::Signature::from_der(signature).and_then(|signature| key.verify(message, &signature)).is_ok()
            }
            Self::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(message, &signature))
                .is_ok(),
            Self::Rs256(key) => {
                rsa::pkcs1v15::Signature::try_from(signature).and_then(|signature| key.verify(message, &signature)).is_ok()
            }
        };
        if verified { Ok(()) } else { Err(Error::Signature) }
    }
}

/// A COSE key's parameters that have numbers, each once.
struct Parameters(Vec<(i64, Value)>);

impl Parameters {
    fn parse(cose: &[u8]) -> Result<Self, Error> {
        let Value::Map(members) = only_item(cose)? else { return Err(Error::Key) };
        let mut parameters: Vec<(i64, Value)> = Vec::with_capacity(members.len());
        for (label, value) in members {
            let Some(label) = label.as_integer().and_then(|label| i64::try_from(label).ok()) else { return Err(Error::Key) };
            if parameters.iter().any(|(known, _)| *known == label) {
                return Err(Error::Key);
            }
            parameters.push((label, value));
        }
        Ok(Self(parameters))
    }

    fn get(&self, label: i64) -> Result<&Value, Error> {
        self.0.iter().find(|(known, _)| *known == label).map(|(_, value)| value).ok_or(Error::Key)
    }

    fn integer(&self, label: i64) -> Result<i64, Error> {
        self.get(label)?.as_integer().and_then(|value| i64::try_from(value).ok()).ok_or(Error::Key)
    }

    fn bytes(&self, label: i64) -> Result<&[u8], Error> {
        self.get(label)?.as_bytes().map(Vec::as_slice).ok_or(Error::Key)
    }

    fn array<const SIZE: usize>(&self, label: i64) -> Result<[u8; SIZE], Error> {
        self.bytes(label)?.try_into().map_err(|_| Error::Key)
    }
}

//! Keys that sign artifacts: ECDSA on P-256, in files as cosign has them.
//!
//! A public key is `PUBLIC KEY` in PEM. A private one is encrypted with a password (`ENCRYPTED SIGSTORE PRIVATE KEY`: PKCS#8 in NaCl's secretbox, by a
//! key that scrypt makes of the password), or, where the file's place protects it, PKCS#8 in the clear (`PRIVATE KEY`).

use crate::blobs;
use crate::digest::Digest;
use crate::error::Error;
use crate::limits;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// What the PEM of a public key says that it is.
const PUBLIC: &str = "PUBLIC KEY";
/// A private one in the clear.
const PRIVATE: &str = "PRIVATE KEY";
/// An encrypted one, as cosign makes it, and as it once did.
const ENCRYPTED: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// A key whose signatures are trusted.
#[derive(Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    der: Vec<u8>,
}

impl PublicKey {
    /// Every key of a file: while keys rotate it has the next one, too.
    ///
    /// # Errors
    /// Where it cannot be read, or has something else in it.
    pub fn read(file: &Path) -> Result<Vec<Self>, Error> {
        let wrong = |reason: &str| Error::Key { file: file.to_owned(), reason: reason.to_owned() };
        let blocks = pem(&text(file)?).ok_or_else(|| wrong("is not PEM"))?;
        if blocks.is_empty() || blocks.len() > limits::KEYS {
            return Err(wrong("has no key, or too many"));
        }
        let key = |(label, der): (String, Vec<u8>)| {
            if label != PUBLIC {
                return Err(wrong(&format!("is {label}: a public key is needed, as cosign writes to cosign.pub")));
            }
            Self::of_der(&der).ok_or_else(|| wrong("is no ECDSA key on P-256"))
        };
        blocks.into_iter().map(key).collect()
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        let key = p256::PublicKey::from_public_key_der(der).ok()?;
        Some(Self { key: VerifyingKey::from(key), der: der.to_owned() })
    }

    /// What people tell keys apart by: the beginning of the SHA-256 of its DER.
    #[must_use]
    pub fn id(&self) -> String {
        Digest::of(&self.der).short()
    }

    /// As a file has it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        write_pem(PUBLIC, &self.der)
    }

    /// Whether it has signed this. `signature` is ASN.1, as everybody but JWT has it.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// A key that signs.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Makes one.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn generate() -> Result<Self, Error> {
        // All but about one in 2^32 of such numbers are keys.
        loop {
            let mut bytes = [0; 32];
            random(&mut bytes)?;
            if let Ok(key) = SigningKey::from_slice(&bytes) {
                return Ok(Self(key));
            }
        }
    }

    /// Reads a file; an encrypted one with this password.
    ///
    /// # Errors
    /// Where it cannot be read, or the password is another.
    pub fn read(file: &Path, password: Option<&str>) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Key { file: file.to_owned(), reason: reason.to_owned() };
        let blocks = pem(&text(file)?).ok_or_else(|| wrong("is not PEM"))?;
        let [(label, content)] = blocks.as_slice() else { return Err(wrong("has not one key, but none or several")) };
        let der = match label.as_str() {
            PRIVATE => content.clone(),
            label if ENCRYPTED.contains(&label) => {
                // cosign encrypts with an empty password, too, where it is given one: such a key needs none here.
                let wanted = |reason| if password.is_none() { "is encrypted: set COSIGN_PASSWORD".to_owned() } else { reason };
                decrypt(content, password.unwrap_or_default()).map_err(|reason| wrong(&wanted(reason)))?
            }
            "EC PRIVATE KEY" => {
                return Err(wrong("is in the form SEC1: openssl pkcs8 -topk8 -nocrypt makes PKCS#8 of it"));
            }
            other => return Err(wrong(&format!("is {other}: a private key is needed"))),
        };
        let key = p256::SecretKey::from_pkcs8_der(&der).map_err(|_| wrong("is no ECDSA key on P-256"))?;
        Ok(Self(SigningKey::from(key)))
    }

    /// Its public half.
    ///
    /// # Errors
    /// Where it cannot be written down, which would be a bug.
    pub fn public(&self) -> Result<PublicKey, Error> {
        let der = p256::PublicKey::from(self.0.verifying_key()).to_public_key_der();
        let der = der.map_err(|error| Error::Pack(error.to_string()))?;
        PublicKey::of_der(der.as_bytes()).ok_or_else(|| Error::Pack("a key cannot be written down".to_owned()))
    }

    /// As a file has it: encrypted where there is a password.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn to_pem(&self, password: Option<&str>) -> Result<String, Error> {
        let failed = |error: String| Error::Pack(error);
        let key = p256::SecretKey::from_slice(&self.0.to_bytes()).map_err(|error| failed(error.to_string()))?;
        let der = key.to_pkcs8_der().map_err(|error| failed(error.to_string()))?;
        match password {
            None => Ok(write_pem(PRIVATE, der.as_bytes())),
            Some(password) => {
                let [label, _] = ENCRYPTED;
                Ok(write_pem(label, &encrypt(der.as_bytes(), password)?))
            }
        }
    }

    /// Signs, in ASN.1.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<private key>")
    }
}

/// What is in an encrypted key's PEM.
#[derive(Deserialize, Serialize)]
struct Envelope {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize, Serialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize, Serialize)]
struct Params {
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
}

#[derive(Deserialize, Serialize)]
struct Cipher {
    name: String,
    nonce: String,
}

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";

fn decrypt(envelope: &[u8], password: &str) -> Result<Vec<u8>, String> {
    let unknown = || "is encrypted in a way that cosign has not".to_owned();
    let Envelope { kdf, cipher, ciphertext } = serde_json::from_slice(envelope).map_err(|_| unknown())?;
    if kdf.name != KDF || cipher.name != CIPHER || !kdf.params.n.is_power_of_two() {
        return Err(unknown());
    }
    let log_n = u8::try_from(kdf.params.n.trailing_zeros()).map_err(|_| unknown())?;
    let (most_n, most_r, most_p) = limits::SCRYPT_MOST;
    if log_n > most_n || kdf.params.r > most_r || kdf.params.p > most_p {
        return Err("wants more work of scrypt than is done here".to_owned());
    }
    let decode = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| unknown());
    let (salt, nonce, ciphertext) = (decode(&kdf.salt)?, decode(&cipher.nonce)?, decode(&ciphertext)?);
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| unknown())?;
    let key = derived(password, &salt, (log_n, kdf.params.r, kdf.params.p)).ok_or_else(unknown)?;
    secretbox::open(key, nonce, &ciphertext).ok_or_else(|| "has another password than COSIGN_PASSWORD".to_owned())
}

fn encrypt(der: &[u8], password: &str) -> Result<Vec<u8>, Error> {
    let failed = || Error::Pack("the key cannot be encrypted".to_owned());
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    random(&mut salt)?;
    random(&mut nonce)?;
    let (log_n, r, p) = limits::SCRYPT;
    let key = derived(password, &salt, limits::SCRYPT).ok_or_else(failed)?;
    let ciphertext = secretbox::seal(key, nonce, der);
    let envelope = Envelope {
        kdf: Kdf { name: KDF.to_owned(), params: Params { n: 1 << log_n, r, p }, salt: BASE64_STANDARD.encode(salt) },
        cipher: Cipher { name: CIPHER.to_owned(), nonce: BASE64_STANDARD.encode(nonce) },
        ciphertext: BASE64_STANDARD.encode(ciphertext),
    };
    serde_json::to_vec(&envelope).map_err(|_| failed())
}

fn derived(password: &str, salt: &[u8], (log_n, r, p): (u8, u32, u32)) -> Option<[u8; 32]> {
    let params = scrypt::Params::new(log_n, r, p, 32).ok()?;
    let mut key = [0; 32];
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut key).ok()?;
    Some(key)
}

/// NaCl's secretbox: XSalsa20, whose first 32 bytes are the key of the Poly1305 that stands before the ciphertext.
mod secretbox {
    use poly1305::Poly1305;
    use poly1305::universal_hash::KeyInit as _;
    use salsa20::XSalsa20;
    use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};

    const TAG: usize = 16;

    pub(super) fn seal(key: [u8; 32], nonce: [u8; 24], message: &[u8]) -> Vec<u8> {
        let (cipher, authenticator) = begun(key, nonce);
        let ciphertext = applied(cipher, message);
        let mut sealed = authenticator.compute_unpadded(&ciphertext).to_vec();
        sealed.extend(ciphertext);
        sealed
    }

    pub(super) fn open(key: [u8; 32], nonce: [u8; 24], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, ciphertext) = sealed.split_at_checked(TAG)?;
        let (cipher, authenticator) = begun(key, nonce);
        // Whose file it is may know how much of a tag was right: nobody else asks.
        let right = authenticator.compute_unpadded(ciphertext).as_slice() == tag;
        right.then(|| applied(cipher, ciphertext))
    }

    fn begun(key: [u8; 32], nonce: [u8; 24]) -> (XSalsa20, Poly1305) {
        let mut cipher = XSalsa20::new(&key.into(), &nonce.into());
        let mut first = [0; 32];
        cipher.apply_keystream(&mut first);
        (cipher, Poly1305::new(&first.into()))
    }

    fn applied(mut cipher: XSalsa20, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        cipher.apply_keystream(&mut text);
        text
    }
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|error| Error::Pack(format!("the system has no randomness: {error}")))
}

fn text(file: &Path) -> Result<String, Error> {
    let wrong = |reason: &str| Error::Key { file: file.to_owned(), reason: reason.to_owned() };
    let bytes = blobs::read(file, limits::KEY_FILE_BYTES)?.ok_or_else(|| wrong("is not there, or no key"))?;
    String::from_utf8(bytes).map_err(|_| wrong("is not PEM"))
}

/// What is between the lines of PEM, each with what it is; none where that is not base64.
fn pem(text: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----")?;
        let (content, after) = after.split_once(&format!("-----END {label}-----"))?;
        let content: String = content.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        blocks.push((label.to_owned(), BASE64_STANDARD.decode(content).ok()?));
        rest = after;
    }
    Some(blocks)
}

fn write_pem(label: &str, content: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(content);
    let lines = encoded.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let (one, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let both = one.public().unwrap().to_pem() + &other.public().unwrap().to_pem();
        let public = PublicKey::read(&file("both.pub", &both)).unwrap();
        assert_eq!(public.len(), 2);
        let signature = other.sign(b"x");
        assert_eq!(public.iter().map(|key| key.has_signed(b"x", &signature)).collect::<Vec<_>>(), [false, true]);
        assert!(!public[1].has_signed(b"y", &signature) && !public[1].has_signed(b"x", &signature[1..]));

        let (clear, encrypted) = (one.to_pem(None).unwrap(), one.to_pem(Some("secret")).unwrap());
        assert!(clear.starts_with("-----BEGIN PRIVATE KEY-----\n") && encrypted.contains("BEGIN ENCRYPTED SIGSTORE PRIVATE KEY"));
        let id = |key: PrivateKey| key.public().unwrap().id();
        assert_eq!(id(PrivateKey::read(&file("clear", &clear), None).unwrap()), public[0].id());
        let file = file("encrypted", &encrypted);
        assert_eq!(id(PrivateKey::read(&file, Some("secret")).unwrap()), public[0].id());
        for (password, said) in [(None, "COSIGN_PASSWORD"), (Some("other"), "another password")] {
            let message = PrivateKey::read(&file, password).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
        assert!(PublicKey::read(&file).unwrap_err().to_string().contains("a public key is needed"));
    }

    #[test]
    fn a_key_that_cosign_encrypted_with_an_empty_password_needs_none() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("cosign.key"), PrivateKey::generate().unwrap());
        std::fs::write(&file, key.to_pem(Some("")).unwrap()).unwrap();
        assert_eq!(PrivateKey::read(&file, None).unwrap().public().unwrap().id(), key.public().unwrap().id());
        assert!(PrivateKey::read(&file, Some("x")).unwrap_err().to_string().contains("another password"));
    }

    #[test]
    fn files_that_are_no_keys_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        for (text, said) in [
            ("", "has no key"),
            ("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n", "is not PEM"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no ECDSA key on P-256"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is CERTIFICATE"),
        ] {
            std::fs::write(&file, text).unwrap();
            let message = PublicKey::read(&file).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("key"), "{message}");
        }
        let sec1 = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
        std::fs::write(&file, sec1).unwrap();
        assert!(PrivateKey::read(&file, None).unwrap_err().to_string().contains("openssl pkcs8"));
        // Work that would take the machine's memory is not begun.
        let envelope = r#"{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":8,"p":1},"salt":""},"cipher":{"name":"nacl/secretbox","nonce":""},"ciphertext":""}"#;
        std::fs::write(&file, write_pem(ENCRYPTED[0], envelope.as_bytes())).unwrap();
        assert!(PrivateKey::read(&file, Some("x")).unwrap_err().to_string().contains("more work"));
    }
}

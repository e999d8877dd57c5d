//! The keys that seals are signed with.
//!
//! `signing.key` is an Ed25519 key (PKCS#8, PEM), made where there is none; `public-keys` has a line for each key that has ever signed here: its id, and the
//! key in base64. To rotate, take `signing.key` away and start the node again: it makes a new one, and what the old one has signed stays proven by its
//! line in `public-keys`. Both belong in a safe place beside this machine as well.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::error::Error;

const SIGNING: &str = "signing.key";
const PUBLIC: &str = "public-keys";
/// Characters of a key's id.
const ID: usize = 16;

/// The key that signs now.
pub struct SealKey {
    id: String,
    key: SigningKey,
}

/// Those whose signatures count.
#[derive(Debug, Default)]
pub struct TrustedKeys(BTreeMap<String, VerifyingKey>);

impl SealKey {
    /// The key in this folder, or in the file that the operator names instead. Where there is none in the folder, it is made. Its public half is among those of
    /// the folder from then on.
    pub fn open(folder: &Path, elsewhere: Option<&Path>) -> Result<Self, Error> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| unusable(folder, &error))?;
        let file = elsewhere.map_or_else(|| folder.join(SIGNING), Path::to_owned);
        let key = match fs::read_to_string(&file) {
            Ok(pem) => SigningKey::from_pkcs8_pem(pem.trim()).map_err(|_| {
                let reason = "not an Ed25519 key as PKCS#8 PEM (`openssl genpkey -algorithm ed25519` makes one)";
                unusable(&file, &io::Error::new(io::ErrorKind::InvalidData, reason))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && elsewhere.is_none() => make(&file)?,
            Err(error) => return Err(unusable(&file, &error)),
        };
        let signing = Self { id: id(&key.verifying_key()), key };
        if !TrustedKeys::read(folder)?.0.contains_key(&signing.id) {
            let line = format!("{} {}\n", signing.id, STANDARD.encode(signing.key.verifying_key().as_bytes()));
            append(&folder.join(PUBLIC), line.as_bytes())?;
        }
        Ok(signing)
    }

    /// Which key this is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Base64.
    pub fn sign(&self, text: &str) -> String {
        STANDARD.encode(self.key.sign(text.as_bytes()).to_bytes())
    }
}

impl TrustedKeys {
    /// The public keys in this folder; none where there is no such file.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let file = folder.join(PUBLIC);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unusable(&file, &error)),
        };
        let keys = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let key = line.split_whitespace().nth(1).and_then(|key| STANDARD.decode(key).ok());
            let key = key.and_then(|bytes| VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok());
            key.map(|key| (id(&key), key)).ok_or_else(|| {
                unusable(
                    &file,
                    &io::Error::new(io::ErrorKind::InvalidData, format!("{line:?} is not an id and an Ed25519 key in base64")),
                )
            })
        });
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// Whether this key has signed this text; none where the key is not one of these.
    pub fn verify(&self, key: &str, text: &str, signature: &str) -> Option<bool> {
        let key = self.0.get(key)?;
        let signature = STANDARD.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        Some(signature.is_some_and(|signature| key.verify_strict(text.as_bytes(), &signature).is_ok()))
    }
}

fn make(file: &Path) -> Result<SigningKey, Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| unusable(file, &io::Error::other(error.to_string())))?;
    let key = SigningKey::from_bytes(&seed);
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| unusable(file, &io::Error::other(error.to_string())))?;
    let write = || {
        let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
        made.write_all(pem.as_bytes())?;
        made.sync_all()
    };
    write().map_err(|error| unusable(file, &error))?;
    Ok(key)
}

/// What a key is called: the beginning of its digest.
fn id(key: &VerifyingKey) -> String {
    audit::digest(key.as_bytes()).chars().take(ID).collect()
}

/// Adds to a file that is only ever added to, and waits until that is on the disk.
pub fn append(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut opened = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
        opened.write_all(bytes)?;
        opened.sync_all()
    };
    write().map_err(|error| unusable(file, &error))
}

/// One of the audit log's files cannot be used.
pub fn unusable(file: &Path, error: &io::Error) -> Error {
    Error::AuditFile { file: file.to_owned(), reason: error.to_string() }
}

//! Signed states of a region's chain, and the file that they are in: one JSON object a line, only ever added to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::keys::{SealKey, TrustedKeys, append, unusable};
use crate::error::Error;

/// "All rows up to this one were these": signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Whose chain.
    pub region: String,
    /// The row.
    pub sequence: i64,
    /// Its hash, which stands for all before it.
    pub hash: String,
    /// When it was signed: microseconds since the Unix epoch.
    pub at: i64,
    /// By which key.
    pub key: String,
    /// Ed25519, of [`Seal::text`]; base64.
    pub signature: String,
}

impl Seal {
    /// A new one.
    pub fn new(signing: &SealKey, region: &str, sequence: i64, hash: &str, at: i64) -> Self {
        let mut seal = Self {
            region: region.to_owned(),
            sequence,
            hash: hash.to_owned(),
            at,
            key: signing.id().to_owned(),
            signature: String::new(),
        };
        seal.signature = signing.sign(&seal.text());
        seal
    }

    /// What is signed.
    fn text(&self) -> String {
        let Self { region, sequence, hash, at, .. } = self;
        format!("marquee audit seal 1\n{region}\n{sequence}\n{hash}\n{at}\n")
    }

    /// Whether it was signed by one of these keys; none where its key is not one of them.
    pub fn verify(&self, trusted: &TrustedKeys) -> Option<bool> {
        trusted.verify(&self.key, &self.text(), &self.signature)
    }
}

/// The file of a region's seals.
pub fn file(folder: &Path, region: &str) -> PathBuf {
    folder.join(format!("seals-{region}.jsonl"))
}

/// The seals in the file, in the order in which they were made. A last line that was not finished, by a crash, is left out. Whatever else is no seal of these keys is
/// an error: the file is append-only.
pub fn read(folder: &Path, region: &str, trusted: &TrustedKeys) -> Result<Vec<Seal>, Error> {
    let file = file(folder, region);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(&file, &error)),
    };
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    let mut seals: Vec<Seal> = Vec::new();
    for (number, line) in (1..).zip(whole.lines()) {
        let wrong = |what: &str| unusable(&file, &io::Error::new(io::ErrorKind::InvalidData, format!("line {number} {what}")));
        let seal: Seal = serde_json::from_str(line).map_err(|_| wrong("is no seal"))?;
        if seal.region != region || seal.verify(trusted) != Some(true) {
            return Err(wrong("is not signed by any of the keys in public-keys"));
        }
        if seals.last().is_some_and(|last| last.sequence >= seal.sequence) {
            return Err(wrong("is out of order"));
        }
        seals.push(seal);
    }
    Ok(seals)
}

/// Adds a seal to its file, which then has whole lines only.
pub fn add(folder: &Path, seal: &Seal) -> Result<(), Error> {
    let file = file(folder, &seal.region);
    let line = serde_json::to_string(seal).map_err(|error| unusable(&file, &error.into()))?;
    let unfinished = fs::read(&file).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
    if unfinished {
        let cut = || {
            let bytes = fs::read(&file)?;
            let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            fs::OpenOptions::new().write(true).open(&file)?.set_len(end as u64)
        };
        cut().map_err(|error| unusable(&file, &error))?;
    }
    append(&file, format!("{line}\n").as_bytes())
}

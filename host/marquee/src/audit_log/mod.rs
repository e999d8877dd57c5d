//! The audit log's seals, and its check.
//!
//! The log's hash chain (crate `audit`) finds a row that was changed, but who writes to the database can make all hashes after it anew, and the head with them.
//! So the process that writes the log signs how far it has come, every few seconds while it grows, with an Ed25519 key that the database never sees
//! ([`keys`]). A [`Seal`](seals::Seal) is in the database and in a file that is only ever added to ([`seals`]); [`check`] holds the rows against both. What
//! is younger than the newest seal is covered by its hashes alone.
//!
//! Nothing is signed that does not follow from what was signed before: a [`Sealer`] that finds its last seal broken says so, and signs no more.

pub mod check;
pub mod keys;
mod rows;
pub mod sealer;
pub mod seals;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use region::Database;

use crate::config::settings::Settings;
use crate::data_folder::DataFolder;
use crate::error::Error;
use sealer::Sealer;

/// Where keys and seals are, in a node's data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("audit")
}

/// What a process that writes an audit log signs it with.
pub struct SealerOptions {
    folder: PathBuf,
    key: Option<PathBuf>,
}

impl SealerOptions {
    /// In a data folder, and with the key that the environment names.
    pub fn new(folder: &DataFolder, settings: &Settings) -> Self {
        Self { folder: self::folder(folder.path()), key: settings.audit_key.clone() }
    }

    /// Who signs this region's log.
    pub fn sealer(&self, database: Database, region: &str) -> Result<Sealer, Error> {
        Sealer::open(database, region, &self.folder, self.key.as_deref())
    }
}

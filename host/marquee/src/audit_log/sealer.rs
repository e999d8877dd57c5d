//! Signs how far a region's audit log has come, while it is written.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use audit::Chain;
use region::Database;
use region::database::{Error as DatabaseError, Row};
use telemetry::{Finding, Health, Needed};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::keys::{SealKey, TrustedKeys};
use super::rows;
use super::seals::{self, Seal};
use crate::error::Error;
use crate::limits;

const HASH: &str = "SELECT hash FROM audit_log WHERE region = $1 AND sequence = $2";
const ADD: &str = "INSERT INTO audit_seals (region, sequence, key, hash, at, signature) VALUES ($1, $2, $3, $4, $5, $6) \
    ON CONFLICT (region, sequence, key) DO NOTHING";

/// Signs a region's audit log.
pub struct Sealer {
    database: Database,
    region: String,
    folder: PathBuf,
    signing: SealKey,
    /// The row that was signed last, and its hash.
    last: Option<(i64, String)>,
    state: Arc<Mutex<Finding>>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    /// For now.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Its file.
    #[error(transparent)]
    File(#[from] Error),
    /// The log is not what was signed before.
    #[error("the audit log was changed after it was signed, or does not continue from there: {0}; see `marquee audit`")]
    Broken(String),
}

impl Sealer {
    /// With the keys and the seals of this folder; `key` names another file for the signing key.
    pub fn open(database: Database, region: &str, folder: &Path, key: Option<&Path>) -> Result<Self, Error> {
        let signing = SealKey::open(folder, key)?;
        let seals = seals::read(folder, region, &TrustedKeys::read(folder)?)?;
        let last = seals.into_iter().next_back().map(|seal| (seal.sequence, seal.hash));
        let (region, folder) = (region.to_owned(), folder.to_owned());
        Ok(Self { database, region, folder, signing, last, state: Arc::new(Mutex::new(Finding::up("nothing to sign yet"))) })
    }

    /// Registers the check `audit-log`.
    pub fn register(&self, health: &Health) {
        let state = Arc::clone(&self.state);
        health.register("audit-log", Needed::Information, move || state.lock().unwrap_or_else(PoisonError::into_inner).clone());
    }

    /// Signs every [`limits::AUDIT_SEAL`] what has been added, and once more at the end.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.round().await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(limits::AUDIT_SEAL) => {}
            }
        }
        // What was written until now; an unreachable database does not delay the stop.
        _ = timeout(limits::AUDIT_LAST_SEAL, self.round()).await;
    }

    async fn round(&mut self) {
        let finding = match self.seal().await {
            Ok(()) => match &self.last {
                Some((sequence, _)) => Finding::up(format!("signed up to entry {sequence}")),
                None => Finding::up("nothing to sign yet"),
            },
            Err(unsigned @ Unsigned::Database(_)) => {
                tracing::warn!(error = %unsigned, "the audit log could not be signed; it is tried again");
                Finding::degraded("signing fails")
            }
            Err(unsigned) => {
                tracing::error!(error = %unsigned, "the audit log is no longer signed");
                Finding::degraded(unsigned.to_string())
            }
        };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = finding;
    }

    /// Signs the entries that follow those signed before.
    pub async fn seal(&mut self) -> Result<(), Unsigned> {
        let (sequence, hash) = self.last.clone().unwrap_or((0, audit::GENESIS.to_owned()));
        if sequence > 0 {
            let found = self.database.ask(HASH, &[self.region.as_str().into(), sequence.into()]).await?;
            let found = found.into_iter().next().map(|mut row: Row| row.text()).transpose()?;
            match found {
                None => return Err(Unsigned::Broken(format!("entry {sequence} is missing"))),
                Some(found) if found != hash => return Err(Unsigned::Broken(format!("entry {sequence} is another"))),
                Some(_) => {}
            }
        }
        let mut chain = Chain::after(&self.region, sequence, &hash);
        loop {
            let after = [self.region.as_str().into(), chain.sequence().into(), limits::AUDIT_ROWS.into()];
            let found = self.database.ask(rows::ROWS, &after).await?;
            let last = found.len() < usize::try_from(limits::AUDIT_ROWS).unwrap_or(usize::MAX);
            for mut row in found {
                chain.verify(&rows::row(&mut row)?).map_err(|broken| Unsigned::Broken(broken.to_string()))?;
            }
            if last {
                break;
            }
        }
        if chain.sequence() == sequence {
            return Ok(());
        }
        let at = jiff::Timestamp::now().as_microsecond();
        let seal = Seal::new(&self.signing, &self.region, chain.sequence(), chain.hash(), at);
        // The file first: a seal in the database alone proves nothing once this machine is lost, but what is in neither is not signed.
        seals::add(&self.folder, &seal)?;
        self.last = Some((seal.sequence, seal.hash.clone()));
        let Seal { region, sequence, hash, at, key, signature } = &seal;
        let values = [
            region.as_str().into(),
            (*sequence).into(),
            key.as_str().into(),
            hash.as_str().into(),
            (*at).into(),
            signature.as_str().into(),
        ];
        self.database.ask(ADD, &values).await?;
        Ok(())
    }
}

//! `marquee audit`: whether a region's audit log is as it was written.

use std::collections::BTreeMap;
use std::path::Path;

use audit::{Broken, Chain};
use jiff::Timestamp;
use region::Database;
use region::database::{Error as DatabaseError, Purpose, Row, Transaction};

use super::keys::TrustedKeys;
use super::rows;
use super::seals::{self, Seal};
use crate::error::Error;
use crate::limits;

const HEAD: &str = "SELECT sequence, hash FROM audit_heads WHERE region = $1";
const SEALS: &str = "SELECT sequence, hash, at, key, signature FROM audit_seals WHERE region = $1 AND sequence > $2 ORDER BY sequence, key LIMIT $3";

/// What was found of a log that is as it was written.
#[derive(Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// Its entries.
    pub entries: i64,
    /// The last one's hash.
    pub hash: String,
    /// The signed states that fit.
    pub seals: usize,
    /// The last entry that is covered by one, and when that was signed; none where there is none, or no key to check it with.
    pub sealed: Option<(i64, i64)>,
    /// Signed states in the database whose keys are not known here.
    pub unknown: usize,
}

/// Holds the log against its hashes, its head, and what was signed of it. `folder` is where its keys and seals are.
pub async fn check(database: &Database, name: &str, region: &str, folder: &Path) -> Result<AuditReport, Error> {
    let failed = |error: DatabaseError| Error::Database { database: name.to_owned(), reason: error.to_string() };
    let broken = |at: i64, reason: String| Error::Audit { region: region.to_owned(), at, reason };
    let trusted = TrustedKeys::read(folder)?;
    let mut known: BTreeMap<i64, Vec<Seal>> = BTreeMap::new();
    for seal in seals::read(folder, region, &trusted)? {
        known.entry(seal.sequence).or_default().push(seal);
    }
    // Of one moment: entries that are written meanwhile are not looked at, nor is the head that they move.
    let mut transaction = database.begin(Purpose::Read).await.map_err(failed)?;
    let mut unknown = 0;
    for seal in stored(&mut transaction, region).await.map_err(failed)? {
        match seal.verify(&trusted) {
            None => unknown += 1,
            Some(false) => return Err(broken(seal.sequence, "the database has a signed state of it that was forged".to_owned())),
            Some(true) => {
                let same = known.entry(seal.sequence).or_default();
                if !same.contains(&seal) {
                    same.push(seal);
                }
            }
        }
    }

    let (mut chain, mut sealed, mut fit) = (Chain::new(region), None, 0);
    loop {
        let after = [region.into(), chain.sequence().into(), limits::AUDIT_ROWS.into()];
        let found = transaction.query(rows::ROWS, &after).await.map_err(failed)?;
        let last = found.len() < usize::try_from(limits::AUDIT_ROWS).unwrap_or(usize::MAX);
        for mut row in found {
            let row = rows::row(&mut row).map_err(failed)?;
            chain.verify(&row).map_err(|error| broken_at(region, &error))?;
            for seal in known.get(&row.sequence).into_iter().flatten() {
                if seal.hash != row.hash {
                    let first = sealed.map_or(1, |(sequence, _)| sequence + 1);
                    let reason = format!(
                        "entries {first} to {} are not those that were signed on {}: they were rewritten together with their hashes",
                        row.sequence,
                        instant(seal.at)
                    );
                    return Err(broken(first, reason));
                }
            }
            if let Some(seals) = known.remove(&row.sequence) {
                fit += seals.len();
                sealed = seals.first().map(|seal| (row.sequence, seal.at)).or(sealed);
            }
        }
        if last {
            break;
        }
    }
    // Those that are left are of entries that are not there.
    if let Some((sequence, seals)) = known.last_key_value() {
        let at = instant(seals.first().map_or(0, |seal| seal.at));
        let reason = format!("the log ends with entry {}, but entry {sequence} was signed on {at}", chain.sequence());
        return Err(broken(chain.sequence() + 1, reason));
    }
    let head = transaction.query(HEAD, &[region.into()]).await.map_err(failed)?;
    let head = head.into_iter().next().map(|mut row: Row| Ok((row.integer()?, row.text()?))).transpose().map_err(failed)?;
    chain.end(head.as_ref().map(|(sequence, hash)| (*sequence, hash.as_str()))).map_err(|error| broken_at(region, &error))?;
    Ok(AuditReport { entries: chain.sequence(), hash: chain.hash().to_owned(), seals: fit, sealed, unknown })
}

/// The seals in the database.
async fn stored(transaction: &mut Transaction, region: &str) -> Result<Vec<Seal>, DatabaseError> {
    let (mut seals, mut after) = (Vec::new(), 0i64);
    loop {
        let found = transaction.query(SEALS, &[region.into(), after.into(), limits::AUDIT_ROWS.into()]).await?;
        if found.is_empty() {
            return Ok(seals);
        }
        for mut row in found {
            let (sequence, hash, at, key, signature) = (row.integer()?, row.text()?, row.integer()?, row.text()?, row.text()?);
            after = sequence;
            seals.push(Seal { region: region.to_owned(), sequence, hash, at, key, signature });
        }
    }
}

fn broken_at(region: &str, broken: &Broken) -> Error {
    Error::Audit { region: region.to_owned(), at: broken.at(), reason: broken.to_string() }
}

/// For people.
pub fn instant(at: i64) -> String {
    Timestamp::from_microsecond(at).map_or_else(|_| at.to_string(), |instant| format!("{instant:.0}"))
}

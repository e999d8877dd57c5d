//! The audit log: every record, in the order in which it was heard, one hash chain a region.

use audit::{Chain, Entry, GENESIS};
use kit::params;
use kit::sql::{self, Error, Tx};
use std::collections::BTreeMap;

/// Adds these to the chains of their regions. The head's row is locked first, so that writers come one after the other; that it is swapped keeps
/// them from forking a chain even if it were not.
///
/// # Errors
/// [`Error::Busy`] where somebody else has added to the chain meanwhile.
pub async fn append(tx: &mut Tx, entries: Vec<(String, Entry)>) -> Result<(), Error> {
    let mut by_region: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for (region, entry) in entries {
        by_region.entry(region).or_default().push(entry);
    }
    for (region, entries) in by_region {
        let (sequence, hash) = lock(tx, &region).await?;
        let mut chain = Chain::after(&region, sequence, &hash);
        let count = entries.len() as u64;
        let mut parameters = Vec::with_capacity(entries.len().next_power_of_two() * 11);
        for entry in entries {
            let row = chain.append(entry);
            let Entry { ce_id, kind, subject, actor, network, at, digest } = row.entry;
            parameters.extend(params![
                &region,
                row.sequence,
                ce_id,
                kind,
                subject,
                actor,
                network,
                at,
                digest,
                row.previous,
                row.hash
            ]);
        }
        let statement = format!(
            "INSERT INTO audit_log (region, sequence, ce_id, type, subject, actor, network, at, digest, previous, hash) VALUES {} \
             ON CONFLICT (region, sequence) DO NOTHING",
            sql::padded_rows(&mut parameters, 11)
        );
        // All of them are new: where one was there already, somebody else has added to the chain.
        if tx.execute(&statement, parameters).await? != count {
            return Err(Error::Busy);
        }
        let swapped = tx
            .execute(
                "UPDATE audit_heads SET sequence = $3, hash = $4 WHERE region = $1 AND sequence = $2 AND hash = $5",
                params![&region, sequence, chain.sequence(), chain.hash(), &hash],
            )
            .await?;
        if swapped != 1 {
            return Err(Error::Busy);
        }
    }
    Ok(())
}

/// The head of a region's chain, its row locked until the end of the transaction.
async fn lock(tx: &mut Tx, region: &str) -> Result<(i64, String), Error> {
    let statement = "UPDATE audit_heads SET sequence = sequence WHERE region = $1 RETURNING sequence, hash";
    if let Some(head) = tx.one(statement, params![region]).await? {
        return Ok(head);
    }
    tx.execute(
        "INSERT INTO audit_heads (region, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT (region) DO NOTHING",
        params![region, GENESIS],
    )
    .await?;
    tx.one(statement, params![region]).await?.ok_or(Error::Busy)
}

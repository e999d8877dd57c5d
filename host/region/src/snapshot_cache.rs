//! The catalog part of a snapshot, kept in Redis: nodes that start do not all have Postgres read every event.
//!
//! Who may be let in is no part of it. Keys and revocations are read from SQL for each snapshot, so nothing that Redis has lost, kept too long or
//! been told by somebody else opens a door. What has happened since comes out of the journal, as for a reader who was away; where it cannot, or
//! Redis cannot be asked, everything is read from SQL.

use std::sync::Arc;

use edge::feed::{Cursor, Error, Snapshot};
use futures::TryStreamExt;
use read_model::Fact;
use serde::{Deserialize, Serialize};
use storage::redis::{Connection, Parameter};

use crate::database::Database;
use crate::feed::{journal, position_to_reach, unavailable};
use crate::{limits, sequencer, snapshot};

/// Where a region's nodes keep it. Cheap to clone.
#[derive(Clone)]
pub struct SnapshotCache {
    redis: Connection,
    key: Arc<str>,
}

#[derive(Deserialize)]
struct CachedSnapshot {
    epoch: String,
    position: i64,
    facts: Vec<Fact>,
}

/// The same, to be written.
#[derive(Serialize)]
struct CachedSnapshotRef<'a> {
    epoch: &'a str,
    position: i64,
    facts: Vec<&'a Fact>,
}

impl SnapshotCache {
    /// Of the region of this name. What another version of this program has kept is left to it.
    #[must_use]
    pub fn new(redis: Connection, region: &str) -> Self {
        Self { redis, key: format!("marquee:snapshot:{}:{region}", env!("CARGO_PKG_VERSION")).into() }
    }

    /// A current snapshot, from the cached one; else all of it from SQL, to be cached for the next.
    pub(crate) async fn read(&self, database: &Database) -> Result<Snapshot, Error> {
        if let Some(kept) = self.kept().await {
            match brought_up(kept, database).await {
                Ok(snapshot) => return Ok(snapshot),
                Err(Error::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        let snapshot = snapshot::read(database).await.map_err(unavailable)?;
        self.keep(&snapshot).await;
        Ok(snapshot)
    }

    async fn kept(&self) -> Option<CachedSnapshot> {
        match tokio::time::timeout(limits::SNAPSHOT_REDIS, self.redis.get(self.key.to_string())).await {
            Ok(Ok(bytes)) => serde_json::from_slice(&bytes?).ok(),
            Ok(Err(error)) => {
                tracing::debug!(?error, "no snapshot from Redis");
                None
            }
            Err(_) => {
                self.redis.gave_up();
                None
            }
        }
    }

    async fn keep(&self, snapshot: &Snapshot) {
        let facts = snapshot.facts.iter().filter(|fact| is_catalog(fact)).collect();
        let cached = CachedSnapshotRef { epoch: &snapshot.epoch, position: snapshot.position, facts };
        let Ok(bytes) = serde_json::to_vec(&cached) else { return };
        if bytes.len() > storage::limits::RESULT_BYTES {
            tracing::debug!(bytes = bytes.len(), "a snapshot is too long to be cached");
            return;
        }
        let text = |text: &str| Parameter::Binary(text.as_bytes().to_vec());
        let arguments = vec![text(&self.key), Parameter::Binary(bytes), text("EX"), Parameter::Int64(limits::SNAPSHOT_KEPT)];
        let cached = tokio::time::timeout(limits::SNAPSHOT_REDIS, self.redis.execute("SET", arguments)).await;
        if !matches!(cached, Ok(Ok(_))) {
            tracing::debug!(?cached, "a snapshot could not be cached");
        }
    }
}

/// The same as of now.
async fn brought_up(kept: CachedSnapshot, database: &Database) -> Result<Snapshot, Error> {
    let CachedSnapshot { epoch, position, facts } = kept;
    let cursor = Cursor { epoch: epoch.into(), position };
    let until = position_to_reach(sequencer::kept(database).await.map_err(unavailable)?, &cursor)?;
    let pages: Vec<_> = journal(database.clone(), position, until).try_collect().await?;
    // By version: where something is there twice, the newer counts.
    let newer = pages.iter().flat_map(|page| &page.facts).cloned();
    let mut facts: Vec<Fact> = facts.into_iter().chain(newer).filter(is_catalog).collect();
    // Not before the journal: every revocation up to its end must be in it.
    facts.extend(snapshot::admission(database).await.map_err(unavailable)?);
    Ok(Snapshot { epoch: cursor.epoch, position: until, facts })
}

const fn is_catalog(fact: &Fact) -> bool {
    matches!(fact, Fact::Event(_) | Fact::Availability(_))
}

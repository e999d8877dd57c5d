//! Sessions that were ended stay so, whatever becomes of the database: what a restore has lost of them is written down again by the nodes that remember it.

use std::sync::Arc;

use edge::Identity;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::database::{Database, Error, Purpose};
use crate::{clock, limits};

/// Writes down what a node knows to be revoked, whenever another history of the database begins.
pub struct Revocations {
    database: Database,
    identity: Identity,
    epoch: watch::Receiver<Arc<str>>,
}

impl Revocations {
    /// Those that `identity` knows of, which follows the same region; `epoch` is the [sequencer's](crate::Sequencer::epoch).
    #[must_use]
    pub fn new(database: Database, identity: Identity, epoch: watch::Receiver<Arc<str>>) -> Self {
        Self { database, identity, epoch }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&mut self) {
        let mut last = Arc::clone(&self.epoch.borrow_and_update());
        loop {
            if self.epoch.changed().await.is_err() {
                // There is no sequencer any more.
                return std::future::pending().await;
            }
            // What begins while this writes is seen the next time round.
            let now = Arc::clone(&self.epoch.borrow_and_update());
            if !std::mem::replace(&mut last, now).is_empty() {
                self.write().await;
            }
        }
    }

    async fn write(&self) {
        let revoked = self.identity.revoked();
        let mut pause = limits::SEQUENCE_RETRY.0;
        for some in revoked.chunks(limits::REVOCATIONS) {
            while let Err(error) = write(&self.database, some).await {
                tracing::warn!(%error, "could not store the revocations from the lost part of the history yet");
                sleep(clock::jittered(pause)).await;
                pause = (pause * 2).min(limits::SEQUENCE_RETRY.1);
            }
        }
        if !revoked.is_empty() {
            tracing::info!(sessions = revoked.len(), "sessions that were ended before the database changed stay ended");
        }
    }
}

async fn write(database: &Database, revoked: &[(String, i64)]) -> Result<(), Error> {
    let mut transaction = database.begin(Purpose::Write).await?;
    let now = transaction.now().await?;
    for (session, until) in revoked {
        // Of this region's own accounts, or of those that another one keeps.
        let ended = "UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
        transaction.query(ended, &[now.into(), session.as_str().into()]).await?;
        // Or an API key, which then is gone for good: whether only its tokens were ended, nobody can tell any more.
        transaction.query("DELETE FROM api_keys WHERE id = $1", &[session.as_str().into()]).await?;
        let noted = "INSERT INTO revocations (session_id, ends_at) VALUES ($1, $2) ON CONFLICT (session_id) DO NOTHING";
        transaction.query(noted, &[session.as_str().into(), (*until).into()]).await?;
    }
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, databases};
    use crate::{Feed, Sequencer};

    #[tokio::test]
    async fn a_session_revoked_before_a_restore_stays_revoked() {
        for Scratch { database, .. } in databases(true).await {
            let sequencer = Sequencer::new(database.clone(), vec![]);
            let (feed, wake, epoch) = (Feed::new(database.clone(), &sequencer), sequencer.wake(), sequencer.epoch());
            let (replica, identity, stop) = (edge::Replica::new(["eu"]), Identity::new("eu"), CancellationToken::new());
            let follower = edge::Follower::new("eu-1", "eu", Arc::new(feed), &replica, &identity);
            let sequencing = tokio::spawn(sequencer.run(stop.clone()));
            // What is numbered before the follower's last snapshot is read it does not hear of, for nothing but the journal has this fact: so there is an
            // epoch first, then the snapshot, then the fact.
            while epoch.borrow().is_empty() {
                tokio::task::yield_now().await;
            }
            let running = [
                sequencing,
                tokio::spawn(follower.run(stop.clone())),
                tokio::spawn(Revocations::new(database.clone(), identity.clone(), epoch).run(stop.clone())),
            ];
            while replica.age("eu").is_none() {
                tokio::task::yield_now().await;
            }
            let fact = serde_json::json!([{"kind": "session_revoked", "session": "s1", "until": i64::MAX}]).to_string();
            let batch = "INSERT INTO journal_batches (id, at, entries, facts) VALUES ('a', 1, 1, $1)";
            database.ask(batch, &[fact.as_str().into()]).await.unwrap();
            while identity.revoked().is_empty() {
                wake.now();
                tokio::task::yield_now().await;
            }
            // As a replica that was promoted without it.
            let mut transaction = database.begin(Purpose::Write).await.unwrap();
            transaction.query("DELETE FROM journal_batches", &[]).await.unwrap();
            transaction.query("UPDATE sequencer SET position = 0", &[]).await.unwrap();
            transaction.commit().await.unwrap();
            loop {
                wake.now();
                let rows = database.ask("SELECT session_id FROM revocations", &[]).await.unwrap();
                if let Some(mut row) = rows.into_iter().next() {
                    assert_eq!(row.text().unwrap(), "s1");
                    break;
                }
                tokio::task::yield_now().await;
            }
            stop.cancel();
            futures::future::join_all(running).await;
        }
    }
}

//! The statements about leases. Each is a transaction of its own: a node that stops between two of them holds no lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::database::{Database, Distance, Error, Purpose, Row, Value, microseconds};
use crate::leases::decide::{Lease, RUNNER, View};
use crate::limits;

/// Where nodes tell each other that partition leases changed.
pub(crate) const CHANNEL: &str = "marquee_leases";

/// The tables `leases` and `nodes`, for one node.
pub(crate) struct Store {
    source: Database,
    /// Its own connection, so that no snapshot or sequencer keeps a renewal waiting.
    database: Database,
    name: String,
    address: String,
    /// How long answers take.
    distance: Distance,
    /// How long one is waited for, beyond what they take.
    patience: Duration,
    /// Nothing has been answered on this connection yet: it may still have to be made.
    fresh: AtomicBool,
}

/// The name of a partition's lease.
pub(crate) fn partition(number: usize) -> String {
    format!("partition-{number}")
}

impl Store {
    pub(crate) fn new(source: Database, name: String, address: String) -> Self {
        let database = source.apart(limits::LEASE_LONGEST);
        let patience = limits::LEASE_TIMEOUT.0;
        Self { source, database, name, address, distance: Distance::default(), patience, fresh: AtomicBool::new(true) }
    }

    /// How long a lease lasts that is asked for now: longer where the database is far away, for a renewal's answer takes its time, too.
    pub(crate) fn length(&self) -> Duration {
        (limits::LEASE + self.distance.answer() * limits::LEASE_DISTANCES).min(limits::LEASE_LONGEST)
    }

    /// How long an answer usually takes.
    pub(crate) fn usual_distance(&self) -> Duration {
        self.distance.usual()
    }

    /// How long an answer takes at most, nearly always.
    pub(crate) fn distance(&self) -> Duration {
        self.distance.answer()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// After a failure: reconnects, because the old connection may be dead.
    pub(crate) fn reconnect(&mut self) {
        self.database = self.source.apart(limits::LEASE_LONGEST);
        self.fresh = AtomicBool::new(true);
        // To make a connection takes several times as long as an answer, and how far away the server is now is not known.
        self.patience = (self.patience * 2).min(limits::LEASE_TIMEOUT.1);
    }

    /// A round went well.
    pub(crate) fn well(&mut self) {
        self.patience = limits::LEASE_TIMEOUT.0;
    }

    /// One statement, on the connection of its own; its answer is waited for as long as answers take, and some more.
    async fn ask(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let sent = Instant::now();
        let patience = (self.patience + self.distance.answer() * limits::LEASE_DISTANCES).min(limits::LEASE_LONGEST);
        let answer = timeout(patience, self.database.ask(statement, parameters)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(Error::Unavailable(format!("no answer within {} ms", patience.as_millis()))))?;
        if !self.fresh.swap(false, Ordering::Relaxed) {
            self.distance.note(sent.elapsed());
        }
        Ok(answer)
    }

    /// Makes the rows, of so many partitions, unless there are any. Returns how many partitions there are.
    pub(crate) async fn create(&self, wanted: usize) -> Result<usize, Error> {
        let mut transaction = self.source.begin(Purpose::Migrate).await?;
        let counted = "SELECT COUNT(*) FROM leases WHERE name <> $1";
        let rows = transaction.query(counted, &[RUNNER.into()]).await?;
        let mut count = first(rows)?.count()?;
        if count == 0 {
            count = wanted;
            for name in (0..wanted).map(partition).chain([RUNNER.to_owned()]) {
                transaction
                    .query(
                        "INSERT INTO leases (name, owner, address, epoch, expires_at) VALUES ($1, '', '', 0, 0) \
                         ON CONFLICT (name) DO NOTHING",
                        &[name.as_str().into()],
                    )
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(count)
    }

    /// This node is alive, and would lead. To be said before leases are renewed: then it never seems to live longer than they do.
    pub(crate) async fn join(&self, length: Duration) -> Result<(), Error> {
        let statement = format!(
            "INSERT INTO nodes (name, address, expires_at) VALUES ($1, $2, {} + $3) \
             ON CONFLICT (name) DO UPDATE SET address = excluded.address, expires_at = excluded.expires_at",
            self.database.clock()
        );
        self.ask(&statement, &[self.me(), self.address.as_str().into(), microseconds(length).into()]).await.map(drop)
    }

    /// This node does not want to lead any more.
    pub(crate) async fn leave(&self) -> Result<(), Error> {
        self.ask("DELETE FROM nodes WHERE name = $1", &[self.me()]).await.map(drop)
    }

    /// Renews all leases of this node, also expired ones that no other node has claimed. Returns names and epochs.
    pub(crate) async fn renew(&self, length: Duration) -> Result<Vec<(String, i64)>, Error> {
        let statement =
            format!("UPDATE leases SET expires_at = {} + $2 WHERE owner = $1 RETURNING name, epoch", self.database.clock());
        let rows = self.ask(&statement, &[self.me(), microseconds(length).into()]).await?;
        rows.into_iter().map(|mut row| Ok((row.text()?, row.integer()?))).collect()
    }

    /// Everything there is to see.
    pub(crate) async fn view(&self) -> Result<View, Error> {
        let clock = self.database.clock();
        let statement = format!(
            "SELECT {clock}, 1, name, owner, address, epoch, expires_at FROM leases \
             UNION ALL SELECT {clock}, 0, name, '', address, 0, expires_at FROM nodes ORDER BY 3"
        );
        let mut view = View::default();
        for mut row in self.ask(&statement, &[]).await? {
            let (now, is_lease) = (row.integer()?, row.integer()? == 1);
            let lease = Lease {
                name: row.text()?,
                owner: row.text()?,
                address: row.text()?,
                epoch: row.integer()?,
                expires_at: row.integer()?,
            };
            view.now = view.now.max(now);
            if is_lease {
                view.leases.push(lease);
            } else if lease.expires_at > now {
                view.nodes.insert(lease.name);
            }
        }
        Ok(view)
    }

    /// Claims a lease that was seen free at this epoch. Returns its new epoch; none where somebody else was first.
    pub(crate) async fn claim(&self, lease: &str, epoch: i64, length: Duration) -> Result<Option<i64>, Error> {
        let clock = self.database.clock();
        let statement = format!(
            "UPDATE leases SET owner = $1, address = $2, epoch = epoch + 1, expires_at = {clock} + $3 \
             WHERE name = $4 AND epoch = $5 AND expires_at <= {clock} RETURNING epoch"
        );
        let parameters = [self.me(), self.address.as_str().into(), microseconds(length).into(), lease.into(), epoch.into()];
        let rows = self.ask(&statement, &parameters).await?;
        let claimed = rows.into_iter().next().map(|mut row| row.integer()).transpose()?;
        debug_assert!(claimed.is_none_or(|claimed| claimed == epoch + 1), "{lease} was claimed at {epoch} and is at {claimed:?}");
        Ok(claimed)
    }

    /// Gives a lease up at once.
    pub(crate) async fn give_up(&self, lease: &str) -> Result<(), Error> {
        let statement = "UPDATE leases SET owner = '', address = '', expires_at = 0 WHERE name = $1 AND owner = $2";
        self.ask(statement, &[lease.into(), self.me()]).await.map(drop)
    }

    /// Notifies the other nodes.
    pub(crate) async fn tell(&self) -> Result<(), Error> {
        self.database.tell(CHANNEL).await
    }

    fn me(&self) -> Value {
        self.name.as_str().into()
    }
}

fn first(rows: Vec<Row>) -> Result<Row, Error> {
    rows.into_iter().next().ok_or_else(|| Error::Row("no row".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, databases};

    #[tokio::test]
    async fn a_lease_outlasts_a_slow_renewal() {
        for Scratch { database, .. } in databases(true).await {
            let store = Store::new(database, "a".to_owned(), "a:1".to_owned());
            assert_eq!(store.length(), limits::LEASE, "nothing is known yet");
            // 300 ms each way, all at once.
            (0..3).for_each(|_| store.distance.note(Duration::from_millis(600)));
            let (round, pause) = (store.distance() * 3, limits::LEASE_ROUND);
            assert!(store.length() - limits::LEASE_MARGIN > round + pause, "a renewal is here before the last one has run out");
            (0..50).for_each(|_| store.distance.note(Duration::from_secs(60)));
            assert_eq!(store.length(), limits::LEASE_LONGEST, "whoever has died is still replaced in time");
        }
    }
}

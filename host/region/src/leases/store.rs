//! The statements about leases. Each stands alone and locks for no longer than it runs: a node that stops between two of them holds nobody up.

use crate::database::{Database, Error, Purpose, Row, Value, microseconds};
use crate::leases::decide::{Lease, RUNNER, View};
use crate::limits;

/// Where nodes tell each other that leases have changed hands.
pub(crate) const CHANNEL: &str = "marquee_leases";

/// The tables `leases` and `nodes`, for one node.
pub(crate) struct Store {
    source: Database,
    /// Its own connection, so that no snapshot or sequencer keeps a renewal waiting.
    database: Database,
    name: String,
    address: String,
}

/// The name of a partition's lease.
pub(crate) fn partition(number: usize) -> String {
    format!("partition-{number}")
}

impl Store {
    pub(crate) fn new(source: Database, name: String, address: String) -> Self {
        let database = source.apart();
        Self { source, database, name, address }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// After a failure: whatever is on the way there, nothing more is asked through it.
    pub(crate) fn reconnect(&mut self) {
        self.database = self.source.apart();
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
    pub(crate) async fn join(&self) -> Result<(), Error> {
        let statement = format!(
            "INSERT INTO nodes (name, address, expires_at) VALUES ($1, $2, {} + $3) \
             ON CONFLICT (name) DO UPDATE SET address = excluded.address, expires_at = excluded.expires_at",
            self.database.clock()
        );
        self.database.ask(&statement, &[self.me(), self.address.as_str().into(), length()]).await.map(drop)
    }

    /// This node does not want to lead any more.
    pub(crate) async fn leave(&self) -> Result<(), Error> {
        self.database.ask("DELETE FROM nodes WHERE name = $1", &[self.me()]).await.map(drop)
    }

    /// Renews all that this node holds, also what has run out and nobody has claimed. Returns names and epochs.
    pub(crate) async fn renew(&self) -> Result<Vec<(String, i64)>, Error> {
        let statement =
            format!("UPDATE leases SET expires_at = {} + $2 WHERE owner = $1 RETURNING name, epoch", self.database.clock());
        let rows = self.database.ask(&statement, &[self.me(), length()]).await?;
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
        for mut row in self.database.ask(&statement, &[]).await? {
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
    pub(crate) async fn claim(&self, lease: &str, epoch: i64) -> Result<Option<i64>, Error> {
        let clock = self.database.clock();
        let statement = format!(
            "UPDATE leases SET owner = $1, address = $2, epoch = epoch + 1, expires_at = {clock} + $3 \
             WHERE name = $4 AND epoch = $5 AND expires_at <= {clock} RETURNING epoch"
        );
        let parameters = [self.me(), self.address.as_str().into(), length(), lease.into(), epoch.into()];
        let rows = self.database.ask(&statement, &parameters).await?;
        rows.into_iter().next().map(|mut row| row.integer()).transpose()
    }

    /// Gives a lease up at once.
    pub(crate) async fn give_up(&self, lease: &str) -> Result<(), Error> {
        let statement = "UPDATE leases SET owner = '', address = '', expires_at = 0 WHERE name = $1 AND owner = $2";
        self.database.ask(statement, &[lease.into(), self.me()]).await.map(drop)
    }

    /// Tells the other nodes to look.
    pub(crate) async fn tell(&self) -> Result<(), Error> {
        self.database.tell(CHANNEL).await
    }

    fn me(&self) -> Value {
        self.name.as_str().into()
    }
}

fn length() -> Value {
    microseconds(limits::LEASE).into()
}

fn first(rows: Vec<Row>) -> Result<Row, Error> {
    rows.into_iter().next().ok_or_else(|| Error::Row("no row".to_owned()))
}

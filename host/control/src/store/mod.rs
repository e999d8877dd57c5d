//! The control plane's tables in Postgres.
//!
//! Every change of what nodes are to do goes through [`Store::swap`], which locks the one row of `control_lease` first and does nothing where its epoch or
//! revision is no longer what the change was made from. So an instance that was thought dead changes nothing, and of two people who act at once one hears
//! that the other was first.

mod postgres;
mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use rollout::protocol::{ReleaseId, Stamp};
use sqlx::Row as _;

use crate::declarations::{Declaration, Declared};
use crate::error::Error;
use crate::limits;
pub(crate) use postgres::Store;
use postgres::{Transaction, number, unsigned};
pub(crate) use rows::{AuditEntry, AuditRow, Lease, NewRelease, NodeRow, ReleaseRow, RolloutRow, Snapshot};

/// Milliseconds since the Unix epoch, by the database's clock.
const CLOCK: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT";
/// Everything about a rollout, in the order in which [`RolloutRow`] reads it.
const ROLLOUT: &str = "release, state, revision, ended, began_at, began_by, changed_at";

/// What is to become of a rollout.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What it was made from.
    pub(crate) from: Stamp,
    /// The rollout, and the revision of its row that it was made from.
    pub(crate) release: ReleaseId,
    /// See [`Self::release`].
    pub(crate) revision: u64,
    /// What it is now, JSON.
    pub(crate) state: String,
    /// Whether nothing happens to it any more unless somebody wants it.
    pub(crate) ended: bool,
    /// Whether any node is to do something else than before.
    pub(crate) desired: bool,
    /// What the audit log says of it.
    pub(crate) audit: Vec<AuditEntry>,
}

impl Store {
    /// What holds now, in one view.
    pub(crate) async fn look(&self) -> Result<Snapshot, Error> {
        let statement = format!(
            "SELECT l.holder, l.epoch, l.revision AS desired, l.expires_at, {CLOCK} AS now, \
             r.release, r.state, r.revision, r.ended, r.began_at, r.began_by, r.changed_at FROM control_lease AS l \
             LEFT JOIN (SELECT * FROM control_rollouts ORDER BY release DESC LIMIT 1) AS r ON TRUE"
        );
        let rows = self.ask(sqlx::query(&statement)).await?;
        let row = rows.first().ok_or_else(|| Error::row("control_lease", "there is none"))?;
        let lease = Lease {
            holder: row.try_get("holder").map_err(postgres::error)?,
            stamp: Stamp { epoch: unsigned(row, "epoch")?, revision: unsigned(row, "desired")? },
            expires_at: unsigned(row, "expires_at")?,
        };
        let there = row.try_get::<Option<i64>, _>("release").map_err(postgres::error)?.is_some();
        let rollout = if there { Some(RolloutRow::read(row)?) } else { None };
        Ok(Snapshot { lease, now: unsigned(row, "now")?, rollout })
    }

    /// Of when the desired state is: what an instance asks often.
    pub(crate) async fn stamp(&self) -> Result<Stamp, Error> {
        let rows = self.ask(sqlx::query("SELECT epoch, revision FROM control_lease")).await?;
        let row = rows.first().ok_or_else(|| Error::row("control_lease", "there is none"))?;
        Ok(Stamp { epoch: unsigned(row, "epoch")?, revision: unsigned(row, "revision")? })
    }

    /// Renews this instance's lease. False: it has none.
    pub(crate) async fn renew(&self, me: &str, epoch: u64) -> Result<bool, Error> {
        let statement =
            format!("UPDATE control_lease SET expires_at = {CLOCK} + $3 WHERE holder = $1 AND epoch = $2 RETURNING epoch");
        let query = sqlx::query(&statement).bind(me).bind(number(epoch)).bind(milliseconds(limits::LEASE));
        Ok(!self.ask(query).await?.is_empty())
    }

    /// Claims the lease if nobody has it. Returns its new epoch. Epochs are seconds of the clock at least: one that begins after the database was restored
    /// from a copy is later than any that the copy does not know.
    pub(crate) async fn claim(&self, me: &str) -> Result<Option<u64>, Error> {
        let mut transaction = self.begin().await?;
        let statement = format!(
            "UPDATE control_lease SET holder = $1, epoch = GREATEST(epoch + 1, {CLOCK} / 1000), expires_at = {CLOCK} + $2 \
             WHERE expires_at <= {CLOCK} RETURNING epoch"
        );
        let rows = transaction.ask(sqlx::query(&statement).bind(me).bind(milliseconds(limits::LEASE))).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let epoch = unsigned(row, "epoch")?;
        audit(&mut transaction, &AuditEntry::new(me, "acts", "", format!("epoch {epoch}"))).await?;
        transaction.commit().await?;
        Ok(Some(epoch))
    }

    /// Gives this instance's lease up, so that another acts at once.
    pub(crate) async fn give_up(&self, me: &str) -> Result<(), Error> {
        self.ask(sqlx::query("UPDATE control_lease SET holder = '', expires_at = 0 WHERE holder = $1").bind(me)).await.map(drop)
    }

    /// Makes a change. False: something else was changed meanwhile, and nothing was done.
    pub(crate) async fn swap(&self, change: &Change) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        if !lock(&mut transaction, change.from, change.desired).await? {
            return Ok(false);
        }
        let statement = format!(
            "UPDATE control_rollouts SET state = $3, ended = $4, revision = revision + 1, changed_at = {CLOCK} \
             WHERE release = $1 AND revision = $2 RETURNING revision"
        );
        let query = sqlx::query(&statement).bind(number(change.release.0)).bind(number(change.revision));
        let rows = transaction.ask(query.bind(change.state.clone()).bind(change.ended)).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        debug_assert_eq!(unsigned(row, "revision").ok(), Some(change.revision + 1), "a row's revision counts its changes");
        for entry in &change.audit {
            audit(&mut transaction, entry).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The number of the next release. One that is not used is used by nobody.
    pub(crate) async fn next_release(&self) -> Result<ReleaseId, Error> {
        let rows = self.ask(sqlx::query("SELECT NEXTVAL('control_release_ids') AS id")).await?;
        let row = rows.first().ok_or_else(|| Error::row("control_release_ids", "there is none"))?;
        Ok(ReleaseId(unsigned(row, "id")?))
    }

    /// Writes down a release and its rollout. False: something was changed meanwhile, and nothing was done.
    pub(crate) async fn begin_rollout(&self, new: &NewRelease, from: Stamp, entry: &AuditEntry) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        if !lock(&mut transaction, from, true).await? {
            return Ok(false);
        }
        let statement = format!(
            "INSERT INTO control_releases (id, application, version, release, contents, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, {CLOCK}, $6)"
        );
        let id = number(new.id.0);
        let query = sqlx::query(&statement).bind(id).bind(new.application.clone()).bind(new.version.clone());
        transaction.ask(query.bind(new.release.clone()).bind(new.contents.clone()).bind(new.by.clone())).await?;
        let statement = format!(
            "INSERT INTO control_rollouts (release, state, revision, ended, began_at, began_by, changed_at) \
             VALUES ($1, $2, 1, FALSE, {CLOCK}, $3, {CLOCK})"
        );
        transaction.ask(sqlx::query(&statement).bind(id).bind(new.state.clone()).bind(new.by.clone())).await?;
        if let Some(declaration) = &new.declaration {
            declare(&mut transaction, declaration, new.id).await?;
        }
        audit(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// What an object has had deployed last.
    pub(crate) async fn declared(&self, object: &str) -> Result<Option<Declared>, Error> {
        let statement = "SELECT generation, want, release, paused FROM control_declarations WHERE object = $1 \
             ORDER BY generation DESC LIMIT 1";
        let rows = self.ask(sqlx::query(statement).bind(object)).await?;
        rows.first().map(Declared::read).transpose()
    }

    /// Writes down that what an object wants is this release, which is there already. What is written down of the same generation stays.
    pub(crate) async fn adopt(&self, declaration: &Declaration, release: ReleaseId) -> Result<Declared, Error> {
        let mut transaction = self.begin().await?;
        declare(&mut transaction, declaration, release).await?;
        transaction.commit().await?;
        let known = self.declared(&declaration.object).await?;
        known.ok_or_else(|| Error::row("control_declarations", "the new one is not there"))
    }

    /// Notes what an object has had said of its rollout.
    pub(crate) async fn note_paused(&self, object: &str, generation: u64, paused: bool) -> Result<(), Error> {
        let statement = "UPDATE control_declarations SET paused = $3 WHERE object = $1 AND generation = $2";
        self.ask(sqlx::query(statement).bind(object).bind(number(generation)).bind(paused)).await.map(drop)
    }

    /// A release.
    pub(crate) async fn release(&self, id: ReleaseId) -> Result<Option<ReleaseRow>, Error> {
        let statement =
            "SELECT id, application, version, release, contents, created_at, created_by FROM control_releases WHERE id = $1";
        let rows = self.ask(sqlx::query(statement).bind(number(id.0))).await?;
        rows.first().map(ReleaseRow::read).transpose()
    }

    /// A rollout.
    pub(crate) async fn rollout(&self, id: ReleaseId) -> Result<Option<RolloutRow>, Error> {
        let statement = format!("SELECT {ROLLOUT} FROM control_rollouts WHERE release = $1");
        let rows = self.ask(sqlx::query(&statement).bind(number(id.0))).await?;
        rows.first().map(RolloutRow::read).transpose()
    }

    /// The last rollouts, the latest first, below this one.
    pub(crate) async fn rollouts(&self, below: u64, limit: i64) -> Result<Vec<RolloutRow>, Error> {
        let statement = format!("SELECT {ROLLOUT} FROM control_rollouts WHERE release < $1 ORDER BY release DESC LIMIT $2");
        let rows = self.ask(sqlx::query(&statement).bind(number(below)).bind(limit)).await?;
        rows.iter().map(RolloutRow::read).collect()
    }

    /// Writes down what nodes have reported: each node, its report, and how long ago that was. What is there and later stays.
    pub(crate) async fn write_reports(&self, reports: &[(String, String, Duration)]) -> Result<(), Error> {
        if reports.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "INSERT INTO control_nodes (node, report, seen_at) \
             SELECT node, report, {CLOCK} - age FROM UNNEST($1::TEXT[], $2::TEXT[], $3::BIGINT[]) AS heard (node, report, age) \
             WHERE EXISTS (SELECT 1 FROM control_nodes AS known WHERE known.node = heard.node) \
                 OR (SELECT COUNT(*) FROM control_nodes) < $4 \
             ON CONFLICT (node) DO UPDATE SET report = excluded.report, seen_at = excluded.seen_at \
             WHERE control_nodes.seen_at <= excluded.seen_at"
        );
        let nodes: Vec<String> = reports.iter().map(|(node, ..)| node.clone()).collect();
        let texts: Vec<String> = reports.iter().map(|(_, report, _)| report.clone()).collect();
        let ages: Vec<i64> = reports.iter().map(|(.., age)| milliseconds(*age)).collect();
        self.ask(
            sqlx::query(&statement).bind(nodes).bind(texts).bind(ages).bind(i64::try_from(limits::NODES).unwrap_or(i64::MAX)),
        )
        .await
        .map(drop)
    }

    /// All nodes, with the time that it is.
    pub(crate) async fn nodes(&self) -> Result<(Vec<NodeRow>, u64), Error> {
        let statement = format!(
            "SELECT {CLOCK} AS now, node, report, seen_at FROM (SELECT 1) AS one LEFT JOIN control_nodes ON TRUE ORDER BY node"
        );
        let rows = self.ask(sqlx::query(&statement)).await?;
        let now = rows.first().map(|row| unsigned(row, "now")).transpose()?.unwrap_or_default();
        let nodes = rows.iter().filter_map(|row| NodeRow::read(row).transpose()).collect::<Result<_, _>>()?;
        Ok((nodes, now))
    }

    /// When each node was last heard of, with the time that it is.
    pub(crate) async fn seen(&self) -> Result<(BTreeMap<String, u64>, u64), Error> {
        let statement = format!("SELECT {CLOCK} AS now, node, seen_at FROM (SELECT 1) AS one LEFT JOIN control_nodes ON TRUE");
        let rows = self.ask(sqlx::query(&statement)).await?;
        let now = rows.first().map(|row| unsigned(row, "now")).transpose()?.unwrap_or_default();
        let mut seen = BTreeMap::new();
        for row in &rows {
            if let Some(node) = row.try_get::<Option<String>, _>("node").map_err(postgres::error)? {
                seen.insert(node, unsigned(row, "seen_at")?);
            }
        }
        Ok((seen, now))
    }

    /// These nodes, as far as they are known.
    pub(crate) async fn nodes_called(&self, names: &[String]) -> Result<Vec<NodeRow>, Error> {
        let statement = "SELECT node, report, seen_at FROM control_nodes WHERE node = ANY($1)";
        let rows = self.ask(sqlx::query(statement).bind(names.to_vec())).await?;
        rows.iter().filter_map(|row| NodeRow::read(row).transpose()).collect()
    }

    /// Forgets a node. False: it is not known.
    pub(crate) async fn forget_node(&self, node: &str, entry: &AuditEntry) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let rows = transaction.ask(sqlx::query("DELETE FROM control_nodes WHERE node = $1 RETURNING node").bind(node)).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        audit(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The audit log, the latest first, below this entry.
    pub(crate) async fn audit_log(&self, below: u64, limit: i64) -> Result<Vec<AuditRow>, Error> {
        let statement = "SELECT id, at, who, what, subject, detail FROM control_audit WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let rows = self.ask(sqlx::query(statement).bind(number(below)).bind(limit)).await?;
        rows.iter().map(AuditRow::read).collect()
    }
}

/// Locks the row that every change goes through, if it still is what the change was made from.
async fn lock(transaction: &mut Transaction, from: Stamp, desired: bool) -> Result<bool, Error> {
    let statement = "UPDATE control_lease SET revision = revision + $3 WHERE epoch = $1 AND revision = $2 RETURNING revision";
    let query = sqlx::query(statement).bind(number(from.epoch)).bind(number(from.revision)).bind(i64::from(desired));
    Ok(!transaction.ask(query).await?.is_empty())
}

async fn declare(transaction: &mut Transaction, declaration: &Declaration, release: ReleaseId) -> Result<(), Error> {
    let statement = "INSERT INTO control_declarations (object, generation, want, release, paused) VALUES ($1, $2, $3, $4, FALSE) \
         ON CONFLICT (object, generation) DO NOTHING";
    let Declaration { object, generation, want, .. } = declaration;
    let query = sqlx::query(statement).bind(object.clone()).bind(number(*generation)).bind(want.clone());
    transaction.ask(query.bind(number(release.0))).await.map(drop)
}

async fn audit(transaction: &mut Transaction, entry: &AuditEntry) -> Result<(), Error> {
    let statement = format!("INSERT INTO control_audit (at, who, what, subject, detail) VALUES ({CLOCK}, $1, $2, $3, $4)");
    let AuditEntry { who, what, subject, detail } = entry;
    let query = sqlx::query(&statement).bind(who.clone()).bind(what.clone()).bind(subject.clone()).bind(detail.clone());
    transaction.ask(query).await.map(drop)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

//! Rows, as the rest of the crate knows them.

use rollout::protocol::{Release, ReleaseId, Report, Stamp};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::postgres::{error, unsigned};
use crate::artifacts::Contents;
use crate::declarations::{Declaration, Declared};
use crate::error::Error;
use crate::limits;

/// Who acts, and of when the desired state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The instance; empty: nobody.
    pub(crate) holder: String,
    pub(crate) stamp: Stamp,
    pub(crate) expires_at: u64,
}

/// What holds at a time.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) lease: Lease,
    /// The time, by the database's clock.
    pub(crate) now: u64,
    /// The last rollout.
    pub(crate) rollout: Option<RolloutRow>,
}

/// How a release reaches the fleet.
#[derive(Clone, Debug)]
pub(crate) struct RolloutRow {
    pub(crate) release: ReleaseId,
    pub(crate) state: rollout::machine::Rollout,
    pub(crate) revision: u64,
    pub(crate) ended: bool,
    pub(crate) began_at: u64,
    pub(crate) began_by: String,
    pub(crate) changed_at: u64,
}

impl RolloutRow {
    pub(super) fn read(row: &PgRow) -> Result<Self, Error> {
        let text: String = row.try_get("state").map_err(error)?;
        Ok(Self {
            release: ReleaseId(unsigned(row, "release")?),
            state: serde_json::from_str(&text).map_err(|reason| Error::row("control_rollouts", reason))?,
            revision: unsigned(row, "revision")?,
            ended: row.try_get("ended").map_err(error)?,
            began_at: unsigned(row, "began_at")?,
            began_by: row.try_get("began_by").map_err(error)?,
            changed_at: unsigned(row, "changed_at")?,
        })
    }
}

/// A release that is to be written down, with the rollout that brings it.
#[derive(Clone, Debug)]
pub(crate) struct NewRelease {
    pub(crate) id: ReleaseId,
    pub(crate) application: String,
    pub(crate) version: String,
    /// JSON.
    pub(crate) release: String,
    /// JSON.
    pub(crate) contents: String,
    /// The rollout, JSON.
    pub(crate) state: String,
    pub(crate) by: String,
    /// Of the object that wants it.
    pub(crate) declaration: Option<Declaration>,
}

impl Declared {
    pub(super) fn read(row: &PgRow) -> Result<Self, Error> {
        Ok(Self {
            generation: unsigned(row, "generation")?,
            want: row.try_get("want").map_err(error)?,
            release: ReleaseId(unsigned(row, "release")?),
            paused: row.try_get("paused").map_err(error)?,
        })
    }
}

/// A version with its configuration.
#[derive(Clone, Debug)]
pub(crate) struct ReleaseRow {
    pub(crate) application: String,
    pub(crate) version: String,
    pub(crate) release: Release,
    pub(crate) contents: Contents,
    pub(crate) created_at: u64,
    pub(crate) created_by: String,
}

impl ReleaseRow {
    pub(super) fn read(row: &PgRow) -> Result<Self, Error> {
        let (release, contents): (String, String) =
            (row.try_get("release").map_err(error)?, row.try_get("contents").map_err(error)?);
        let read: Self = Self {
            application: row.try_get("application").map_err(error)?,
            version: row.try_get("version").map_err(error)?,
            release: serde_json::from_str(&release).map_err(|reason| Error::row("control_releases", reason))?,
            contents: serde_json::from_str(&contents).map_err(|reason| Error::row("control_releases", reason))?,
            created_at: unsigned(row, "created_at")?,
            created_by: row.try_get("created_by").map_err(error)?,
        };
        debug_assert_eq!(Some(read.release.id.0), unsigned(row, "id").ok(), "a release is called as its row");
        Ok(read)
    }
}

/// What a node has reported last.
#[derive(Clone, Debug)]
pub(crate) struct NodeRow {
    pub(crate) node: String,
    pub(crate) report: Report,
    pub(crate) seen_at: u64,
}

impl NodeRow {
    /// None where there is no node, or where another version of this program has written what this one cannot read: the node reports again soon.
    pub(super) fn read(row: &PgRow) -> Result<Option<Self>, Error> {
        let Some(node) = row.try_get::<Option<String>, _>("node").map_err(error)? else { return Ok(None) };
        let text: String = row.try_get("report").map_err(error)?;
        match serde_json::from_str(&text) {
            Ok(report) => Ok(Some(Self { node, report, seen_at: unsigned(row, "seen_at")? })),
            Err(error) => {
                tracing::warn!(node, %error, "a stored report cannot be read: the node counts as unknown until it reports again");
                Ok(None)
            }
        }
    }
}

/// What the audit log is to say.
#[derive(Clone, Debug)]
pub(crate) struct AuditEntry {
    /// A token's name, or an instance.
    pub(crate) who: String,
    /// What they did.
    pub(crate) what: String,
    /// To what.
    pub(crate) subject: String,
    /// What there is to say of it.
    pub(crate) detail: String,
}

impl AuditEntry {
    pub(crate) fn new(who: &str, what: impl Into<String>, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(limits::AUDIT_BYTES));
        Self { who: who.to_owned(), what: what.into(), subject: subject.into(), detail }
    }
}

/// What the audit log says.
#[derive(Clone, Debug)]
pub(crate) struct AuditRow {
    pub(crate) id: u64,
    pub(crate) at: u64,
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) subject: String,
    pub(crate) detail: String,
}

impl AuditRow {
    pub(super) fn read(row: &PgRow) -> Result<Self, Error> {
        Ok(Self {
            id: unsigned(row, "id")?,
            at: unsigned(row, "at")?,
            who: row.try_get("who").map_err(error)?,
            what: row.try_get("what").map_err(error)?,
            subject: row.try_get("subject").map_err(error)?,
            detail: row.try_get("detail").map_err(error)?,
        })
    }
}

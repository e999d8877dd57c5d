//! Writes down in the region's database how a node is, for admins who look at the region through its API.
//!
//! It says what the admin listener says, which nobody but operators reaches. What needs to be known at once is asked there; here it is a few seconds old.

use std::sync::Arc;
use std::time::Duration;

use region::Database;
use region::database::Error;
use telemetry::{Health, Metrics};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::limits;

/// Says how a node is, again and again.
pub struct Reporter {
    /// Of the region.
    pub database: Database,
    /// The node's name, as its file or `up` says.
    pub name: String,
    /// What it runs as: `up`, `region` or `worker`.
    pub role: &'static str,
    pub health: Health,
    pub metrics: Arc<Metrics>,
}

impl Reporter {
    /// Reports every [`limits::REPORT`] until `stop`, and then takes its report back: who stopped as asked is not missing.
    pub async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            match timeout(limits::REPORT, self.report()).await {
                Ok(Ok(())) => failing = false,
                outcome => {
                    // Once: the node's own checks say what is wrong with the database.
                    if !failing && let Ok(Err(error)) = outcome {
                        tracing::warn!(%error, "could not write down how this node is; admins see its last report");
                    }
                    failing = true;
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(limits::REPORT) => {}
            }
        }
        // An unreachable database does not delay the stop.
        _ = timeout(limits::LAST_REPORT, self.withdraw()).await;
    }

    async fn report(&self) -> Result<(), Error> {
        let clock = self.database.clock();
        let json = |value: serde_json::Result<String>| value.map_err(|error| Error::Row(error.to_string()));
        let checks = json(serde_json::to_string(&self.health.lines()))?;
        let breakers = json(serde_json::to_string(&self.metrics.breakers().lines()))?;
        // In quotes, as it is in JSON.
        let status = json(serde_json::to_string(&self.health.overall()))?;
        let statement = format!(
            "INSERT INTO node_reports (name, role, version, status, checks, breakers, started_at, reported_at) \
             VALUES ($1, $2, $3, $4, $5, $6, {clock} - $7, {clock}) ON CONFLICT (name) DO UPDATE SET role = excluded.role, \
             version = excluded.version, status = excluded.status, checks = excluded.checks, breakers = excluded.breakers, \
             started_at = excluded.started_at, reported_at = excluded.reported_at"
        );
        let parameters = [
            self.name.as_str().into(),
            self.role.into(),
            env!("CARGO_PKG_VERSION").into(),
            status.trim_matches('"').into(),
            checks.as_str().into(),
            breakers.as_str().into(),
            microseconds(self.health.uptime()).into(),
        ];
        self.database.ask(&statement, &parameters).await?;
        let statement = format!("DELETE FROM node_reports WHERE reported_at < {clock} - $1");
        self.database.ask(&statement, &[microseconds(limits::REPORT_KEPT).into()]).await.map(drop)
    }

    async fn withdraw(&self) -> Result<(), Error> {
        self.database.ask("DELETE FROM node_reports WHERE name = $1", &[self.name.as_str().into()]).await.map(drop)
    }
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

//! How a region is: its nodes as they last reported, who leads what, and what waits.

use crate::status::{self, Status};
use crate::{admins_only, limits};
use kit::sql::{Error, Tx};
use kit::{Answer, Problem, Request, Response, claims, config, params, query, sql, time};
use serde::Serialize;
use serde_json::{Value as Json, json};

kit::row! {
    struct NodeRow {
        name: String,
        role: String,
        version: String,
        status: String,
        checks: String,
        breakers: String,
        started_at: i64,
        reported_at: i64,
    }
}

/// A node of the region that has its database, as it last said.
#[derive(Debug, Serialize)]
struct Node {
    name: String,
    role: String,
    version: String,
    /// Its own word; `silent` where it has said nothing for a while.
    status: String,
    checks: Json,
    breakers: Json,
    started_at: String,
    reported_at: String,
}

/// Who leads a partition, or runs what one node runs for all.
#[derive(Debug, Serialize)]
struct Lease {
    name: String,
    /// The life of a node's process; none where nobody holds it.
    owner: Option<String>,
    epoch: i64,
}

/// What waits to be done.
#[derive(Debug, Serialize)]
struct Queues {
    /// Batches of the journal that have no position yet.
    journal: i64,
    /// Mails.
    mail: i64,
    /// Messages to organisers' servers.
    webhooks: i64,
    /// Payments that are looked at again.
    payments: i64,
    refunds: i64,
}

/// How far the audit log has come.
#[derive(Debug, Serialize)]
struct Audit {
    entries: i64,
    /// The last entry that is signed, and when it was; none where nothing is.
    sealed: Option<i64>,
    sealed_at: Option<String>,
}

/// A region.
#[derive(Debug, Serialize)]
pub struct Region {
    id: String,
    /// When this was read.
    created_at: String,
    /// Whether it keeps the accounts.
    accounts: bool,
    nodes: Vec<Node>,
    leases: Vec<Lease>,
    queues: Queues,
    audit: Audit,
    journal: Status,
}

/// `GET /api/regions`: a list of one, which the host merges with other regions'.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    query::read(&request, |_| ())?;
    let name = config::region().await?;
    let accounts = config::accounts_elsewhere().await?.is_none();
    let mut tx = sql::read().await?;
    admins_only(&mut tx, &claims.subject).await?;
    let region = region(&mut tx, name, accounts).await?;
    tx.rollback().await?;
    Ok(Response::json(200, &json!({ "items": [region], "next_cursor": null }))?.header("cache-control", "private, no-store"))
}

/// As it is now.
pub async fn region(tx: &mut Tx, name: String, accounts: bool) -> Result<Region, Problem> {
    let now = tx.now();
    let nodes: Vec<NodeRow> = tx
        .all(
            "SELECT name, role, version, status, checks, breakers, started_at, reported_at FROM node_reports ORDER BY name LIMIT $1",
            params![limits::NODES],
        )
        .await?;
    let nodes = nodes.into_iter().map(|row| node(row, now)).collect::<Result<_, _>>()?;
    let leases: Vec<(String, String, i64, i64)> =
        tx.all("SELECT name, owner, epoch, expires_at FROM leases ORDER BY name LIMIT $1", params![limits::LEASES]).await?;
    let lease = |(name, owner, epoch, expires_at): (String, String, i64, i64)| Lease {
        name,
        owner: (expires_at > now && !owner.is_empty()).then_some(owner),
        epoch,
    };
    let leases = leases.into_iter().map(lease).collect();
    let queues = Queues {
        journal: count(tx, "journal_batches WHERE position IS NULL").await?,
        mail: count(tx, "mail_log WHERE state = 'due'").await?,
        webhooks: count(tx, "webhook_deliveries WHERE state = 'due'").await?,
        payments: count(tx, "payments WHERE due_at IS NOT NULL").await?,
        refunds: count(tx, "refunds WHERE status = 'due'").await?,
    };
    let entries: Option<(i64,)> = tx.one("SELECT sequence FROM audit_heads WHERE region = $1", params![&name]).await?;
    let seal = "SELECT sequence, at FROM audit_seals WHERE region = $1 ORDER BY sequence DESC LIMIT 1";
    let sealed: Option<(i64, i64)> = tx.one(seal, params![&name]).await?;
    let audit = Audit {
        entries: entries.map_or(0, |(entries,)| entries),
        sealed: sealed.map(|(sequence, _)| sequence),
        sealed_at: sealed.map(|(_, at)| time::format(at)),
    };
    let journal = status::status(tx, name.clone()).await?;
    Ok(Region { id: name, created_at: time::format(now), accounts, nodes, leases, queues, audit, journal })
}

fn node(row: NodeRow, now: i64) -> Result<Node, Problem> {
    let NodeRow { name, role, version, status, checks, breakers, started_at, reported_at } = row;
    let json = |text: &str| {
        serde_json::from_str(text).map_err(|error| Problem::internal(format_args!("the report of {name} is not JSON: {error}")))
    };
    let (checks, breakers) = (json(&checks)?, json(&breakers)?);
    let status = if reported_at < now - limits::SILENT { "silent".to_owned() } else { status };
    let (started_at, reported_at) = (time::format(started_at), time::format(reported_at));
    Ok(Node { name, role, version, status, checks, breakers, started_at, reported_at })
}

/// Rows, up to a bound: beyond it only that there are many matters.
async fn count(tx: &mut Tx, of: &str) -> Result<i64, Error> {
    let statement = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {of} LIMIT $1) AS waiting");
    Ok(tx.one::<(i64,)>(&statement, params![limits::COUNTED]).await?.map_or(0, |(count,)| count))
}

//! One look at the fleet.

use std::collections::{BTreeMap, btree_map};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::documents::{Entry, Node, Release, Status};
use crate::{Api, Refusal, limits};

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub status: Status,
    /// As it was answered.
    pub raw: Value,
    /// Those in trouble first.
    pub nodes: Vec<Node>,
    /// The newest first; none: the token is not of an admin.
    pub audit: Option<Vec<Entry>>,
    /// Versions of releases.
    pub versions: BTreeMap<u64, String>,
}

impl Seen {
    /// What a release is called.
    pub fn named(&self, release: u64) -> String {
        let version = self.versions.get(&release).filter(|version| !version.is_empty());
        version.map_or_else(|| format!("release {release}"), |version| format!("release {release} ({version})"))
    }
}

/// Looks. `before`: what was seen last, of which the versions still hold.
pub async fn look(api: &dyn Api, before: &Seen) -> Result<Seen, Refusal> {
    let raw = api.get("v1/status").await?;
    let status: Status = read(raw.clone())?;
    let mut nodes: Vec<Node> = list(api.get("v1/nodes").await?, "nodes")?;
    nodes.sort_by_cached_key(|node| (rank(&node.state.0), node.node.0.clone()));
    let audit = if status.you.role.0 == "admin" {
        Some(list(api.get(&format!("v1/audit?limit={}", limits::AUDIT)).await?, "entries")?)
    } else {
        None
    };
    let mut versions = before.versions.clone();
    if versions.len() >= limits::RELEASES {
        versions.clear();
    }
    let mut releases = Vec::new();
    if let Some(rollout) = &status.rollout {
        releases.extend([rollout.new.release].into_iter().chain(rollout.old.as_ref().map(|old| old.release)));
    }
    for release in releases {
        if let btree_map::Entry::Vacant(unknown) = versions.entry(release) {
            let of: Release = read(api.get(&format!("v1/releases/{release}")).await?)?;
            unknown.insert(of.version.0);
        }
    }
    Ok(Seen { status, raw, nodes, audit, versions })
}

/// Trouble first.
fn rank(state: &str) -> u8 {
    match state {
        "failed" => 0,
        "away" => 1,
        "switching" => 2,
        _ => 3,
    }
}

fn read<T: DeserializeOwned>(document: Value) -> Result<T, Refusal> {
    let other = |error| Refusal { status: None, reason: format!("what answers is no control plane of this version: {error}") };
    serde_json::from_value(document).map_err(other)
}

fn list<T: DeserializeOwned>(mut document: Value, name: &str) -> Result<Vec<T>, Refusal> {
    read(document.get_mut(name).map(Value::take).unwrap_or_default())
}

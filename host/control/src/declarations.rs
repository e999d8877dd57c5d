//! What programs in the same process ask on behalf of objects that declare what the fleet is to run: the same checks and the same audit log as people's
//! requests have. What an object declares is begun once, whichever instance dies meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use artifact::Reference;
use rollout::machine::{Rollout, Verb};
use rollout::protocol::{ReleaseId, Value};
use tokio::sync::watch;

use crate::conditions;
use crate::control::{Control, Desired};
use crate::deploy::{self, Deployment};
use crate::error::Error;
use crate::people::{Caller, Problem, Role};
use crate::store::RolloutRow;

/// What an object declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The object; another one of the same name is another.
    pub object: String,
    /// Counts up with each change of the object.
    pub generation: u64,
    /// A digest of what is to be deployed: a change of anything else begins nothing.
    pub want: String,
    /// The version, by digest.
    pub reference: String,
    /// Values of its variables.
    pub variables: BTreeMap<String, Value>,
    /// How, TOML.
    pub plan: String,
}

/// What an object has had deployed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The object's generation then.
    pub generation: u64,
    /// See [`Declaration::want`].
    pub want: String,
    /// What it became.
    pub release: ReleaseId,
    /// What the object has last had said: true is pause, false is resume.
    pub paused: bool,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Whether it will be done once something passes, and nobody need change what was asked for.
    pub may_pass: bool,
    /// In sentences.
    pub reason: String,
}

/// How the fleet is.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The last rollout.
    pub last: Option<Last>,
    /// Nodes that are known.
    pub known: usize,
    /// Those of them that have not been heard of for a while.
    pub away: usize,
    /// Those that are there and are not yet as they are to be.
    pub drifting: usize,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
}

/// The last rollout.
#[derive(Clone, Debug)]
pub struct Last {
    /// Its name, which is that of the release that it brings.
    pub release: ReleaseId,
    /// Who began it.
    pub by: String,
    /// How it is.
    pub state: Rollout,
}

/// Word of changes.
#[derive(Debug)]
pub struct Changes(watch::Receiver<Desired>);

impl Changes {
    /// Returns once a rollout has changed since this was asked last.
    pub async fn next(&mut self) {
        // The sender lives as long as the instance does.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Control {
    /// Whether this instance acts, as far as it knows.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.0.acts.load(Ordering::Relaxed) && !self.0.is_cut_off()
    }

    /// What this instance is called, in this life of it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Word of every change of a rollout from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.0.desired.subscribe())
    }

    /// How the fleet is.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn fleet(&self) -> Result<Fleet, Error> {
        let snapshot = self.0.store.look().await?;
        let (nodes, now_ms) = self.0.store.nodes().await?;
        let known = nodes.len();
        let (away, there): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| conditions::is_away(node.seen_at, now_ms));
        let drifting = there.iter().filter(|node| !conditions::drifts(&snapshot, &node.node, &node.report).is_empty()).count();
        let away = away.len();
        let last = snapshot.rollout.map(|row| Last { release: row.release, by: row.began_by, state: row.state });
        Ok(Fleet { last, known, away, drifting, now_ms })
    }

    /// The application's own version in a release.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn version(&self, release: ReleaseId) -> Result<Option<String>, Error> {
        Ok(self.0.store.release(release).await?.map(|row| row.version))
    }

    /// What an object has had deployed last.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn declared(&self, object: &str) -> Result<Option<Declared>, Error> {
        self.0.store.declared(object).await
    }

    /// Begins what an object declares, or finds that it is under way or that nodes have it already. What was begun for this generation, or a later one, is not
    /// begun again. Only the instance that acts begins anything.
    ///
    /// # Errors
    /// Where it cannot be begun, or not now.
    pub async fn declare(&self, who: &str, declaration: &Declaration) -> Result<Declared, Refusal> {
        let shared = &self.0;
        let reference = pinned(&declaration.reference).ok_or_else(|| Refusal {
            may_pass: false,
            reason: "The version is named by its digest: REGISTRY/REPOSITORY@sha256:….".to_owned(),
        })?;
        let snapshot = shared.store.look().await.map_err(Problem::from)?;
        let has = snapshot.rollout.as_ref().and_then(|row| row.state.outcome());
        if let Some(has) = has.filter(|has| has.reference == reference && has.variables == declaration.variables) {
            return Ok(shared.store.adopt(declaration, has.id).await.map_err(Problem::from)?);
        }
        let Declaration { variables, plan, .. } = declaration.clone();
        let deployment = Deployment { reference, variables, plan };
        let (row, begun) = deploy::deploy(shared, &caller(who), deployment, Some(declaration)).await?;
        if begun {
            let Declaration { generation, want, .. } = declaration.clone();
            return Ok(Declared { generation, want, release: row.release, paused: false });
        }
        Ok(shared.store.adopt(declaration, row.release).await.map_err(Problem::from)?)
    }

    /// Says something about the last rollout, at this stage of it if one is named.
    ///
    /// # Errors
    /// Where it does not fit.
    pub async fn say(&self, who: &str, release: ReleaseId, verb: Verb, stage: Option<&str>) -> Result<(), Refusal> {
        Ok(deploy::say(&self.0, &caller(who), release, verb, stage).await.map(|_: RolloutRow| ())?)
    }

    /// Notes what an object has had said, so that somebody else's word is not taken back by the same object.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn note_paused(&self, object: &str, generation: u64, paused: bool) -> Result<(), Error> {
        self.0.store.note_paused(object, generation, paused).await
    }
}

/// An object is an operator.
fn caller(who: &str) -> Caller {
    Caller { name: who.to_owned(), role: Role::Operator }
}

/// A version by its digest alone, as releases have it.
fn pinned(text: &str) -> Option<String> {
    let reference: Reference = text.parse().ok()?;
    Some(reference.at(reference.digest()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_version_is_named_by_its_digest() {
        let digest = format!("sha256:{:064x}", 7);
        let bare = format!("r.example/shop@{digest}");
        assert_eq!(pinned(&bare), Some(bare.clone()));
        assert_eq!(pinned(&format!("r.example/shop:1@{digest}")), Some(bare));
        assert_eq!(pinned("r.example/shop:1"), None);
        assert_eq!(pinned("r.example/shop@sha256:7"), None);
    }
}

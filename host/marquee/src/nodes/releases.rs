//! The releases that a control plane has assigned to this node: fetched, checked, switched to, and counted. It is the node, as its agent needs it.
//!
//! A release is a version from a registry with values of variables. Its artifact is kept in the node's store, beside those that run, as long as it is assigned;
//! what runs has its own instances in each role, and the one before stays ready beside it, so that the way back is as fast as a switch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use agent::{Agent, Host, Refused};
use artifact::{Digest, Place};
use fleet::{Identity, Tls};
use futures::future::BoxFuture;
use manifest::VariableSources;
use rollout::protocol::{Assignment, Counters, FailureKind, NodeDescription, NodeKind, Release, ReleaseId, Schema, Share, Value};
use runtime::{Application, Counts, LoadError, Loader, Mode, Version};
use telemetry::{Health, Metrics, rollouts};
use tokio_util::sync::CancellationToken;

use crate::cli::FromRegistry;
use crate::config::settings::Settings;
use crate::config::{Artifact, ControlPlane};
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::nodes::application::{pulled, store};
use crate::nodes::deployment::ManifestReader;
use crate::nodes::prepared::Prepared;
use crate::nodes::roles::Roles;

/// The agent's folder, in the node's.
const FOLDER: &str = "agent";

/// What it takes to have a release here.
pub struct Fetcher {
    control: ControlPlane,
    /// Who this is.
    node: Identity,
    trusting: Artifact,
    settings: Settings,
    /// Where versions are kept.
    store: PathBuf,
    /// The agent's folder.
    folder: PathBuf,
    read: ManifestReader,
    loader: Arc<Loader>,
    metrics: rollouts::Agent,
}

/// A node's releases.
pub struct Releases {
    fetcher: Fetcher,
    roles: Roles,
    description: Mutex<NodeDescription>,
    ready: Mutex<Prepared<Ready>>,
    serving: Mutex<Vec<Share>>,
    /// What had the traffic; requests that are under way hold it.
    left: Mutex<Vec<Weak<Application>>>,
    /// Held by what changes who serves, and by nothing that takes its time: the way back does not wait for what is being loaded.
    turn: tokio::sync::Mutex<()>,
}

/// Whether somebody waits.
#[derive(Clone, Copy)]
enum Pace {
    /// The node begins with it.
    AtOnce,
    /// Another one answers requests meanwhile.
    Behind,
}

/// A release that could serve at once.
#[derive(Clone)]
struct Ready {
    release: Release,
    digest: Digest,
    /// In each role.
    applications: Vec<Arc<Application>>,
    /// What it has done with variables that it had before.
    earlier: Counts,
}

/// What a node is, as far as it does not change while it runs.
pub struct Node<'a> {
    pub kind: NodeKind,
    /// Its region; of an edge, the nearest.
    pub region: &'a str,
    /// Its database's.
    pub schema: Option<Schema>,
}

impl Fetcher {
    /// None where the node follows no control plane.
    pub fn new(
        control: Option<(&ControlPlane, &Identity)>,
        (artifact, flags): (Option<&Artifact>, &FromRegistry),
        (folder, settings): (&DataFolder, &Settings),
        read: &ManifestReader,
        loader: &Arc<Loader>,
    ) -> Result<Option<Self>, Error> {
        let Some((control, node)) = control else { return Ok(None) };
        Ok(Some(Self {
            control: control.clone(),
            node: node.clone(),
            trusting: Artifact::trusting(artifact.cloned(), flags),
            settings: settings.clone(),
            store: store(folder),
            folder: folder.folder(FOLDER)?,
            read: read.clone(),
            loader: Arc::clone(loader),
            metrics: rollouts::Agent::new()?,
        }))
    }

    /// Of what was assigned last, the release with the largest share. None where nothing was, or where it is not to be had.
    async fn last(&self) -> Option<Arc<Version>> {
        let Assignment { releases, serving, .. } = agent::stored(&self.folder, &self.node)?;
        let largest = serving.iter().max_by_key(|share| share.weight)?;
        let release = releases.iter().find(|release| release.id == largest.release)?;
        match self.load(release, &BTreeSet::new(), Pace::AtOnce).await {
            Ok((_, version)) => Some(version),
            Err(Refused { kind, reason }) => {
                tracing::error!(
                    release = release.id.0,
                    ?kind,
                    reason,
                    "the release that ran here last cannot be loaded: trying what the node's configuration names"
                );
                None
            }
        }
    }

    /// Fetches a release, as far as it is not here, and compiles it. `running`: versions whose files are in use.
    async fn load(&self, release: &Release, running: &BTreeSet<Digest>, pace: Pace) -> Result<(Digest, Arc<Version>), Refused> {
        let artifact = self.trusting.version(&release.reference).map_err(|error| refused(FailureKind::Invalid, &error))?;
        let (reference, trusted, options) =
            artifact.opened(&self.settings).map_err(|error| refused(FailureKind::Invalid, &error))?;
        let place = Place::Kept { folder: &self.store, running };
        let pulled = pulled(&reference, &trusted, &options, place).await;
        let pulled = pulled.map_err(|error| refused(kind_of(&error), &error))?;
        self.metrics.fetched(pulled.traffic.bytes);
        if pulled.composed {
            let reason = "it has its dependencies in it, for hosts that do not compose: push it without --compose".to_owned();
            return Err(Refused { kind: FailureKind::Invalid, reason });
        }
        Ok((pulled.digest, self.compile(&pulled.manifest, release, pace).await?))
    }

    /// Compiles a release that is here, with the variables as they are now.
    async fn compile(&self, manifest: &Path, release: &Release, pace: Pace) -> Result<Arc<Version>, Refused> {
        let manifest = self.read.load(manifest, |sources| with_variables(sources, &release.variables));
        let manifest = manifest.map_err(|error| refused(FailureKind::Invalid, &error))?;
        let loaded = match pace {
            Pace::AtOnce => self.loader.load(manifest, Mode::Native).await,
            Pace::Behind => self.loader.load_behind(manifest, Mode::Native).await,
        };
        loaded.map_err(|error| {
            let kind = if matches!(error, LoadError::Link { .. }) { FailureKind::Incompatible } else { FailureKind::Invalid };
            refused(kind, &error)
        })
    }
}

impl Releases {
    /// The agent of a node with these roles, which begins with what was assigned last, and what it has run here.
    pub fn follow(
        fetcher: Fetcher,
        roles: &Roles,
        node: &Node<'_>,
        tls: &Tls,
        health: &Health,
        metrics: &Metrics,
    ) -> Result<(Arc<Self>, Agent), Error> {
        let own = fetcher.metrics.clone();
        own.register(metrics)?;
        let (control, folder) = (fetcher.control.nodes.clone(), fetcher.folder.clone());
        let description = NodeDescription {
            kind: node.kind,
            region: node.region.to_owned(),
            labels: fetcher.control.labels.clone(),
            host: env!("CARGO_PKG_VERSION").to_owned(),
            interfaces: capabilities::interfaces(),
            ledger_wire: fleet::wire::VERSION,
            schema: node.schema,
            variables: fetcher.read.variables()?,
        };
        let releases = Arc::new(Self {
            fetcher,
            roles: roles.clone(),
            description: Mutex::new(description),
            ready: Mutex::default(),
            serving: Mutex::default(),
            left: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        let options = agent::Options { tls: tls.clone(), control, folder, host: Arc::clone(&releases) as _ };
        let agent = Agent::measured(options, own).map_err(|error| Error::Identity(error.to_string()))?;
        agent.register(health);
        Ok((releases, agent))
    }

    /// Whether a release serves; else it is what the node's own configuration names.
    pub fn any_serves(&self) -> bool {
        !self.serving().is_empty()
    }

    /// Whoever holds it gives the traffic to what the node's own configuration names. None where a release serves.
    pub async fn own_turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let turn = self.turn.lock().await;
        (!self.any_serves()).then_some(turn)
    }

    /// Loads every release that is ready again, with the variables that there are now, and gives the traffic of those that serve to what has come of them. How many
    /// have changed. Meanwhile the agent may prepare others, which get the same variables, switch, and forget.
    ///
    /// # Errors
    /// One of them does not run with the variables that there are: then nothing has changed.
    pub async fn reload(&self) -> Result<usize, Refused> {
        let read = self.fetcher.read.clone();
        // A disk, or whatever secrets come from, may take its time.
        let variables = tokio::task::spawn_blocking(move || read.variables()).await;
        let variables = variables.map_err(|error| refused(FailureKind::Invalid, &error))?;
        let variables = variables.map_err(|error| refused(FailureKind::Invalid, &error))?;
        let before = self.ready().read_again();
        // Their files stay until this has ended, also where they are forgotten meanwhile.
        before.values().for_each(|ready| self.leave(&ready.applications));
        let mut changed = BTreeMap::new();
        for (id, ready) in &before {
            match self.loaded_again(ready).await {
                Ok(applications) => changed.extend(applications.map(|applications| (*id, applications))),
                Err(_) if self.ready().get(*id).is_none() => {}
                Err(refused) => return Err(refused),
            }
        }
        let number = changed.len();
        let _turn = self.turn.lock().await;
        self.ready().replace(changed, |known, applications| Ready { applications, earlier: known.counts(), ..known.clone() });
        let serving = self.serving().clone();
        self.share(&serving).await?;
        self.description().variables = variables;
        Ok(number)
    }

    /// A release with the variables that there are now; none where it is the same with them.
    async fn loaded_again(&self, ready: &Ready) -> Result<Option<Vec<Arc<Application>>>, Refused> {
        let Some(version) = ready.applications.first().map(|application| application.version()) else { return Ok(None) };
        let next = self.fetcher.compile(&version.manifest().path, &ready.release, Pace::Behind).await?;
        if next.id() == version.id() {
            return Ok(None);
        }
        self.roles.ready(&next).await.map(Some).map_err(|error| refused(FailureKind::Unhealthy, &error))
    }

    fn ready(&self) -> MutexGuard<'_, Prepared<Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serving(&self) -> MutexGuard<'_, Vec<Share>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> MutexGuard<'_, Vec<Weak<Application>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn description(&self) -> MutexGuard<'_, NodeDescription> {
        self.description.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The versions whose files are in use: of what is ready, of what has the traffic, and of requests that are under way with what had it before.
    fn in_use(&self) -> BTreeSet<Digest> {
        let mut held = self.roles.current();
        held.extend(self.left().iter().filter_map(Weak::upgrade));
        let digest = |application: &Arc<Application>| artifact::version_of(application.version().manifest().path.parent()?);
        self.ready().values().map(|ready| ready.digest).chain(held.iter().filter_map(digest)).collect()
    }

    /// Remembers these as long as a request holds them.
    fn leave(&self, applications: &[Arc<Application>]) {
        let mut left = self.left();
        left.retain(|other| other.strong_count() > 0 && !applications.iter().any(|one| other.as_ptr() == Arc::as_ptr(one)));
        left.extend(applications.iter().map(Arc::downgrade));
    }

    async fn prepare_release(&self, release: &Release) -> Result<(), Refused> {
        loop {
            let reading = {
                let ready = self.ready();
                if ready.get(release.id).is_some() {
                    return Ok(());
                }
                ready.reading()
            };
            let ready = self.prepared(release).await?;
            // Once more for each signal that came meanwhile.
            if self.ready().insert(release.id, ready, reading) {
                return Ok(());
            }
        }
    }

    async fn prepared(&self, release: &Release) -> Result<Ready, Refused> {
        // What has changed in the node's file of variables since is part of what it offers.
        self.description().variables = self.fetcher.read.variables().map_err(|error| refused(FailureKind::Invalid, &error))?;
        let description = self.description().clone();
        rollout::compatibility::check(&release.needs, &description)
            .map_err(|faults| Refused { kind: FailureKind::Incompatible, reason: faults.join("; ") })?;
        let running = self.in_use();
        let (digest, version) = self.fetcher.load(release, &running, Pace::Behind).await?;
        let applications = self.roles.ready(&version).await.map_err(|error| refused(FailureKind::Unhealthy, &error))?;
        Ok(Ready { release: release.clone(), digest, applications, earlier: Counts::default() })
    }

    /// Only with the turn.
    async fn share(&self, shares: &[Share]) -> Result<(), Refused> {
        let Some(newest) = shares.last() else { return Ok(()) };
        let kind = self.description().kind;
        if kind != NodeKind::Edge && shares.len() > 1 {
            let reason = "only edges give a release a part of their requests: regions and workers switch whole".to_owned();
            return Err(Refused { kind: FailureKind::Incompatible, reason });
        }
        let all: Vec<_> = {
            let ready = self.ready();
            shares.iter().filter_map(|share| Some((ready.get(share.release)?.applications.clone(), share.weight))).collect()
        };
        self.leave(&self.roles.current());
        let shared = self.roles.share(&all, newest.release.0).await;
        shared.map_err(|error| refused(FailureKind::Unhealthy, &error))
    }
}

impl Host for Releases {
    fn describe(&self) -> NodeDescription {
        self.description().clone()
    }

    fn prepare<'a>(&'a self, release: &'a Release) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(self.prepare_release(release))
    }

    fn serve<'a>(&'a self, shares: &'a [Share]) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async {
            let _turn = self.turn.lock().await;
            self.share(shares).await?;
            *self.serving() = shares.to_vec();
            Ok(())
        })
    }

    fn counters(&self, release: ReleaseId) -> Counters {
        let counts = self.ready().get(release).map(Ready::counts).unwrap_or_default();
        let Counts { requests, errors, traps, restarts, memory, mut latency } = counts;
        latency.truncate(latency.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
        Counters { requests, errors, traps, restarts, memory, latency }
    }

    fn forget<'a>(&'a self, kept: &'a [Release]) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let serving: BTreeSet<_> = self.serving().iter().map(|share| share.release).collect();
            self.ready().retain(|id, ready| {
                let stays = serving.contains(&id) || kept.iter().any(|release| release.id == id);
                if !stays {
                    self.leave(&ready.applications);
                }
                stays
            });
            let assigned = kept.iter().filter_map(|release| release.reference.parse::<artifact::Reference>().ok()?.digest());
            let versions = self.in_use().into_iter().chain(assigned).collect();
            let folder = self.fetcher.store.clone();
            let deleted = tokio::task::spawn_blocking(move || artifact::keep_only(&folder, &versions)).await;
            match deleted {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "versions that are not needed any more could not be deleted"),
                Err(error) => tracing::warn!(%error, "versions that are not needed any more could not be deleted"),
            }
        })
    }
}

impl Ready {
    /// What it has done in all roles.
    fn counts(&self) -> Counts {
        self.applications.iter().fold(self.earlier.clone(), |counts, application| counts.and(&application.counts()))
    }
}

/// The version that a node begins with: what was assigned to it last, else what its own configuration names.
pub async fn first(fetcher: Option<&Fetcher>, read: &ManifestReader, loader: &Arc<Loader>) -> Result<Arc<Version>, Error> {
    let last = match fetcher {
        Some(fetcher) => fetcher.last().await,
        None => None,
    };
    match last {
        Some(version) => Ok(version),
        None => Ok(loader.load(read.read(None).await?, Mode::Native).await?),
    }
}

/// Runs a node's agent until `stop`.
pub async fn run(agent: Option<Agent>, stop: CancellationToken) {
    if let Some(agent) = agent {
        agent.run(stop).await;
    }
}

/// Variables of a release. A secret is one that this machine has under a name: it never passes through the control plane.
fn with_variables(sources: VariableSources, variables: &BTreeMap<String, Value>) -> Result<VariableSources, Error> {
    let own = sources.clone();
    variables.iter().try_fold(sources, |sources, (name, value)| match value {
        Value::Text(text) => Ok(sources.set(name, text)),
        Value::Secret { secret } => own.get(secret).map(|value| sources.set(name, value.expose())).ok_or_else(|| {
            Error::Refused(format!("the release's variable {name} is this node's secret {secret}, which has no value here"))
        }),
    })
}

fn refused(kind: FailureKind, error: &dyn std::error::Error) -> Refused {
    Refused { kind, reason: error.to_string() }
}

/// Where it failed, as the control plane tells failures apart.
fn kind_of(error: &artifact::Error) -> FailureKind {
    use artifact::Error;
    match error {
        Error::Unreachable { .. }
        | Error::Unauthorized { .. }
        | Error::NotFound(_)
        | Error::Registry { .. }
        | Error::Redirect { .. }
        | Error::Credentials { .. } => FailureKind::Fetch,
        Error::File { .. } => FailureKind::Disk,
        Error::Tampered { .. } | Error::Unsigned { .. } | Error::Untrusted { .. } => FailureKind::Untrusted,
        Error::Reference { .. } | Error::Unfit { .. } | Error::Pack(_) | Error::Key { .. } => FailureKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They are compared by the control plane: both have to mean the same.
    #[test]
    fn requests_are_counted_in_the_buckets_that_are_compared() {
        assert_eq!(runtime::limits::LATENCY_BOUNDS_US, rollout::protocol::LATENCY_BOUNDS_US);
    }

    #[test]
    fn a_releases_secrets_are_this_machines() {
        let own = VariableSources::new().set("stripe_live", "hunter2").set("currency", "EUR");
        let variables = |value: Value| BTreeMap::from([("stripe_key".to_owned(), value)]);
        let secret = |name: &str| Value::Secret { secret: name.to_owned() };
        let with = with_variables(own.clone(), &variables(secret("stripe_live"))).unwrap();
        assert_eq!(with.get("stripe_key").unwrap().expose(), "hunter2");
        let error = with_variables(own.clone(), &variables(secret("other"))).unwrap_err().to_string();
        assert!(error.contains("other") && !error.contains("hunter2"), "{error}");
        let with = with_variables(own, &variables(Value::Text("stripe_live".to_owned()))).unwrap();
        assert_eq!(with.get("stripe_key").unwrap().expose(), "stripe_live");
    }
}

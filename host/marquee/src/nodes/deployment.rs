//! The application that a process runs, and how its next version comes to the traffic while everything runs: on SIGHUP at a node, and with `--watch`
//! as soon as a file has changed.
//!
//! The next version is read as the first one was: manifest, wasm, and files of variables, out of a folder or, where the node's file names an artifact
//! then, out of a registry. It gets the traffic of every role once it has shown in
//! each that it can answer, between two requests; what is not fit changes nothing. Where a node follows a control plane, that says which version comes
//! next, and the module `releases` has it here. What a process has by its own configuration (addresses,
//! databases, certificates) stays as it is until it is started anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use manifest::{Manifest, VariableSources};
use rollout::protocol::Schema;
use runtime::{Loader, Mode, Version};
use telemetry::{Finding, Health, Needed};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use crate::config::settings::Settings;
use crate::error::Error;
use crate::limits::WATCH_POLL;
use crate::nodes::application::Source;
use crate::nodes::needs;
use crate::nodes::releases::Releases;
use crate::nodes::roles::Roles;
use crate::nodes::sandbox;
use crate::nodes::serving::variables;

/// Reads manifests with the variables as they are at that time, and refuses what must not run here. Cheap to clone.
#[derive(Clone)]
pub struct ManifestReader(Arc<Reading>);

struct Reading {
    source: Source,
    file: Option<PathBuf>,
    sets: Box<dyn Fn(VariableSources) -> VariableSources + Send + Sync>,
    listeners: Vec<SocketAddr>,
    schema: Option<Schema>,
    settings: Settings,
}

/// Reads an application from where it comes, with the file of variables that the node's names, and with what the node itself `sets`, which is stronger.
/// `listeners` are where others may come, and `schema` is that of the database that it has here.
pub fn reader(
    source: Source,
    file: Option<PathBuf>,
    sets: impl Fn(VariableSources) -> VariableSources + Send + Sync + 'static,
    (listeners, schema): (Vec<SocketAddr>, Option<Schema>),
    settings: &Settings,
) -> ManifestReader {
    ManifestReader(Arc::new(Reading { source, file, sets: Box::new(sets), listeners, schema, settings: settings.clone() }))
}

impl ManifestReader {
    /// The manifest that is there now, where the application comes from. It is told which one runs meanwhile.
    pub async fn read(&self, running: Option<&Path>) -> Result<Manifest, Error> {
        let path = self.0.source.manifest(running).await?;
        self.load(&path, Ok)
    }

    /// The manifest at `path`, with variables that `also` adds: stronger than those of the environment and the file, and weaker than what the node sets.
    pub fn load(
        &self,
        path: &Path,
        also: impl FnOnce(VariableSources) -> Result<VariableSources, Error>,
    ) -> Result<Manifest, Error> {
        let Reading { file, sets, listeners, schema, settings, .. } = &*self.0;
        let manifest = Manifest::load(path, &sets(also(variables(file.as_deref())?)?))?;
        needs::check(&manifest, *schema)?;
        sandbox::check(&manifest, listeners, settings)?;
        Ok(manifest)
    }

    /// The names of the variables that have a value here.
    pub fn variables(&self) -> Result<BTreeSet<String>, Error> {
        let Reading { file, sets, .. } = &*self.0;
        Ok(sets(variables(file.as_deref())?).names())
    }
}

/// What runs here, and how what comes next is read.
pub struct Deployment {
    pub loader: Arc<Loader>,
    pub read: ManifestReader,
    pub mode: Mode,
    pub roles: Roles,
    /// The version that has the traffic.
    pub current: Arc<Version>,
    /// What a control plane has run here; none: nobody but the node's own configuration says what runs.
    pub releases: Option<Arc<Releases>>,
}

/// When files were last written, and how long they are; none: not there.
type Stamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

impl Deployment {
    /// Says which version has the traffic.
    pub fn register(&self, health: &Health) {
        let roles = self.roles.clone();
        health.register("application", Needed::Information, move || {
            let version = roles.version();
            Finding::up(version.map_or_else(String::new, |version| {
                let manifest = version.manifest();
                let artifact = manifest.path.parent().and_then(artifact::version_of);
                let artifact = artifact.map_or_else(String::new, |digest| format!(", artifact {digest}"));
                format!("{} {}, version {}{artifact}", manifest.name, manifest.version, short(&version))
            }))
        });
    }

    /// Takes over another version at each SIGHUP, until `stop`.
    pub async fn reload_on_hangup(mut self, mut hangup: Signal, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => self.take("SIGHUP").await,
            }
        }
    }

    /// Takes over what has changed in the files, until `stop`.
    pub async fn watch(mut self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(WATCH_POLL);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut taken = self.stamps();
        let mut before = taken.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            let now = self.stamps();
            // A file is taken when it has stayed as it is for one look: a linker writes it in many pieces.
            let settled = now == before;
            before.clone_from(&now);
            if settled && now != taken {
                let changed = now.iter().filter(|(path, stamp)| taken.get(*path) != Some(*stamp));
                let changed: Vec<String> = changed.map(|(path, _)| path.display().to_string()).collect();
                self.take(&changed.join(", ")).await;
                // The manifest may name other files now.
                taken = self.stamps();
                before.clone_from(&taken);
            }
        }
    }

    fn stamps(&self) -> Stamps {
        let manifest = self.current.manifest();
        let sources = manifest.components.values().map(|component| component.source.clone());
        std::iter::once(manifest.path.clone()).chain(sources).map(|path| (path.clone(), stamp(&path))).collect()
    }

    /// Does what a signal asks for: a control plane's releases are loaded with the variables that there are now, whether they serve or are only ready. What the
    /// node's own configuration names is taken over as long as none of them serves.
    async fn take(&mut self, because: &str) {
        if let Some(releases) = &self.releases {
            match releases.reload().await {
                Ok(changed) => tracing::info!(because, changed, "loaded the variables of the control plane's releases"),
                Err(error) => {
                    tracing::error!(because, %error, "the variables do not fit: releases keep those that they have");
                }
            }
            if releases.any_serves() {
                return;
            }
        }
        self.take_own(because).await;
    }

    /// Loads what is there and, if it is fit, sends the traffic there. Otherwise the previous version keeps running.
    async fn take_own(&mut self, because: &str) {
        match self.load().await {
            Ok(Some(version)) => {
                tracing::info!(
                    because,
                    version = short(&version),
                    before = short(&self.current),
                    "a new version has the traffic"
                );
                self.current = version;
            }
            Ok(None) => tracing::info!(because, version = short(&self.current), "the application is the same as before"),
            Err(error) => {
                tracing::error!(
                    because,
                    error,
                    version = short(&self.current),
                    "the new version is not fit: this one keeps the traffic"
                );
            }
        }
    }

    /// The new version, once it has the traffic; none where it is the same.
    async fn load(&self) -> Result<Option<Arc<Version>>, String> {
        let running = self.current.manifest().path.clone();
        let manifest = self.read.read(Some(&running)).await.map_err(|error| error.to_string())?;
        let version = self.loader.load(manifest, self.mode).await.map_err(|error| error.to_string())?;
        if version.id() == self.current.id() {
            return Ok(None);
        }
        let ready = self.roles.ready(&version).await.map_err(|error| error.to_string())?;
        let _turn = match &self.releases {
            Some(releases) => Some(releases.own_turn().await.ok_or("the control plane has said meanwhile which version runs")?),
            None => None,
        };
        self.roles.share(&[(ready, 100)], 0).await.map_err(|error| error.to_string())?;
        Ok(Some(version))
    }
}

/// Enough of an id to tell versions apart.
fn short(version: &Version) -> &str {
    version.id().get(..12).unwrap_or_default()
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

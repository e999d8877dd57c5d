//! `--watch`: takes over new wasm and a changed manifest while everything runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use runtime::{Loader, Manifest, Mode, VariableSources, Version};
use tokio_util::sync::CancellationToken;

use crate::limits::WATCH_POLL;
use crate::roles::Roles;

/// What is watched.
pub struct Watch {
    pub loader: Arc<Loader>,
    pub manifest: PathBuf,
    pub sources: VariableSources,
    pub mode: Mode,
    pub roles: Roles,
    /// The version that has the traffic.
    pub current: Arc<Version>,
}

/// When files were last written, and how long they are; none: not there.
type Stamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

impl Watch {
    /// Watches until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
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
                self.take(&taken, &now).await;
                // The manifest may name other files now.
                taken = self.stamps();
                before.clone_from(&taken);
            }
        }
    }

    fn stamps(&self) -> Stamps {
        let sources = self.current.manifest().components.values().map(|component| component.source.clone());
        std::iter::once(self.manifest.clone()).chain(sources).map(|path| (path.clone(), stamp(&path))).collect()
    }

    /// Loads what has changed and, if it is fit, sends the traffic there. What ran before goes on otherwise.
    async fn take(&mut self, old: &Stamps, new: &Stamps) {
        let changed: Vec<String> = new
            .iter()
            .filter(|(path, stamp)| old.get(*path) != Some(*stamp))
            .map(|(path, _)| path.display().to_string())
            .collect();
        let changed = changed.join(", ");
        match self.load().await {
            Ok(Some(version)) => {
                tracing::info!(changed, version = version.id().get(..12).unwrap_or_default(), "took over the new version");
                self.current = version;
            }
            Ok(None) => tracing::info!(changed, "written again, and the same as before"),
            Err(error) => tracing::error!(changed, error, "the new version is not fit: what ran before goes on"),
        }
    }

    /// The new version, once it has the traffic; none where it is the same.
    async fn load(&self) -> Result<Option<Arc<Version>>, String> {
        let manifest = Manifest::load(&self.manifest, &self.sources).map_err(|error| error.to_string())?;
        let version = self.loader.load(manifest, self.mode).await.map_err(|error| error.to_string())?;
        if version.id() == self.current.id() {
            return Ok(None);
        }
        self.roles.exchange(&version).await.map_err(|error| error.to_string())?;
        Ok(Some(version))
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let data = fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

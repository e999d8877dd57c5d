//! Where a node's application comes from: a folder, or a registry.

use std::path::{Path, PathBuf};

use artifact::{Place, PublicKey, Pulled, Reference};

use crate::cli::FromRegistry;
use crate::config::Artifact;
use crate::config::settings::Settings;
use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::limits;
use crate::nodes::serving::manifest_path;

/// Where versions from registries are kept.
pub fn store(folder: &DataFolder) -> PathBuf {
    folder.path().join("artifacts")
}

/// Fetches a version within the time that this may take: a registry that sends a byte now and then holds nobody up for ever. What has come stays.
pub async fn pulled(
    reference: &Reference,
    trusted: &[PublicKey],
    options: &artifact::Options,
    place: Place<'_>,
) -> Result<Pulled, artifact::Error> {
    let pulling = artifact::pull(reference, Some(trusted), options, place);
    tokio::time::timeout(limits::PULL, pulling).await.unwrap_or_else(|_| {
        let reason = format!("{reference} had not come after {} s", limits::PULL.as_secs());
        Err(artifact::Error::Unreachable { registry: reference.registry().to_owned(), reason })
    })
}

/// Where it comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// This manifest.
    File(PathBuf),
    /// A registry: this version, or the one that the node's file names when it is looked at again.
    Registry {
        /// The version.
        artifact: Artifact,
        /// The node's file, where that is what names it.
        file: Option<PathBuf>,
        /// Where versions are kept.
        store: PathBuf,
        /// Whether one runs here that has its dependencies in it.
        composed: bool,
        /// Whether a control plane says which versions stay in the store; else this one and the one before do.
        kept: bool,
        /// Who the node is at registries.
        settings: Box<Settings>,
    },
}

impl Source {
    /// As the command line says, else the node's file, else the folder here.
    pub fn of(
        (application, artifact, file): (Option<&Path>, Option<Artifact>, Option<&Path>),
        flags: &FromRegistry,
        folder: &DataFolder,
        settings: &Settings,
    ) -> Result<Self, Error> {
        match Artifact::of(artifact, flags)? {
            None => Ok(Self::File(manifest_path(application)?)),
            Some(artifact) => Ok(Self::Registry {
                artifact,
                file: file.filter(|_| flags.from.is_none()).map(Path::to_owned),
                store: store(folder),
                composed: false,
                kept: false,
                settings: Box::new(settings.clone()),
            }),
        }
    }

    /// The same, where components may have their dependencies in them.
    pub fn composed(mut self, permitted: bool) -> Self {
        if let Self::Registry { composed, .. } = &mut self {
            *composed = permitted;
        }
        self
    }

    /// The same, where a control plane says which versions are kept.
    pub fn kept(mut self, controlled: bool) -> Self {
        if let Self::Registry { kept, .. } = &mut self {
            *kept = controlled;
        }
        self
    }

    /// The manifest as it is now: fetched, if it is in a registry, and signed by whom this node trusts. `running` is the manifest that runs meanwhile.
    pub async fn manifest(&self, running: Option<&Path>) -> Result<PathBuf, Error> {
        let (named, file, store, composed, kept, settings) = match self {
            Self::File(path) => return Ok(path.clone()),
            Self::Registry { artifact, file, store, composed, kept, settings } => {
                (artifact, file, store, *composed, *kept, settings)
            }
        };
        let again = match (file, running) {
            // Only once something runs: before that, it has just been read.
            (Some(file), Some(_)) => {
                let gone = || Error::Refused(format!("{} names no artifact any more: restart the node", file.display()));
                Some(Artifact::again(file)?.ok_or_else(gone)?)
            }
            _ => None,
        };
        let artifact = again.as_ref().unwrap_or(named);
        let (reference, trusted, options) = artifact.opened(settings)?;
        let running = running.and_then(|manifest| artifact::version_of(manifest.parent()?));
        let runs = running.into_iter().collect();
        let place = if kept { Place::Kept { folder: store, running: &runs } } else { Place::Store { folder: store, running } };
        let Pulled { reference, manifest, composed: is_composed, key, traffic, .. } =
            pulled(&reference, &trusted, &options, place).await?;
        if is_composed && !composed {
            return Err(Error::Refused(format!(
                "{reference} has its dependencies in it, for hosts that do not compose: push it without --compose; `up --composed` runs it"
            )));
        }
        let key = key.unwrap_or_default();
        tracing::info!(%reference, key, fetched = traffic.fetched, present = traffic.present, bytes = traffic.bytes, "a signed version is here");
        Ok(manifest)
    }
}

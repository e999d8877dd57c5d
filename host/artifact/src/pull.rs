//! Fetching an artifact into a folder that `--manifest` can be pointed at, ours or one that Spin has pushed.
//!
//! ```text
//! FOLDER/artifact.json      what is here: how a later pull knows that the folder is its own
//! FOLDER/spin.toml          written last; without it the folder is unfinished
//! FOLDER/files/COMPONENT/   what components see
//! FOLDER/blobs/HEX          manifest, description and layers, by digest
//! ```
//!
//! A node's store has a folder like that for each of its last versions, named by digest, and one folder of layers for all: what two versions have in
//! common is fetched once.

use crate::blobs::{self, Blobs, Traffic};
use crate::digest::Digest;
use crate::error::Error;
use crate::keys::PublicKey;
use crate::limits;
use crate::oci::{Descriptor, Manifest};
use crate::pack::{APPLICATION, WASM};
use crate::reference::Reference;
use crate::registry::{self, Registry};
use crate::signature::{self, Evidence};
use crate::unpack::{self, FILES, FileContent, Unpacked};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The same as [`WASM`], as other tools push it.
const WASM_OF_OTHERS: &str = "application/wasm";
/// Files in an archive, as Spin pushes those that would be too many layers.
const ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";
/// What marks a folder as ours.
const MARK: &str = "artifact.json";
/// What the binary and stock Spin look for.
const MANIFEST: &str = "spin.toml";
/// Who changes a store holds this file's lock.
const LOCK: &str = "lock";
/// The folder of layers.
const BLOBS: &str = "blobs";

/// An artifact that is here now.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// It, by its digest.
    pub reference: Reference,
    /// Its digest.
    pub digest: Digest,
    /// The manifest to run.
    pub manifest: PathBuf,
    /// The application's name and version, as it says.
    pub application: (String, String),
    /// Whether its components have their dependencies in them.
    pub composed: bool,
    /// The trusted key that has signed it; none: nobody was asked.
    pub key: Option<String>,
    /// What came and what was there.
    pub traffic: Traffic,
}

#[derive(Deserialize, Serialize)]
struct Mark {
    reference: String,
    digest: Digest,
    /// That it is signed, to be checked again without the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<Evidence>,
    /// What it needs of the layers.
    layers: BTreeSet<Digest>,
}

/// Where an artifact goes.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Into a folder of its own: one that is not there, is empty, or was pulled into before.
    Folder(&'a Path),
    /// Into a node's store, which keeps this version and the one before, so that the way back needs no registry. It takes digests alone.
    Store {
        /// Its folder.
        folder: &'a Path,
        /// The version that runs now, whose files are not touched; none: the node begins.
        running: Option<Digest>,
    },
    /// Into a node's store as well, from which nothing is deleted: that is for [`keep_only`].
    Kept {
        /// Its folder.
        folder: &'a Path,
        /// The versions that run now, whose files are not touched.
        running: &'a BTreeSet<Digest>,
    },
}

/// Fetches an artifact. `trusted`: only what one of these keys has signed. What is there already is verified and not fetched again, so that a version
/// whose digest is given is there without a registry.
///
/// # Errors
/// Where it is not to be had, not signed, not what its digests say, or no application.
pub async fn pull(
    reference: &Reference,
    trusted: Option<&[PublicKey]>,
    options: &registry::Options,
    place: Place<'_>,
) -> Result<Pulled, Error> {
    match place {
        Place::Folder(folder) => {
            let layers = Blobs::open(claim(folder)?.join(BLOBS))?;
            let (pulled, kept) = lay(reference, trusted, options, (folder, false), (&layers, BLOBS)).await?;
            layers.keep_only(&kept)?;
            Ok(pulled)
        }
        Place::Store { folder: store, running } => {
            let _turn = turn(store).await?;
            let (folder, digest) = version_folder(store, reference)?;
            let layers = Blobs::open(store.join(BLOBS))?;
            let runs = running == Some(digest);
            let (pulled, kept) = lay(reference, trusted, options, (&folder, runs), (&layers, "../blobs")).await?;
            tidy(store, &folder, running, &layers, kept)?;
            Ok(pulled)
        }
        Place::Kept { folder: store, running } => {
            let _turn = turn(store).await?;
            let (folder, digest) = version_folder(store, reference)?;
            let layers = Blobs::open(store.join(BLOBS))?;
            let runs = running.contains(&digest);
            let (pulled, _) = lay(reference, trusted, options, (&folder, runs), (&layers, "../blobs")).await?;
            Ok(pulled)
        }
    }
}

/// Waits until nobody else changes this store, and holds them off: two that fetched the same layer at once would both write to its file.
async fn turn(store: &Path) -> Result<File, Error> {
    blobs::make(store)?;
    let path = store.join(LOCK);
    let waiting = tokio::task::spawn_blocking(move || {
        let lock = lock(&path)?;
        lock.lock().map_err(|error| Error::file(path, &error))?;
        Ok(lock)
    });
    waiting.await.map_err(|error| Error::Pack(error.to_string()))?
}

fn lock(path: &Path) -> Result<File, Error> {
    File::options().create(true).append(true).open(path).map_err(|error| Error::file(path, &error))
}

/// The folder of a store for a version, which is made where it is not there.
fn version_folder(store: &Path, reference: &Reference) -> Result<(PathBuf, Digest), Error> {
    let digest = reference.digest().ok_or_else(|| Error::Reference {
        text: reference.to_string(),
        reason: "a node runs what a digest names: write it as REGISTRY/REPOSITORY@sha256:…",
    })?;
    let folder = store.join(digest.hex());
    claim(&folder)?;
    Ok((folder, digest))
}

/// Deletes all versions of a store but these, and the layers that none of these needs; also those of a version that is only half there. While a version is being
/// fetched nothing is deleted: that is for the next time.
///
/// # Errors
/// Where something cannot be deleted.
pub fn keep_only(store: &Path, versions: &BTreeSet<Digest>) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::file(store, &error);
    if !store.is_dir() {
        return Ok(());
    }
    let turn = lock(&store.join(LOCK))?;
    match turn.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let (layers, mut needed) = (Blobs::open(store.join(BLOBS))?, BTreeSet::new());
    for entry in store.read_dir().map_err(failed)? {
        let folder = entry.map_err(failed)?.path();
        match version_of(&folder) {
            Some(digest) if versions.contains(&digest) => {
                needed.extend(mark_of(&folder)?.into_iter().flat_map(|mark| mark.layers));
            }
            Some(_) => std::fs::remove_dir_all(&folder).map_err(|error| Error::file(folder, &error))?,
            None => {}
        }
    }
    layers.keep_only(&needed)
}

/// Fetches it and lays it out in a folder, unless what is there runs. `layers`: where its layers are, and how the folder reaches them. Returns with it
/// what it needs of these.
async fn lay(
    reference: &Reference,
    trusted: Option<&[PublicKey]>,
    options: &registry::Options,
    (folder, runs): (&Path, bool),
    (layers, reached): (&Blobs, &str),
) -> Result<(Pulled, BTreeSet<Digest>), Error> {
    let registry = Registry::of(reference, options)?;
    let (digest, manifest) = manifest(reference, &registry, layers).await?;
    let at = reference.at(digest);
    let signed = match trusted {
        None => None,
        Some(trusted) => Some(signed(&registry, &at, digest, trusted, mark_of(folder)?.as_ref()).await?),
    };
    layers.put(digest, &manifest)?;

    let unfit = |reason: String| Error::Unfit { reference: at.to_string(), reason };
    let manifest = Manifest::parse(&manifest).map_err(unfit)?;
    let mut traffic = Traffic::default();
    let described = description(&manifest).ok_or_else(|| unfit("no layer describes a Spin application".to_owned()))?;
    if described.size > limits::LOCKED_BYTES {
        return Err(unfit(format!("its description has {} bytes: {} at most", described.size, limits::LOCKED_BYTES)));
    }
    layers.fetch(&registry, described, &mut traffic).await?;
    let text = layers.read(described.digest, limits::LOCKED_BYTES)?;
    let text = text.ok_or_else(|| unfit("its description is gone again".to_owned()))?;
    let unpacked = unpack::unpack(&text, reached).map_err(unfit)?;
    let needed = needed(&manifest, &unpacked).map_err(unfit)?;
    for layer in &needed {
        layers.fetch(&registry, layer, &mut traffic).await?;
    }
    let mut kept: BTreeSet<Digest> = needed.iter().map(|layer| layer.digest).collect();
    kept.extend([digest, described.digest]);
    let (evidence, key) = signed.unzip();
    let mark = Mark { reference: at.to_string(), digest, signature: evidence, layers: kept.clone() };
    let text = serde_json::to_vec_pretty(&mark).map_err(|error| Error::Pack(error.to_string()))?;
    let manifest = folder.join(MANIFEST);
    if is_whole(folder, &text, layers, &unpacked)? {
        // It is the latest again, which takes no room.
        let mark = folder.join(MARK);
        let touched = File::options().append(true).open(&mark).and_then(|file| file.set_modified(SystemTime::now()));
        touched.map_err(|error| Error::file(mark, &error))?;
    } else {
        if !runs {
            // From here on the folder is this version's; it is unfinished until its manifest is there.
            unmake(folder)?;
        }
        blobs::write(&folder.join(MARK), &text)?;
        if !runs {
            lay_out(folder, layers, &unpacked)?;
        }
        blobs::write(&manifest, unpacked.manifest.as_bytes())?;
    }
    let application = (unpacked.name, unpacked.version);
    Ok((Pulled { reference: at, digest, manifest, application, composed: unpacked.composed, key, traffic }, kept))
}

/// Deletes all versions of a store but this one and the one that runs, or the last one beside it, and the layers that neither needs.
fn tidy(store: &Path, current: &Path, running: Option<Digest>, layers: &Blobs, mut kept: BTreeSet<Digest>) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::file(store, &error);
    let mut others = Vec::new();
    for entry in store.read_dir().map_err(failed)? {
        let folder = entry.map_err(failed)?.path();
        if let Some(digest) = version_of(&folder).filter(|_| folder != current) {
            let written = std::fs::metadata(folder.join(MARK)).and_then(|mark| mark.modified()).ok();
            // One that was begun and never came to be is no way back.
            let whole = mark_of(&folder)?.is_some();
            others.push(((running == Some(digest), whole, written), folder));
        }
    }
    others.sort();
    if let Some((_, last)) = others.pop() {
        kept.extend(mark_of(&last)?.into_iter().flat_map(|mark| mark.layers));
    }
    for (_, folder) in others {
        std::fs::remove_dir_all(&folder).map_err(|error| Error::file(folder, &error))?;
    }
    layers.keep_only(&kept)
}

/// The version that a folder of a store is of, by its name.
#[must_use]
pub fn version_of(folder: &Path) -> Option<Digest> {
    format!("sha256:{}", folder.file_name()?.to_str()?).parse().ok()
}

/// What a folder says that it has. One that cannot be read says nothing, and nothing of it is believed without being checked.
fn mark_of(folder: &Path) -> Result<Option<Mark>, Error> {
    let text = blobs::read(&folder.join(MARK), limits::DOCUMENT_BYTES)?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}

/// Makes the folder, or takes one that is ours. Returns it.
fn claim(folder: &Path) -> Result<&Path, Error> {
    blobs::make(folder)?;
    let mark = folder.join(MARK);
    if mark.is_file() {
        return Ok(folder);
    }
    let mut entries = folder.read_dir().map_err(|error| Error::file(folder, &error))?;
    if entries.next().is_some() {
        let reason = "has something else in it: name a folder that is not there yet, or was pulled into before".to_owned();
        return Err(Error::File { path: folder.to_owned(), reason });
    }
    blobs::write(&mark, b"{}")?;
    Ok(folder)
}

/// The manifest: by its digest from the folder, else from the registry.
async fn manifest(reference: &Reference, registry: &Registry, layers: &Blobs) -> Result<(Digest, Vec<u8>), Error> {
    if let Some(digest) = reference.digest()
        && let Some(bytes) = layers.read(digest, limits::DOCUMENT_BYTES)?
    {
        return Ok((digest, bytes));
    }
    let found = registry.manifest(&reference.version()).await?;
    let found = found.ok_or_else(|| Error::NotFound(reference.to_string()))?;
    Ok((found.digest, found.bytes.to_vec()))
}

/// Who has signed it: as the folder knows, else as the registry says.
async fn signed(
    registry: &Registry,
    reference: &Reference,
    digest: Digest,
    trusted: &[PublicKey],
    mark: Option<&Mark>,
) -> Result<(Evidence, String), Error> {
    let known = mark.filter(|mark| mark.digest == digest).and_then(|mark| mark.signature.as_ref());
    if let Some(evidence) = known
        && let Ok(key) = signature::check(evidence, digest, trusted)
    {
        return Ok((evidence.clone(), key));
    }
    signature::find(registry, reference, digest, trusted).await
}

/// The layer that says what the application is. Where Spin is old it is the configuration.
fn description(manifest: &Manifest) -> Option<&Descriptor> {
    manifest.layers.iter().chain([&manifest.config]).find(|layer| layer.media_type == APPLICATION)
}

/// The layers that the application is made of; others are not fetched.
fn needed(manifest: &Manifest, unpacked: &Unpacked) -> Result<Vec<Descriptor>, String> {
    let layer = |digest: Digest| manifest.layers.iter().find(|layer| layer.digest == digest);
    let mut needed = Vec::new();
    for digest in &unpacked.wasm {
        let layer = layer(*digest).ok_or_else(|| format!("the component {digest} is no layer of it"))?;
        if ![WASM, WASM_OF_OTHERS].contains(&layer.media_type.as_str()) {
            return Err(format!("the component {digest} is of the type {:?}", layer.media_type));
        }
        if layer.size > limits::WASM_BYTES {
            return Err(format!("the component {digest} has {} bytes: {} at most", layer.size, limits::WASM_BYTES));
        }
        needed.push(layer.clone());
    }
    for file in &unpacked.files {
        let FileContent::Layer(digest) = file.content else { continue };
        let Some(layer) = layer(digest) else {
            let archived = manifest.layers.iter().any(|layer| layer.media_type == ARCHIVE);
            let remedy =
                if archived { "; its files are in an archive, which Spin makes of more than 500: push fewer" } else { "" };
            return Err(format!("the file {:?} of {} is no layer of it{remedy}", file.path, file.component));
        };
        if layer.size > limits::FILE_BYTES {
            return Err(format!("the file {:?} has {} bytes: {} at most", file.path, layer.size, limits::FILE_BYTES));
        }
        if needed.iter().all(|other| other.digest != digest) {
            needed.push(layer.clone());
        }
    }
    Ok(needed)
}

/// Whether all of it is there as it would be laid out. Then it is left alone: a node whose disk is full starts with the version that it has.
fn is_whole(folder: &Path, mark: &[u8], layers: &Blobs, unpacked: &Unpacked) -> Result<bool, Error> {
    let has =
        |path: &Path, bytes: &[u8]| Ok::<_, Error>(blobs::read(path, bytes.len() as u64)?.is_some_and(|there| there == bytes));
    if !has(&folder.join(MARK), mark)? || !has(&folder.join(MANIFEST), unpacked.manifest.as_bytes())? {
        return Ok(false);
    }
    let place = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    for file in &unpacked.files {
        let path = folder.join(FILES).join(&file.component).join(&file.path);
        let is_there = match &file.content {
            FileContent::Bytes(bytes) => has(&path, bytes)?,
            // The layer itself, whose bytes have just been confirmed.
            FileContent::Layer(digest) => place(&path).is_some() && place(&path) == place(&layers.path(*digest)),
        };
        if !is_there {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes away what an earlier pull has laid out.
fn unmake(folder: &Path) -> Result<(), Error> {
    let gone = |path: &Path, done: std::io::Result<()>| match done {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, &error)),
        _ => Ok(()),
    };
    let (manifest, files) = (folder.join(MANIFEST), folder.join(FILES));
    gone(&manifest, std::fs::remove_file(&manifest))?;
    gone(&files, std::fs::remove_dir_all(&files))
}

/// Puts files where components see them. All paths are [within](unpack::inside), and no folder here is older than this call.
fn lay_out(folder: &Path, layers: &Blobs, unpacked: &Unpacked) -> Result<(), Error> {
    use std::io::Write as _;
    for file in &unpacked.files {
        let path = folder.join(FILES).join(&file.component).join(&file.path);
        if let Some(parent) = path.parent() {
            blobs::make(parent)?;
        }
        let written = match &file.content {
            FileContent::Bytes(bytes) => std::fs::File::create_new(&path).and_then(|mut file| file.write_all(bytes)),
            // The layer itself: it is never written to again.
            FileContent::Layer(digest) => {
                let layer = layers.path(*digest);
                std::fs::hard_link(&layer, &path).or_else(|_| std::fs::copy(&layer, &path).map(drop))
            }
        };
        written.map_err(|error| Error::file(&path, &error))?;
    }
    Ok(())
}

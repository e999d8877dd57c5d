//! A folder of layers by digest: fetched piece by piece, gone on with where the last try broke off, and believed only once their digest is confirmed.

use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::limits;
use crate::oci::Descriptor;
use crate::registry::Registry;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Blobs(PathBuf);

/// What fetching came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Layers that came over the network.
    pub fetched: usize,
    /// Those that were there.
    pub present: usize,
    /// Bytes that came.
    pub bytes: u64,
}

impl Blobs {
    /// Makes the folder where it is not there.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        make(&folder)?;
        Ok(Self(folder))
    }

    /// Where one is. Its name is its digest, so no artifact can choose another.
    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.hex())
    }

    /// A small one, if it is there whole.
    pub(crate) fn read(&self, digest: Digest, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(digest);
        let Some(bytes) = read(&path, most)? else { return Ok(None) };
        if Digest::of(&bytes) == digest {
            return Ok(Some(bytes));
        }
        discard(&path)?;
        Ok(None)
    }

    /// Keeps these bytes, unless they are there.
    pub(crate) fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), Error> {
        if self.read(digest, bytes.len() as u64)?.is_some() {
            return Ok(());
        }
        write(&self.path(digest), bytes)
    }

    /// Fetches one, unless it is there. Whichever, its bytes have been read once more and are what its digest says.
    pub(crate) async fn fetch(&self, registry: &Registry, layer: &Descriptor, traffic: &mut Traffic) -> Result<(), Error> {
        let (path, size) = (self.path(layer.digest), layer.size);
        match hashed(path.clone()).await? {
            Some((digest, length)) if digest == layer.digest && length == size => {
                traffic.present += 1;
                return Ok(());
            }
            Some(_) => discard(&path)?,
            None => {}
        }
        let mut pause = limits::PAUSE;
        for attempt in 1..=limits::TRIES {
            match self.attempt(registry, layer, traffic).await {
                Ok(()) => break,
                Err(error) if error.is_away() && attempt < limits::TRIES => {
                    tracing::info!(layer = %layer.digest, %error, attempt, "fetching the rest of a layer again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
        }
        traffic.fetched += 1;
        Ok(())
    }

    async fn attempt(&self, registry: &Registry, layer: &Descriptor, traffic: &mut Traffic) -> Result<(), Error> {
        let what = || format!("the layer {}", layer.digest);
        let unfinished = self.0.join(format!("{}.part", layer.digest.hex()));
        let (mut hasher, mut length) = (Hasher::default(), 0);
        match read(&unfinished, layer.size.min(limits::ARTIFACT_BYTES))? {
            Some(bytes) => {
                hasher.update(&bytes);
                length = bytes.len() as u64;
            }
            // Not there, or too long to be its beginning.
            None => discard(&unfinished)?,
        }
        if length < layer.size || layer.size == 0 {
            let (mut answer, from) = match registry.open(layer, length).await {
                // It does not know how to go on, or what is there is not what it has.
                Err(Error::Registry { .. }) if length > 0 => {
                    discard(&unfinished)?;
                    (hasher, length) = (Hasher::default(), 0);
                    registry.open(layer, 0).await?
                }
                opened => opened?,
            };
            if from != length {
                discard(&unfinished)?;
                (hasher, length) = (Hasher::default(), from);
            }
            let mut options = OpenOptions::new();
            let mut file = options
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&unfinished)
                .map_err(|error| Error::file(&unfinished, &error))?;
            while let Some(piece) = answer.chunk().await.map_err(|error| registry.unreachable(&error))? {
                length += piece.len() as u64;
                if length > layer.size {
                    drop(file);
                    discard(&unfinished)?;
                    return Err(Error::Tampered { what: what(), reason: format!("more than its {} bytes come", layer.size) });
                }
                traffic.bytes += piece.len() as u64;
                hasher.update(&piece);
                file.write_all(&piece).map_err(|error| Error::file(&unfinished, &error))?;
            }
            file.sync_all().map_err(|error| Error::file(&unfinished, &error))?;
        }
        if length < layer.size {
            return Err(registry.broke_off(length, layer.size));
        }
        let digest = hasher.finish();
        if digest != layer.digest {
            discard(&unfinished)?;
            return Err(Error::Tampered { what: what(), reason: format!("its bytes have the digest {digest}") });
        }
        fs::rename(&unfinished, self.path(layer.digest)).map_err(|error| Error::file(&unfinished, &error))
    }

    /// Deletes all but these, and what was begun.
    pub(crate) fn keep_only(&self, kept: &std::collections::BTreeSet<Digest>) -> Result<(), Error> {
        let failed = |error: std::io::Error| Error::file(&self.0, &error);
        for entry in self.0.read_dir().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let named = entry.file_name().to_str().and_then(|name| format!("sha256:{name}").parse::<Digest>().ok());
            if named.is_none_or(|digest| !kept.contains(&digest)) {
                discard(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// A file's digest and length; none where there is no file.
async fn hashed(path: PathBuf) -> Result<Option<(Digest, u64)>, Error> {
    let read = tokio::task::spawn_blocking(move || {
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(path, &error)),
        };
        let (mut hasher, mut length, mut buffer) = (Hasher::default(), 0, vec![0; 64 * 1024]);
        loop {
            let read = file.read(&mut buffer).map_err(|error| Error::file(&path, &error))?;
            if read == 0 {
                return Ok(Some((hasher.finish(), length)));
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
            length += read as u64;
        }
    });
    read.await.map_err(|error| Error::Pack(error.to_string()))?
}

/// A file's bytes, of which it may have so many; none where there is no file, or a longer one.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file(path, &error)),
    };
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| Error::file(path, &error))?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= most))
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let unfinished = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().map_err(|error| Error::file(path, &error))
}

/// Makes a folder, and those that it is in, for nobody else's eyes.
pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| Error::file(folder, &error))
}

fn discard(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, &error)),
        _ => Ok(()),
    }
}

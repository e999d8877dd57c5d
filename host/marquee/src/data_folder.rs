//! The data folder: made, proven writable, and held by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A data folder that this process alone has, until this is dropped or the process ends, however it does.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is not there, and takes it.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let unusable = |error: std::io::Error| Error::Folder { folder: folder.to_owned(), reason: error.to_string() };
        // It holds password hashes and, in development, a signing key.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let path = folder.canonicalize().map_err(unusable)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked(path)),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The embedded database that components call by this label.
    pub fn database(&self, label: &str) -> PathBuf {
        // The platform's own stands on top, to be found by who looks for it.
        if label == "default" { self.path.join("marquee.db") } else { self.path.join("databases").join(format!("{label}.db")) }
    }

    /// Makes a folder in it.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.path.join(name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Error::Folder { folder: folder.clone(), reason: error.to_string() })?;
        Ok(folder)
    }

    /// Writes a file in it, whole or not at all.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        use std::io::Write;
        let unfinished = self.path.join(format!("{name}.tmp"));
        let write = || {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.path.join(name))
        };
        write().map_err(|error| Error::Folder { folder: self.path.clone(), reason: error.to_string() })
    }

    /// Reads a file in it; none where it is not there.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match fs::read(self.path.join(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Folder { folder: self.path.clone(), reason: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_locks_the_folder_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let first = DataFolder::open(&folder).unwrap();
        assert!(matches!(DataFolder::open(&folder), Err(Error::Locked(_))));
        drop(first);
        assert!(DataFolder::open(&folder).is_ok());
    }

    #[test]
    fn an_unusable_folder_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("a-file");
        std::fs::write(&file, "").unwrap();
        let message = DataFolder::open(&file.join("data")).unwrap_err().to_string();
        assert!(message.contains("a-file") && message.contains("--data"), "{message}");
    }

    #[test]
    fn files_round_trip() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(parent.path()).unwrap();
        assert_eq!(folder.read("x").unwrap(), None);
        folder.write("x", b"1").unwrap();
        folder.write("x", b"22").unwrap();
        assert_eq!(folder.read("x").unwrap().as_deref(), Some(&b"22"[..]));
    }
}

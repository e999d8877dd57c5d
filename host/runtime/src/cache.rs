//! Compiled code, kept on disk so that the next start need not compile.
//!
//! Loading compiled code is trusting it: it runs natively. So an entry is loaded only where the folder and the file
//! belong to the user we run as and no other user may write to them, and where the entry's own digest says that it is what
//! was once written. Entries are named by the digest of the component and by the engine's fingerprint (wasmtime's
//! version, settings and the machine's features): what another engine compiled is never even looked at.

use crate::engine::Engine;
use crate::limits;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::Hash as _;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::SystemTime;
use wasmtime::component::Component;

/// What follows the code in every entry, with its digest; changes with the entries' form.
const MAGIC: &[u8; 8] = b"mqcwasm2";
const TRAILER: usize = MAGIC.len() + 32;
/// How much of an entry is read at a time.
const PIECE: usize = 256 * 1024;
const SUFFIX: &str = "cwasm";

/// SHA-256 of a component's bytes, in hexadecimal.
#[must_use]
pub fn digest(wasm: &[u8]) -> String {
    hex(&Sha256::digest(wasm))
}

/// Names what compiled code depends on beside the component's bytes.
pub(crate) fn fingerprint(engine: &wasmtime::Engine) -> String {
    struct Adapter(Sha256);
    impl std::hash::Hasher for Adapter {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Adapter(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a component had to be compiled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// It was.
    Compiled,
    /// Its code was in the cache.
    Cached,
}

/// A folder of compiled code, or none. Several processes may share one.
#[derive(Debug)]
pub struct Cache {
    /// None: nothing is kept.
    folder: Option<PathBuf>,
    written: AtomicU64,
    /// Digests of what is being compiled or loaded by this process: who wants the same waits, and finds it in the folder.
    compiling: Mutex<BTreeSet<String>>,
    compiled: Condvar,
}

impl Cache {
    /// A cache in this folder, which is made if it is not there. Where it cannot be used safely nothing is kept, and the
    /// log says why: a start without cache is slow, not wrong.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        match prepare(folder) {
            Ok(()) => Self { folder: Some(folder.to_owned()), ..Self::none() },
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "the compile cache is disabled");
                Self::none()
            }
        }
    }

    /// Keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { folder: None, written: AtomicU64::new(0), compiling: Mutex::default(), compiled: Condvar::new() }
    }

    /// The component with these bytes, whose digest is `digest`: loaded, or compiled and kept. Takes seconds of CPU in the
    /// latter case: not for an async task.
    ///
    /// # Errors
    /// Where the bytes are not a component that this engine can compile.
    pub fn component(&self, engine: &Engine, wasm: &[u8], digest: &str) -> wasmtime::Result<(Component, Origin)> {
        let path = self.folder.as_ref().map(|folder| {
            let engine = engine.fingerprint().get(..16).unwrap_or_default();
            folder.join(format!("{digest}-{engine}.{SUFFIX}"))
        });
        let _turn = path.as_ref().map(|_| Turn::wait(self, digest));
        if let Some(path) = &path
            && let Some(component) = load(engine, path)
        {
            return Ok((component, Origin::Cached));
        }
        let component = Component::from_binary(engine.wasmtime(), wasm)?;
        if let Some(path) = &path
            && let Err(error) = self.store(&component, path)
        {
            tracing::warn!(path = %path.display(), %error, "could not write to the compile cache");
        }
        Ok((component, Origin::Compiled))
    }

    fn store(&self, component: &Component, path: &Path) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        if code.len() as u64 > limits::CACHE_ENTRY_BYTES {
            return Err(io::Error::other("larger than an entry may be"));
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let partial = path.with_extension(format!("{}-{number}.partial", std::process::id()));
        let written = write(&partial, &code).and_then(|()| fs::rename(&partial, path));
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        written?;
        if let Some(folder) = &self.folder {
            tidy(folder, limits::CACHE_BYTES, limits::CACHE_ENTRIES)?;
        }
        Ok(())
    }
}

/// The right to compile what has this digest: one at a time.
struct Turn<'a> {
    cache: &'a Cache,
    digest: &'a str,
}

impl<'a> Turn<'a> {
    fn wait(cache: &'a Cache, digest: &'a str) -> Self {
        let mut compiling = cache.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        while !compiling.insert(digest.to_owned()) {
            compiling = cache.compiled.wait(compiling).unwrap_or_else(PoisonError::into_inner);
        }
        Self { cache, digest }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.cache.compiling.lock().unwrap_or_else(PoisonError::into_inner).remove(self.digest);
        self.cache.compiled.notify_all();
    }
}

fn prepare(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    safe(&fs::metadata(folder)?)
}

/// Only we may have written it.
fn safe(metadata: &fs::Metadata) -> io::Result<()> {
    // SAFETY: geteuid reads the process' own credentials and cannot fail.
    let user = unsafe { libc::geteuid() };
    if metadata.uid() != user {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it"));
    }
    Ok(())
}

fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(code)?;
    file.write_all(MAGIC)?;
    file.write_all(&Sha256::digest(code))
}

/// An entry's component. What cannot be loaded is removed, and compiled again by the caller.
fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let loaded = verify(path).and_then(|()| {
        // The code is mapped and not read: processes share its pages, and what is never called is never fetched.
        // SAFETY: the entry is what `store` wrote: its folder and file are writable by this user only (`safe`), its digest matches, and an entry is
        // replaced and never written again. That it was made by this engine's equal is checked by wasmtime itself.
        unsafe { Component::deserialize_file(engine.wasmtime(), path) }.map_err(io::Error::other)
    });
    match loaded {
        Ok(component) => Some(component),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "an entry of the compile cache is discarded");
            let _ = fs::remove_file(path);
            None
        }
    }
}

/// Whether an entry is what was once written, by us.
fn verify(path: &Path) -> io::Result<()> {
    let damaged = || io::Error::other("it is damaged");
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(path)?;
    let metadata = file.metadata()?;
    safe(&metadata)?;
    let mut left =
        metadata.len().checked_sub(TRAILER as u64).filter(|code| *code <= limits::CACHE_ENTRY_BYTES).ok_or_else(damaged)?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; PIECE]);
    while left > 0 {
        let next = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let next = piece.get_mut(..next).unwrap_or_default();
        file.read_exact(next)?;
        hasher.update(&*next);
        left -= next.len() as u64;
    }
    let mut trailer = Vec::with_capacity(TRAILER);
    file.read_to_end(&mut trailer)?;
    if trailer != [MAGIC, &*hasher.finalize()].concat() {
        return Err(damaged());
    }
    // The time of the last use, which `tidy` goes by. Without the right to set it the entry only ages faster.
    let _ = File::set_modified(&file, SystemTime::now());
    Ok(())
}

/// Removes the entries used longest ago until the rest keeps the limits, and what a killed process left half written.
fn tidy(folder: &Path, most_bytes: u64, most_entries: usize) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Another process may be tidying, too.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let Ok(used) = metadata.modified() else { continue };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(SUFFIX) => entries.push((used, metadata.len(), path)),
            Some("partial") if used.elapsed().is_ok_and(|age| age > limits::CACHE_LEFTOVER) => {
                let _ = fs::remove_file(path);
            }
            _ => {}
        }
    }
    entries.sort_by(|one, other| other.cmp(one));
    let mut bytes = 0;
    for (index, (_, length, path)) in entries.into_iter().enumerate() {
        bytes += length;
        if bytes > most_bytes || index >= most_entries {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Allocation;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn engine() -> Engine {
        Engine::with(Allocation::OnDemand).unwrap()
    }

    fn entry(folder: &Path) -> PathBuf {
        let mut entries = fs::read_dir(folder).unwrap();
        let entry = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none());
        entry
    }

    fn write_private(path: &Path, content: &[u8]) {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap().write_all(content).unwrap();
    }

    fn get(cache: &Cache, engine: &Engine) -> Origin {
        cache.component(engine, EMPTY, &digest(EMPTY)).unwrap().1
    }

    #[test]
    fn a_second_load_uses_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, engine) = (Cache::open(&folder.path().join("made/here")), engine());
        assert_eq!(get(&cache, &engine), Origin::Compiled);
        assert_eq!(get(&cache, &engine), Origin::Cached);
        assert_eq!(get(&Cache::none(), &engine), Origin::Compiled);
    }

    #[test]
    fn what_is_wanted_by_many_at_once_is_compiled_once() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, engine) = (Cache::open(folder.path()), engine());
        let origins = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| get(&cache, &engine))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(origins.iter().filter(|origin| **origin == Origin::Compiled).count(), 1, "{origins:?}");
    }

    #[test]
    fn damaged_foreign_and_unsafe_entries_are_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, engine) = (Cache::open(folder.path()), engine());
        get(&cache, &engine);
        let path = entry(folder.path());
        let good = fs::read(&path).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let foreign_code = b"not code of ours";
        let foreign = [foreign_code, &MAGIC[..], &*Sha256::digest(foreign_code)].concat();
        let mut of_the_code = good.clone();
        of_the_code[good.len() / 2] ^= 1;
        for bad in [&flipped, &of_the_code, &good[..good.len() / 2], &good[..20], &[], &foreign] {
            // What is loaded is mapped: as `store` does, another file takes its place.
            fs::remove_file(&path).unwrap();
            write_private(&path, bad);
            assert_eq!(get(&cache, &engine), Origin::Compiled);
            assert_eq!(get(&cache, &engine), Origin::Cached);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(get(&cache, &engine), Origin::Compiled, "others may have written it");
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("target");
        fs::rename(&path, &target).unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert_eq!(get(&cache, &engine), Origin::Compiled, "a link may lead anywhere");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let (cache, engine) = (Cache::open(folder.path()), engine());
        get(&cache, &engine);
        assert_eq!(get(&cache, &engine), Origin::Compiled);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn least_recently_used_entries_are_evicted_first() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for age in 0..5_u64 {
            let path = folder.path().join(format!("{age}.cwasm"));
            fs::write(&path, [0; 10]).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(now - Duration::from_secs(age * 60)).unwrap();
        }
        let left = |folder: &Path| {
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        tidy(folder.path(), 39, 100).unwrap();
        assert_eq!(left(folder.path()), ["0.cwasm", "1.cwasm", "2.cwasm"]);
        tidy(folder.path(), 1_000, 1).unwrap();
        assert_eq!(left(folder.path()), ["0.cwasm"]);
    }
}

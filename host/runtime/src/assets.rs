//! What a component sees of files: whole folders, and beside these files by pattern, single files, and what is excluded.
//!
//! A folder is shown as it is. Anything else is copied, as stock Spin does it, into one folder that the component sees as its root. What is seen is part
//! of the version: its id changes with a file's content.

use crate::limits;
use glob::{MatchOptions, Pattern};
use manifest::{Assets, Component, Mount};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Files by the paths that a component sees them at, without the first slash; and where each is.
pub type Seen = BTreeMap<PathBuf, PathBuf>;

/// Finds every file that a component sees. What its manifest lists and is not there is left out where it is a folder or a single file, and an error where
/// it is a pattern.
///
/// # Errors
/// What cannot be read, and why; or that there are too many.
pub fn seen(root: &Path, component: &Component) -> Result<Seen, String> {
    let mut finder = Finder { root, assets: &component.assets, seen: Seen::new() };
    for Mount { source, destination } in &component.grants.files {
        let inside = Path::new(destination.trim_start_matches('/'));
        if source.is_dir() {
            finder.folder(source, inside)?
        } else if source.is_file() {
            finder.file(source, inside)?
        }
    }
    for pattern in &component.assets.patterns {
        finder.matching(pattern)?;
    }
    Ok(finder.seen)
}

/// Shows a component what its manifest lists. Returns a digest of what it sees, and where something had to be copied its folder, which is there for as
/// long as that.
///
/// # Errors
/// What cannot be copied or read, and why.
pub(crate) fn stage(root: &Path, component: &mut Component) -> Result<(Vec<u8>, Option<TempDir>), String> {
    let mut seen = seen(root, component)?;
    let Component { assets, grants, .. } = component;
    if assets.patterns.is_empty() && assets.excluded.is_empty() && !grants.files.iter().any(|mount| mount.source.is_file()) {
        return Ok((digest(&seen)?, None));
    }
    let folder = tempfile::Builder::new().prefix("marquee-files-").tempdir().map_err(|error| error.to_string())?;
    let mut bytes = 0;
    for (inside, source) in &mut seen {
        let to = folder.path().join(inside);
        let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
        bytes += made.and_then(|()| std::fs::copy(&*source, &to)).map_err(|error| at(source, &error))?;
        if bytes > limits::ASSET_BYTES {
            return Err(format!("more than {} bytes: name folders, which are not copied", limits::ASSET_BYTES));
        }
        // What is seen is the copy.
        *source = to;
    }
    grants.files = vec![Mount { source: folder.path().to_owned(), destination: "/".to_owned() }];
    Ok((digest(&seen)?, Some(folder)))
}

/// Names what is seen: every path, and every content.
fn digest(seen: &Seen) -> Result<Vec<u8>, String> {
    let mut hasher = Sha256::new();
    for (inside, source) in seen {
        let path = inside.as_os_str().as_bytes();
        hasher.update((path.len() as u64).to_be_bytes());
        hasher.update(path);
        let mut content = Sha256::new();
        let mut file = std::fs::File::open(source).map_err(|error| at(source, &error))?;
        io::copy(&mut file, &mut content).map_err(|error| at(source, &error))?;
        hasher.update(content.finalize());
    }
    Ok(hasher.finalize().to_vec())
}

/// How patterns match, as in Spin: `*` stays within a folder.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

struct Finder<'a> {
    root: &'a Path,
    assets: &'a Assets,
    seen: Seen,
}

impl Finder<'_> {
    fn matching(&mut self, pattern: &str) -> Result<(), String> {
        let whole = Path::new(&Pattern::escape(&self.root.to_string_lossy())).join(pattern);
        let found = glob::glob_with(&whole.to_string_lossy(), OPTIONS).map_err(|error| format!("{pattern}: {error}"))?;
        let mut any = false;
        for path in found {
            let path = path.map_err(|error| format!("{pattern}: {error}"))?;
            let Some(inside) = path.strip_prefix(self.root).ok().filter(|_| path.is_file()) else { continue };
            self.file(&path, inside)?;
            any = true;
        }
        if any { Ok(()) } else { Err(format!("{pattern} matches no file")) }
    }

    fn folder(&mut self, from: &Path, inside: &Path) -> Result<(), String> {
        let entries =
            from.read_dir().and_then(|entries| entries.collect::<io::Result<Vec<_>>>()).map_err(|error| at(from, &error))?;
        for entry in entries {
            let (path, inside) = (entry.path(), inside.join(entry.file_name()));
            // A link to a folder is not followed: it may lead in a circle.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.folder(&path, &inside)?,
                _ if path.is_file() => self.file(&path, &inside)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, inside: &Path) -> Result<(), String> {
        let name = from.strip_prefix(self.root).unwrap_or(from);
        let excluded = |pattern: &String| Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_path_with(name, OPTIONS));
        if self.assets.excluded.iter().any(excluded) {
            return Ok(());
        }
        self.seen.insert(inside.to_owned(), from.to_owned());
        if self.seen.len() > limits::ASSET_FILES {
            return Err(format!("more than {} files", limits::ASSET_FILES));
        }
        Ok(())
    }
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

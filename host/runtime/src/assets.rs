//! What a component's `files` name beside whole folders: files by pattern, single files, and what is excluded.
//!
//! A folder is shown as it is. Anything else is copied, as stock Spin does it, into one folder that the component sees as its root.

use crate::limits;
use glob::{MatchOptions, Pattern};
use manifest::{Assets, Component, Mount};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Shows a component what its manifest lists. The folder is there for as long as what is returned; none where nothing had to be copied.
///
/// # Errors
/// What cannot be copied, and why.
pub(crate) fn stage(root: &Path, component: &mut Component) -> Result<Option<TempDir>, String> {
    let Component { assets, grants, .. } = component;
    if assets.patterns.is_empty() && assets.excluded.is_empty() && !grants.files.iter().any(|mount| mount.source.is_file()) {
        return Ok(None);
    }
    let folder = tempfile::Builder::new().prefix("marquee-files-").tempdir().map_err(|error| error.to_string())?;
    let mut copy = AssetCopier { root, assets, to: folder.path(), files: 0, bytes: 0 };
    for Mount { source, destination } in &grants.files {
        let inside = Path::new(destination.trim_start_matches('/'));
        if source.is_dir() {
            copy.folder(source, inside)?
        } else if source.is_file() {
            copy.file(source, inside)?
        }
    }
    for pattern in &assets.patterns {
        copy.matching(pattern)?;
    }
    grants.files = vec![Mount { source: folder.path().to_owned(), destination: "/".to_owned() }];
    Ok(Some(folder))
}

/// How patterns match, as in Spin: `*` stays within a folder.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

struct AssetCopier<'a> {
    root: &'a Path,
    assets: &'a Assets,
    to: &'a Path,
    files: usize,
    bytes: u64,
}

impl AssetCopier<'_> {
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
        let to: PathBuf = self.to.join(inside);
        let made = to.parent().map_or(Ok(()), std::fs::create_dir_all);
        self.bytes += made.and_then(|()| std::fs::copy(from, &to)).map_err(|error| at(from, &error))?;
        self.files += 1;
        if self.files > limits::ASSET_FILES || self.bytes > limits::ASSET_BYTES {
            let (files, bytes) = (limits::ASSET_FILES, limits::ASSET_BYTES);
            return Err(format!("more than {files} files or {bytes} bytes: name folders, which are not copied"));
        }
        Ok(())
    }
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

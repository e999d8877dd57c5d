//! `spin:sqlite`: named databases, each a file.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::Commits;

/// A handle of a guest.
pub struct Connection;

/// A role's SQLite databases by label. Cheap to clone; clones share the pools.
#[derive(Clone)]
pub struct SqliteDatabases {
    files: Arc<BTreeMap<String, PathBuf>>,
    commits: Commits,
}

impl SqliteDatabases {
    /// Databases by label. A file is made when its database is first opened; its folder must exist.
    #[must_use]
    pub fn new(files: BTreeMap<String, PathBuf>) -> Self {
        Self { files: Arc::new(files), commits: Commits::new() }
    }

    /// Word of every commit made through these databases by components.
    #[must_use]
    pub fn commits(&self) -> &Commits {
        &self.commits
    }
}

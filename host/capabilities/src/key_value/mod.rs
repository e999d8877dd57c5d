//! `spin:key-value`: named stores in one SQLite file.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

/// A handle of a guest.
pub struct Store;

/// A role's key-value stores. Cheap to clone.
#[derive(Clone)]
pub struct KeyValueStores {
    file: Arc<PathBuf>,
    labels: Arc<BTreeSet<String>>,
}

impl KeyValueStores {
    /// The stores called `labels`, all in `file`, which is made on first use; its folder must exist.
    #[must_use]
    pub fn new(file: PathBuf, labels: BTreeSet<String>) -> Self {
        Self { file: Arc::new(file), labels: Arc::new(labels) }
    }
}

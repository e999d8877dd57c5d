//! Word of commits, for who waits for them.

use std::sync::Arc;

use tokio::sync::watch;

/// Notifies listeners that something was committed through a database binding, at once and without polling. Cheap
/// to clone.
///
/// It is a hint: other processes commit too, so a listener also looks from time to time.
#[derive(Clone, Debug, Default)]
pub struct Commits(Arc<watch::Sender<u64>>);

impl Commits {
    /// For a binding that tells of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A receiver whose `changed()` returns after the next commit. Commits meanwhile are merged: one look covers them all.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Something was committed.
    pub fn happened(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

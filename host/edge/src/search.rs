//! Full-text search: an index in memory, by tantivy, over the texts of the replica's events.
//!
//! The index narrows, the read model decides: the index says which events may have a query's words, and [`ReadModel::search_among`]
//! filters those alone, by the same rules as a full scan. So answers are the same with the index and without it, here and in hosts
//! that have none, and the index need not be up to date: what has changed since its last commit is noted, and looked at in any case. A
//! change is found from the moment that the model has it, while a commit, which takes milliseconds, is for many changes. What an event
//! has left to sell is in no text and costs the index nothing.
//!
//! Where the library fails, every text is scanned, the health check reports it, and the index is rebuilt after a while.

mod index;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use read_model::{EventDoc, Query, ReadModel, SearchError, SearchPage};

use self::index::{Index, View};
use crate::limits;

/// What searches go by. It belongs beside the model, under the same lock.
#[derive(Default)]
pub(crate) struct Lookup {
    view: Option<View>,
    /// The view could not be read.
    unreadable: AtomicBool,
    /// Events whose text the view may not have, and when that was noted.
    changed: HashMap<String, u64>,
    /// When everything was noted as changed.
    all_changed: Option<u64>,
    /// Counts what was noted.
    noted: u64,
    /// Why there is no view.
    trouble: Option<String>,
    /// Not to be built anew before.
    retry: Option<Instant>,
}

/// Writes the index.
#[derive(Default)]
pub(crate) struct Indexer {
    index: Option<Index>,
}

/// What the index is to take over from the model.
pub(crate) struct IndexChanges {
    texts: Vec<(Arc<EventDoc>, Arc<str>)>,
    /// Events that the model does not have any more.
    gone: Vec<String>,
    /// There are no others than these.
    all: bool,
    /// A view is needed even if no text is a new one.
    renew: bool,
    noted: u64,
}

/// What came of it.
pub(crate) struct IndexUpdate {
    /// None: no text is a new one.
    view: Result<Option<View>, Error>,
    noted: u64,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Index(#[from] tantivy::TantivyError),
    #[error("it panicked")]
    Panic,
}

impl Lookup {
    /// Must be called for every event that changes or is removed.
    pub fn note(&mut self, id: &str) {
        self.noted += 1;
        self.changed.insert(id.to_owned(), self.noted);
    }

    /// The same of all events: every text is read until the index has caught up.
    pub fn note_all(&mut self) {
        self.noted += 1;
        self.all_changed = Some(self.noted);
        self.changed.clear();
    }

    /// As [`ReadModel::search`].
    pub fn search(&self, model: &ReadModel, query: &Query, now: i64) -> Result<SearchPage, SearchError> {
        let words = query.text.as_deref().map(read_model::words).unwrap_or_default();
        match self.candidates(&words) {
            // Where most events may match, looking each up by its id costs more than going through them all.
            Some(ids) if ids.len() <= model.len() / 2 => model.search_among(ids.iter().map(|id| &**id), query, now),
            Some(_) | None => model.search(query, now),
        }
    }

    /// Each once; none where every text is to be read.
    fn candidates(&self, words: &[String]) -> Option<Vec<Arc<str>>> {
        let view = self.view.as_ref().filter(|_| self.all_changed.is_none() && !self.unreadable.load(Ordering::Relaxed))?;
        if words.is_empty() {
            return None;
        }
        match careful(|| view.matching(words)) {
            Ok(mut ids) => {
                ids.retain(|id| !self.changed.contains_key(&**id));
                ids.extend(self.changed.keys().map(|id| Arc::from(&**id)));
                Some(ids)
            }
            Err(error) => {
                self.unreadable.store(true, Ordering::Relaxed);
                tracing::warn!(%error, "the text index could not be read: searches read every text until it is built anew");
                None
            }
        }
    }

    /// Why searches read every text, if they do for longer than it takes to read a snapshot.
    pub fn trouble(&self) -> Option<String> {
        let unreadable = || self.unreadable.load(Ordering::Relaxed).then(|| "it could not be read".to_owned());
        self.trouble.clone().or_else(unreadable)
    }

    /// As if the library had failed.
    #[cfg(test)]
    pub fn lose(&self) {
        self.unreadable.store(true, Ordering::Relaxed);
    }

    /// Whether the index is so far behind that it should catch up.
    pub fn lags(&self) -> bool {
        let behind =
            self.all_changed.is_some() || self.unreadable.load(Ordering::Relaxed) || self.changed.len() >= limits::INDEX_BEHIND;
        behind && self.retry.is_none_or(|retry| retry <= Instant::now())
    }

    /// What the index has to catch up with. The indexer stays locked until [`Self::advance`].
    pub fn work(&self, model: &ReadModel, indexer: &mut Indexer) -> IndexChanges {
        if self.unreadable.load(Ordering::Relaxed) {
            indexer.index = None;
        }
        let renew = self.view.is_none() || indexer.index.is_none();
        let all = self.all_changed.is_some() || indexer.index.is_none();
        let (mut texts, mut gone) = (Vec::new(), Vec::new());
        if all {
            texts.extend(model.entries().map(|entry| (Arc::clone(&entry.doc), Arc::clone(entry.text()))));
        } else {
            for id in self.changed.keys() {
                match model.entry(id) {
                    Some(entry) => texts.push((Arc::clone(&entry.doc), Arc::clone(entry.text()))),
                    None => gone.push(id.clone()),
                }
            }
        }
        IndexChanges { texts, gone, all, renew, noted: self.noted }
    }

    /// Goes by what was written. What was noted meanwhile stays noted.
    pub fn advance(&mut self, written: IndexUpdate) {
        let failed = written.view.is_err() || self.unreadable.load(Ordering::Relaxed);
        self.retry = failed.then(|| Instant::now() + limits::INDEX_RETRY);
        match written.view {
            Ok(view) => {
                self.view = view.or_else(|| self.view.take());
                self.changed.retain(|_, noted| *noted > written.noted);
                self.all_changed = self.all_changed.filter(|noted| *noted > written.noted);
                self.unreadable = AtomicBool::new(false);
                self.trouble = None;
            }
            Err(error) => {
                self.view = None;
                self.trouble = Some(error.to_string());
                self.note_all();
            }
        }
    }
}

impl Indexer {
    /// Has the index catch up. Takes seconds where there are many texts.
    pub fn write(&mut self, work: IndexChanges) -> IndexUpdate {
        let noted = work.noted;
        let view = careful(|| {
            let index = match &mut self.index {
                Some(index) => index,
                none => none.insert(Index::open()?),
            };
            take_over(index, work)
        });
        if let Err(error) = &view {
            tracing::warn!(%error, "the text index failed: searches read every text until it is built anew");
            // What it has is in doubt.
            self.index = None;
        }
        IndexUpdate { view, noted }
    }
}

fn take_over(index: &mut Index, work: IndexChanges) -> tantivy::Result<Option<View>> {
    let mut changes = work.renew;
    let mut gone: HashSet<Arc<str>> = if work.all { index.known().cloned().collect() } else { HashSet::new() };
    for (doc, text) in &work.texts {
        changes |= index.put(&doc.id, text)?;
        gone.remove(&*doc.id);
    }
    for id in gone.iter().map(|id| &**id).chain(work.gone.iter().map(String::as_str)) {
        changes |= index.remove(id);
    }
    if changes { index.commit().map(Some) } else { Ok(None) }
}

/// A fault in the library costs the index, not the node: who called throws away what was half done.
fn careful<R>(work: impl FnOnce() -> tantivy::Result<R>) -> Result<R, Error> {
    Ok(catch_unwind(AssertUnwindSafe(work)).map_err(|_| Error::Panic)??)
}

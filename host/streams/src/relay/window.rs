//! What is under way to Kafka, in pages: a page is done when Kafka has all of its records.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

/// Rows of a page at most. The relay's place moves on page by page.
pub(super) const PAGE_ROWS: usize = 1_024;

/// Some consecutive rows.
#[derive(Debug)]
pub(super) struct Page {
    /// Its last position.
    last: AtomicI64,
    /// Records that Kafka has not acknowledged, and one more until the page is closed.
    open: AtomicUsize,
    records: AtomicU64,
    rows: AtomicUsize,
    bytes: AtomicUsize,
}

impl Page {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            last: AtomicI64::new(0),
            open: AtomicUsize::new(1),
            records: AtomicU64::new(0),
            rows: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        })
    }

    /// A row is of this page.
    pub(super) fn add(&self, position: i64, bytes: usize) {
        self.last.store(position, Ordering::Relaxed);
        self.rows.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A record of it is about to be sent.
    pub(super) fn sending(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(1, Ordering::Relaxed);
    }

    /// It was not sent after all.
    pub(super) fn not_sent(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.records.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub(super) fn last(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }

    pub(super) fn done(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Returns whether it is done with that.
    fn one_less(&self) -> bool {
        self.open.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// The pages that are under way.
#[derive(Debug)]
pub(super) struct Window {
    pages: Mutex<VecDeque<Arc<Page>>>,
    rows: AtomicUsize,
    bytes: AtomicUsize,
    failed: OnceLock<String>,
    /// Grows whenever a page is done, pages were taken out or something failed.
    changes: watch::Sender<u64>,
}

/// Pages that Kafka has, and all before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublishedUpTo {
    pub(super) position: i64,
    pub(super) records: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            pages: Mutex::default(),
            rows: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            failed: OnceLock::new(),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A page of the live journal begins; pages are added in order.
    pub(super) fn add(&self, page: &Arc<Page>) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).push_back(Arc::clone(page));
    }

    /// A row of a page of the live journal is under way.
    pub(super) fn grows(&self, bytes: usize) {
        self.rows.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A record was acknowledged, or its page closed.
    pub(super) fn acknowledged(&self, page: &Page) {
        if page.one_less() {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Something was not delivered. The first reason stays.
    pub(super) fn fail(&self, reason: &str) {
        _ = self.failed.set(reason.to_owned());
        self.changes.send_modify(|changes| *changes += 1);
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    /// Takes out what Kafka has, up to the first page that it has not, and wakes those that wait for room.
    pub(super) fn reached(&self) -> Option<PublishedUpTo> {
        let reached = self.take_done()?;
        // Who waits may have seen already that the pages were done, and found no room yet.
        self.changes.send_modify(|changes| *changes += 1);
        Some(reached).filter(|reached| reached.position > 0)
    }

    fn take_done(&self) -> Option<PublishedUpTo> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reached: Option<PublishedUpTo> = None;
        while let Some(page) = pages.pop_front_if(|page| page.done()) {
            self.rows.fetch_sub(page.rows(), Ordering::Relaxed);
            self.bytes.fetch_sub(page.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
            let records = reached.map_or(0, |reached| reached.records) + page.records();
            // A page without a row says nothing of positions.
            let position = if page.rows() == 0 { reached.map_or(0, |reached| reached.position) } else { page.last() };
            reached = Some(PublishedUpTo { position, records });
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_advances_over_contiguous_acknowledgements() {
        let window = Window::new();
        let pages: Vec<_> = (0..3).map(|_| Page::new()).collect();
        for (page, position) in pages.iter().zip([10, 20, 30]) {
            window.add(page);
            page.add(position, 5);
            window.grows(5);
            page.sending();
            window.acknowledged(page);
        }
        assert_eq!(window.reached(), None);
        window.acknowledged(&pages[1]);
        assert_eq!((window.reached(), window.rows()), (None, 3));
        window.acknowledged(&pages[0]);
        assert_eq!(window.reached(), Some(PublishedUpTo { position: 20, records: 2 }));
        assert_eq!((window.rows(), window.bytes()), (1, 5));
    }

    #[test]
    fn a_waiter_for_room_is_woken_after_the_last_acknowledgement() {
        let (window, page) = (Window::new(), Page::new());
        window.add(&page);
        page.add(10, 5);
        window.grows(5);
        window.acknowledged(&page);
        let mut changes = window.changes();
        changes.borrow_and_update();
        assert_eq!(window.rows(), 1, "no room yet");
        assert!(window.reached().is_some());
        assert!(changes.has_changed().unwrap());
        changes.borrow_and_update();
        assert!(window.reached().is_none() && !changes.has_changed().unwrap(), "nothing more to be told");
    }
}

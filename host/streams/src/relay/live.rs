//! New rows: read, sent, and the relay's position stored.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use telemetry::Metrics;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::outlet::Outlet;
use super::status::Progress;
use super::window::{PAGE_ROWS, Page};
use crate::{Breaker, Error, Journal, limits};

/// Publishing with one producer.
pub(super) struct Round<'a> {
    pub(super) journal: &'a dyn Journal,
    pub(super) outlet: &'a Arc<Outlet>,
    pub(super) wake: &'a Notify,
    pub(super) progress: &'a Progress,
    pub(super) metrics: &'a Metrics,
    pub(super) breaker: &'a Breaker,
}

/// Pauses after the journal could not be read or written; it is nothing to do with Kafka.
pub(super) struct RetryPause(Duration);

impl RetryPause {
    pub(super) const fn new() -> Self {
        Self(limits::JOURNAL_RETRY.0)
    }

    pub(super) fn over(&mut self) {
        self.0 = limits::JOURNAL_RETRY.0;
    }

    pub(super) async fn after(&mut self, error: &Error) {
        let (first, longest) = limits::JOURNAL_RETRY;
        if self.0 == first || self.0 == longest {
            tracing::warn!(%error, "the relay cannot use the journal");
        }
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(longest);
    }
}

impl Round<'_> {
    /// Reads and sends until `stopping`. Fails with the window.
    pub(super) async fn publish(&self, mut stopping: watch::Receiver<bool>) -> Result<(), String> {
        let mut pause = RetryPause::new();
        let mut position = loop {
            match self.journal.cursor().await {
                Ok(position) => break position,
                Err(error) => pause.after(&error).await,
            }
        };
        self.progress.begun(position);
        let window = &self.outlet.window;
        let mut changes = window.changes();
        let mut headers = self.outlet.headers();
        while !*stopping.borrow_and_update() {
            changes.borrow_and_update();
            if let Some(reason) = window.failure() {
                return Err(reason.to_owned());
            }
            let room = limits::WINDOW_ROWS.saturating_sub(window.rows());
            if room < limits::READ_ROWS / 4 || window.bytes() >= limits::WINDOW_BYTES {
                tokio::select! {
                    _ = changes.changed() => {}
                    _ = stopping.changed() => {}
                }
                continue;
            }
            let limit = room.min(limits::READ_ROWS);
            let after = position;
            let mut page = Page::new();
            window.add(&page);
            let mut sink = |row: crate::journal::Row<'_>| {
                if page.rows() >= PAGE_ROWS {
                    let next = Page::new();
                    window.add(&next);
                    let full = std::mem::replace(&mut page, next);
                    window.acknowledged(&full);
                }
                let ControlFlow::Continue(bytes) = self.outlet.send(&row, &page, &mut headers, false) else {
                    return ControlFlow::Break(());
                };
                page.add(row.position, bytes);
                window.grows(bytes);
                position = row.position;
                if window.bytes() >= limits::WINDOW_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let read = self.journal.read(after, i64::MAX, limit, &mut sink).await;
            window.acknowledged(&page);
            match read {
                Ok(rows) => {
                    pause.over();
                    if rows < limit / 2 {
                        tokio::select! {
                            () = self.wake.notified() => {}
                            () = sleep(limits::RELAY_POLL) => {}
                            _ = stopping.changed() => {}
                        }
                    }
                }
                Err(error) => pause.after(&error).await,
            }
        }
        // The task that stores the position waits for what is in flight, and stores it.
        while window.rows() > 0 && window.failure().is_none() {
            _ = changes.changed().await;
        }
        // An error that is none: so that everything else ends as well.
        window.fail(STOPPED);
        Ok(())
    }

    /// Keeps the relay's place where Kafka is. Fails with the window.
    pub(super) async fn keep_place(&self) -> Result<(), String> {
        let window = &self.outlet.window;
        let mut changes = window.changes();
        let mut pause = RetryPause::new();
        let (mut place, mut kept) = (0, 0);
        let mut written: Option<Instant> = None;
        let mut looked: Option<Instant> = None;
        loop {
            let until_next = written.map_or(Duration::ZERO, |at| limits::CURSOR_EVERY.saturating_sub(at.elapsed()));
            let wait = if place > kept { until_next } else { limits::STANDING_EVERY };
            _ = timeout(wait, changes.changed()).await;
            let ended = window.failure().map(str::to_owned);
            if let Some(reached) = window.reached() {
                place = reached.position;
                self.progress.reached(place);
                self.progress.published(reached.records);
                if self.breaker.works() {
                    tracing::info!(position = place, "Kafka accepts records again");
                }
            }
            if place > kept && (ended.is_some() || written.is_none_or(|at| at.elapsed() >= limits::CURSOR_EVERY)) {
                match self.journal.advance(place).await {
                    Ok(()) => {
                        pause.over();
                        kept = place;
                        written = Some(Instant::now());
                    }
                    Err(error) if ended.is_none() => pause.after(&error).await,
                    Err(error) => {
                        tracing::warn!(%error, "could not store the position of the relay: some records will be published twice")
                    }
                }
            }
            match ended {
                Some(reason) if reason == STOPPED => return Ok(()),
                Some(reason) => return Err(reason),
                None => {}
            }
            if looked.is_none_or(|at| at.elapsed() >= limits::STANDING_EVERY) {
                looked = Some(Instant::now());
                let position = self.progress.status().position;
                match self.journal.standing(position).await {
                    Ok(standing) => {
                        self.progress.stands(standing, self.metrics);
                        // Nothing to be sent, and Kafka answered when this began.
                        if standing.last <= position && window.rows() == 0 && self.breaker.works() {
                            tracing::info!(position, "Kafka answers again");
                        }
                    }
                    Err(error) => tracing::debug!(%error, "the position of the journal is unknown"),
                }
            }
        }
    }
}

/// The window's last word when nothing failed.
pub(super) const STOPPED: &str = "stopped";

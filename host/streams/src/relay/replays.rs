//! Ranges that are published again, beside what is new.

use std::ops::ControlFlow;

use tokio::sync::watch;
use tokio::time::sleep;

use super::live::{RetryPause, Round, STOPPED};
use super::window::Page;
use crate::journal::Replay;
use crate::{Error, limits};

/// What may end a range before its last position.
enum ReplayError {
    Failed(String),
    Journal(Error),
    Stopping,
}

impl Round<'_> {
    /// Publishes requested replays, one range after the other, until `stopping`. Fails with the window.
    pub(super) async fn replay(&self, mut stopping: watch::Receiver<bool>) -> Result<(), String> {
        let mut pause = RetryPause::new();
        loop {
            let replayed = match self.journal.open_replay().await {
                Ok(Some(replay)) => self.replay_range(&replay, &mut stopping).await.map(|()| true),
                Ok(None) => Ok(false),
                Err(error) => Err(ReplayError::Journal(error)),
            };
            match replayed {
                Ok(true) => pause.over(),
                Ok(false) => tokio::select! {
                    () = sleep(limits::REPLAY_LOOK) => {}
                    _ = stopping.changed() => return Ok(()),
                },
                Err(ReplayError::Failed(reason)) if reason == STOPPED => return Ok(()),
                Err(ReplayError::Failed(reason)) => return Err(reason),
                Err(ReplayError::Stopping) => return Ok(()),
                // A database without the table has no replays.
                Err(ReplayError::Journal(error)) => pause.after(&error).await,
            }
            if *stopping.borrow() {
                return Ok(());
            }
        }
    }

    async fn replay_range(&self, replay: &Replay, stopping: &mut watch::Receiver<bool>) -> Result<(), ReplayError> {
        let window = &self.outlet.window;
        let mut changes = window.changes();
        let mut headers = self.outlet.headers();
        let mut next = replay.next;
        tracing::info!(id = replay.id, from = next, last = replay.last, "publishing again");
        while next <= replay.last {
            let page = Page::new();
            let mut sink = |row: crate::journal::Row<'_>| {
                let ControlFlow::Continue(bytes) = self.outlet.send(&row, &page, &mut headers, true) else {
                    return ControlFlow::Break(());
                };
                page.add(row.position, bytes);
                if page.rows() >= limits::REPLAY_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let read = self.journal.read(next - 1, replay.last, limits::REPLAY_ROWS, &mut sink).await;
            window.acknowledged(&page);
            let rows = read.map_err(ReplayError::Journal)?;
            while !page.done() {
                if let Some(reason) = window.failure() {
                    return Err(ReplayError::Failed(reason.to_owned()));
                }
                tokio::select! {
                    _ = changes.changed() => {}
                    _ = stopping.changed() => return Err(ReplayError::Stopping),
                }
            }
            self.progress.published(page.records());
            // Where there are no more rows, the rest has been deleted or is not there yet.
            next = if rows == 0 { replay.last + 1 } else { page.last() + 1 };
            self.journal.move_replay(replay, next).await.map_err(ReplayError::Journal)?;
        }
        tracing::info!(id = replay.id, "published again");
        Ok(())
    }
}

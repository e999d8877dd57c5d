//! The connections of one database.

use std::{
    fs::{OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Error, io, session::Session};
use crate::{Commits, limits};

/// One database: its file and its connections.
pub(super) struct Database {
    file: PathBuf,
    idle: Mutex<Vec<Session>>,
    places: Arc<Semaphore>,
    acquire: Duration,
    /// The lock of immediate transactions, granted in the order of requests. SQLite itself knows no queue: its
    /// waiters poll, so that under contention some wait for ever and all wait too long.
    writer: Arc<Semaphore>,
    /// Whether the file is known to keep a write-ahead log.
    write_ahead: Mutex<bool>,
    pub(super) commits: Commits,
}

/// A place in the pool, with a connection once it is opened. Dropped, it gives the connection back or closes it.
pub(super) struct Lease {
    pub(super) database: Arc<Database>,
    session: Option<Session>,
    turn: Option<OwnedSemaphorePermit>,
    place: Option<OwnedSemaphorePermit>,
}

impl Database {
    pub(super) fn new(file: PathBuf, commits: Commits, connections: usize, acquire: Duration) -> Self {
        Self {
            file,
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(connections)),
            acquire,
            writer: Arc::new(Semaphore::new(1)),
            write_ahead: Mutex::new(false),
            commits,
        }
    }

    /// Waits for a place, at most as long as the pool allows.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        let place = match timeout(self.acquire, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            // Begins as SQLite's own text for a lock that was not had in time, which callers know.
            Ok(Err(_)) | Err(_) => return Err(Error::Io("database is locked: all of its connections are in use".into())),
        };
        let session = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Lease { database: Arc::clone(self), session, turn: None, place: Some(place) })
    }

    fn open(&self) -> rusqlite::Result<Session> {
        // One at a time until the log is switched on. Of two connections that switch at once SQLite refuses one without waiting, since each
        // would wait for the other.
        let mut write_ahead = self.write_ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if *write_ahead {
            drop(write_ahead);
            return Session::open(&self.file);
        }
        // For this user alone, whatever the umask: SQLite gives its other files (-wal, -shm) the mode of this one. It says itself what is wrong
        // with a file that cannot be made.
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&self.file);
        // One that is there already may be from somebody less careful, and not ours to change.
        drop(file.map(|file| file.set_permissions(Permissions::from_mode(0o600))));
        let session = Session::open(&self.file)?;
        // Kept in the file; readers and the writer then do not wait for each other.
        session.sqlite.pragma_update(None, "journal_mode", "WAL")?;
        *write_ahead = true;
        Ok(session)
    }

    /// Writes the log into the file and empties it, so that what was deleted is in neither. False: somebody reads or writes. Blocks.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<bool> {
        if !*self.write_ahead.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(true);
        }
        let session = Session::open(&self.file)?;
        let busy: i64 = session.sqlite.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(busy == 0)
    }

    #[cfg(test)]
    pub(super) fn idle_connections(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Lease {
    /// The connection, opened if need be. Blocks.
    pub(super) fn session(&mut self) -> Result<&mut Session, Error> {
        match &mut self.session {
            Some(session) => Ok(session),
            none => Ok(none.insert(self.database.open().map_err(io)?)),
        }
    }

    /// The connection, if it has been opened.
    pub(super) fn opened(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Waits for the turn to write, in order, as long as a statement would wait for a lock.
    pub(super) async fn take_turn(&mut self) -> Result<(), Error> {
        let in_transaction = self.session.as_ref().is_some_and(Session::in_transaction);
        if self.turn.is_some() || in_transaction {
            return Ok(());
        }
        let wait = self.session.as_ref().map_or(limits::SQLITE_BUSY, Session::busy_timeout).min(limits::SQLITE_BUSY_MAX);
        self.turn = Some(turn(&self.database.writer, wait).await.ok_or_else(|| Error::Io("database is locked".into()))?);
        Ok(())
    }

    /// To be called after every statement: lets the next one write and tells of commits.
    pub(super) fn after_statement(&mut self) {
        let Some(session) = &self.session else { return };
        if !session.in_transaction() {
            self.turn = None;
            if session.take_committed() {
                self.database.commits.happened();
            }
        }
    }
}

async fn turn(writer: &Arc<Semaphore>, wait: Duration) -> Option<OwnedSemaphorePermit> {
    timeout(wait, Arc::clone(writer).acquire_owned()).await.ok()?.ok()
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        if session.reset() {
            let mut idle = self.database.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < limits::SQLITE_IDLE_CONNECTIONS {
                idle.push(session);
                return;
            }
        }
        // To close is to roll back, and may write a checkpoint: not on an async thread. The next writer's turn comes
        // after that.
        let held = (self.turn.take(), self.place.take());
        let close = move || {
            drop(session);
            drop(held);
        };
        match Handle::try_current() {
            Ok(handle) => drop(handle.spawn_blocking(close)),
            Err(_) => close(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    #[test]
    fn who_opens_a_new_database_at_once_with_others_is_not_refused() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::new(folder.path().join("new.db"), Commits::default(), 8, Duration::from_secs(1));
            let at_once = Barrier::new(8);
            thread::scope(|threads| {
                for _ in 0..8 {
                    threads.spawn(|| {
                        at_once.wait();
                        let mode = database.open().unwrap().sqlite.pragma_query_value(None, "journal_mode", |row| row.get(0));
                        assert_eq!(mode, Ok("wal".to_owned()));
                    });
                }
            });
        }
    }
}

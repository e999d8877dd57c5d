//! One physical connection.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rusqlite::{
    OpenFlags,
    hooks::{AuthAction, AuthContext, Authorization},
};

use crate::limits;

/// Settings that belong to the database or only read: they leave nothing behind on the connection.
const CLEAN_PRAGMAS: [&str; 14] = [
    "application_id",
    "busy_timeout",
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "journal_mode",
    "optimize",
    "quick_check",
    "table_info",
    "user_version",
    "wal_checkpoint",
];

/// A connection, and what its hooks have noticed.
pub(super) struct Session {
    pub(super) sqlite: rusqlite::Connection,
    marks: Arc<SessionFlags>,
    /// Rows changed by all users before this one.
    changes_before: u64,
}

#[derive(Default)]
struct SessionFlags {
    /// Something of this user would be left on the connection.
    tainted: AtomicBool,
    /// A transaction that wrote is being, or has been, committed since the last look.
    committed: AtomicBool,
    /// How long statements wait for a lock, in milliseconds.
    busy_ms: AtomicU64,
}

impl Session {
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sqlite = rusqlite::Connection::open_with_flags(file, flags)?;
        sqlite.busy_timeout(limits::SQLITE_BUSY)?;
        sqlite.set_prepared_statement_cache_capacity(limits::SQLITE_STATEMENTS);
        // A commit that was answered must survive a power cut. Foreign keys are on, as in Spin's build of SQLite.
        sqlite.pragma_update(None, "synchronous", "FULL")?;
        sqlite.pragma_update(None, "foreign_keys", true)?;
        // What is deleted or replaced is overwritten: else it could be read out of the file.
        sqlite.pragma_update(None, "secure_delete", true)?;
        let marks = Arc::new(SessionFlags::default());
        let (on_prepare, on_commit) = (Arc::clone(&marks), Arc::clone(&marks));
        sqlite.authorizer(Some(move |context: AuthContext<'_>| on_prepare.authorize(&context.action)));
        sqlite.commit_hook(Some(move || {
            on_commit.committed.store(true, Relaxed);
            false
        }));
        marks.reset();
        Ok(Self { changes_before: sqlite.total_changes(), sqlite, marks })
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        !self.sqlite.is_autocommit()
    }

    /// Whether something was committed since this was last asked.
    pub(super) fn take_committed(&self) -> bool {
        self.marks.committed.load(Relaxed) && !self.in_transaction() && self.marks.committed.swap(false, Relaxed)
    }

    /// Whether this user has changed anything. Until then, what SQLite says of the last change is about somebody else's.
    pub(super) fn has_changed_rows(&self) -> bool {
        self.sqlite.total_changes() != self.changes_before
    }

    /// How long this user's statements wait for a lock.
    pub(super) fn busy_timeout(&self) -> Duration {
        Duration::from_millis(self.marks.busy_ms.load(Relaxed))
    }

    /// Keeps the guest's wait for locks within bounds: it blocks a thread.
    pub(super) fn bound_busy_timeout(&self) -> rusqlite::Result<()> {
        if self.busy_timeout() > limits::SQLITE_BUSY_MAX {
            self.sqlite.busy_timeout(limits::SQLITE_BUSY_MAX)?;
        }
        Ok(())
    }

    /// Makes the connection as good as new. False where it cannot be: then it must be closed.
    #[must_use]
    pub(super) fn reset(&mut self) -> bool {
        let clean =
            !self.in_transaction() && !self.marks.tainted.load(Relaxed) && self.sqlite.busy_timeout(limits::SQLITE_BUSY).is_ok();
        self.marks.reset();
        self.changes_before = self.sqlite.total_changes();
        clean
    }
}

impl SessionFlags {
    fn reset(&self) {
        self.tainted.store(false, Relaxed);
        self.committed.store(false, Relaxed);
        self.busy_ms.store(u64::try_from(limits::SQLITE_BUSY.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What a statement that is being prepared may do. Other files are out of bounds; what outlives the statement on
    /// its connection is noted.
    fn authorize(&self, action: &AuthAction<'_>) -> Authorization {
        match action {
            AuthAction::Attach { filename } => {
                self.tainted.store(true, Relaxed);
                if !matches!(*filename, "" | ":memory:") {
                    return Authorization::Deny;
                }
            }
            AuthAction::Pragma { pragma_name, pragma_value: Some(value) } => {
                if pragma_name.eq_ignore_ascii_case("busy_timeout") {
                    self.busy_ms.store(value.parse().unwrap_or(0), Relaxed);
                }
                if !CLEAN_PRAGMAS.iter().any(|clean| clean.eq_ignore_ascii_case(pragma_name)) {
                    self.tainted.store(true, Relaxed);
                }
            }
            AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. } => self.tainted.store(true, Relaxed),
            _ => {}
        }
        Authorization::Allow
    }
}

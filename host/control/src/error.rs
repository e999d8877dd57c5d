//! Why something was not done, said so that it can be put right.

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, is busy, or gave this transaction up for another's sake: try again. The text never holds a parameter.
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Database(String),
    /// A row is not as this program writes it.
    #[error("a row of {table} cannot be read: {reason}")]
    Row {
        /// Where it is.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The database was migrated by a newer program.
    #[error("the control plane's tables are at version {database}, this program knows only {program}: use a newer marquee")]
    Newer {
        /// The database's version.
        database: i64,
        /// The program's.
        program: i64,
    },
    /// The file of tokens.
    #[error("the tokens {}: {reason}", file.display())]
    Tokens {
        /// Which.
        file: std::path::PathBuf,
        /// What is wrong with it. Never quotes a line.
        reason: String,
    },
    /// Prometheus.
    #[error("Prometheus: {0}")]
    Prometheus(String),
    /// Its own metrics: a bug, seen at start.
    #[error(transparent)]
    Metrics(#[from] telemetry::Error),
    /// What agents connect to.
    #[error("the listener of agents: {0}")]
    Agents(String),
}

impl Error {
    /// Whether something is unreachable that may come back.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    pub(crate) fn row(table: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Row { table, reason: reason.to_string() }
    }
}

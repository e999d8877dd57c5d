//! Why nothing came of it, said so that it can be put right.

use std::path::PathBuf;

/// What can go wrong with an artifact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the name of an artifact.
    #[error("{text:?} names no artifact: {reason}")]
    Reference {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The registry cannot be reached, or broke off.
    #[error("the registry {registry} cannot be reached: {reason}")]
    Unreachable {
        /// Its host.
        registry: String,
        /// What the system says.
        reason: String,
    },
    /// It wants somebody else, or nobody.
    #[error("the registry {registry} refuses access: {reason}; `docker login {registry}` writes credentials, or name their file")]
    Unauthorized {
        /// Its host.
        registry: String,
        /// What it says.
        reason: String,
    },
    /// It has no such thing.
    #[error("{0} is not there")]
    NotFound(String),
    /// It answers otherwise than registries do.
    #[error("the registry {registry} answered {what} with {reason}")]
    Registry {
        /// Its host.
        registry: String,
        /// What was asked.
        what: String,
        /// What came.
        reason: String,
    },
    /// It sends elsewhere, where nobody is to be sent.
    #[error("the registry {registry} sends to {to}, which is refused: {reason}")]
    Redirect {
        /// Its host.
        registry: String,
        /// Where.
        to: String,
        /// Why not.
        reason: &'static str,
    },
    /// What came is not what was asked for.
    #[error("{what} is not what its digest says: {reason}")]
    Tampered {
        /// Which part.
        what: String,
        /// In what it differs.
        reason: String,
    },
    /// It is no application that can be run here.
    #[error("{reference} is no application for this host: {reason}")]
    Unfit {
        /// The artifact.
        reference: String,
        /// Why.
        reason: String,
    },
    /// An application that cannot be packed.
    #[error("the application cannot be packed: {0}")]
    Pack(String),
    /// Nobody has signed it.
    #[error("{reference} is not signed: `marquee fleet sign` does that")]
    Unsigned {
        /// The artifact.
        reference: String,
    },
    /// None of those who have signed it is trusted.
    #[error("{reference} has no signature by a trusted key: {reason}")]
    Untrusted {
        /// The artifact.
        reference: String,
        /// What became of each signature.
        reason: String,
    },
    /// A key that is of no use.
    #[error("the key {}: {reason}", file.display())]
    Key {
        /// Its file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Credentials that are of no use. Never quotes them.
    #[error("the credentials {}: {reason}", file.display())]
    Credentials {
        /// Their file.
        file: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// A file or folder.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::File { path: path.into(), reason: error.to_string() }
    }

    /// Whether it may go better by itself: the registry is away, or says that it is overloaded.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

//! What can be wrong with a manifest, said so that it can be put right.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, where, and what to do about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The key, as in `component.auth.variables.region`.
    pub at: String,
    /// What is wrong there. Never holds a variable's value.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Fault {
    pub(crate) fn new(at: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: at.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.at, self.problem, self.remedy)
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file, or a variables file, cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// Not TOML, a key that neither Spin nor we know, or a value of the wrong type.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// Well formed, but it cannot be meant so. Every fault there is, not just the first.
    #[error("{}: {}", path.display(), list(faults))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// At least one.
        faults: Vec<Fault>,
    },
}

impl ManifestError {
    /// The faults of an invalid manifest; none of an unreadable or malformed one.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Invalid { faults, .. } => faults,
            Self::Unreadable { .. } | Self::Malformed { .. } => &[],
        }
    }
}

fn list(faults: &[Fault]) -> String {
    match faults {
        [only] => only.to_string(),
        many => {
            let mut text = format!("{} faults", many.len());
            for fault in many {
                text.push_str("\n  ");
                text.push_str(&fault.to_string());
            }
            text
        }
    }
}

//! What can be wrong with a plan, said so that it can be put right.

use std::fmt;

/// One thing that is wrong, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, as in `stages[0].hold`.
    pub at: String,
    /// What is wrong there.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.at, self.problem, self.remedy)
    }
}

/// Why a plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not TOML, a key that is not known, or a value of the wrong type.
    #[error("the plan cannot be read: {message}")]
    Malformed {
        /// Line, column and reason.
        message: String,
    },
    /// Well formed, but it cannot be meant so. Every fault there is, not just the first.
    #[error("{}", list(faults))]
    Invalid {
        /// At least one.
        faults: Vec<Fault>,
    },
}

fn list(faults: &[Fault]) -> String {
    match faults {
        [only] => format!("the plan has a fault: {only}"),
        many => {
            let lines: String = many.iter().map(|fault| format!("\n  {fault}")).collect();
            format!("the plan has {} faults:{lines}", many.len())
        }
    }
}

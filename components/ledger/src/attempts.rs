//! When a transaction fails: try again, find out, or single out the command it is about.

use crate::{Answer, limits};
use kit::sql;
use ledger_core::{Command, Rejection};
use std::fmt;
use std::ops::Range;

/// Why a transaction failed, by what is to be done about it.
#[derive(Debug)]
pub enum Failure {
    /// Somebody else was first with a key: a new transaction will see what they wrote.
    Race(String),
    /// Somebody else's locks.
    Busy,
    /// There is no database to talk to: nothing was done.
    Down(String),
    /// The commit may or may not have been done. A new transaction on the same keys finds out, since the swap makes it wait for that
    /// one to end.
    Doubt(String),
    /// A command that the database refuses, or a fault of ours: nothing was done.
    Bad(String),
}

impl From<sql::Error> for Failure {
    fn from(error: sql::Error) -> Self {
        match error {
            sql::Error::Unique(text) => Self::Race(text),
            sql::Error::Busy => Self::Busy,
            sql::Error::Unavailable(text) => Self::Down(text),
            sql::Error::CommitUnknown(text) => Self::Doubt(text),
            sql::Error::Constraint(text) | sql::Error::Other(text) => Self::Bad(text),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Race(text) => write!(f, "lost a race: {text}"),
            Self::Busy => write!(f, "busy"),
            Self::Down(text) => write!(f, "no database: {text}"),
            Self::Doubt(text) => write!(f, "commit in doubt: {text}"),
            Self::Bad(text) => write!(f, "failed: {text}"),
        }
    }
}

/// Commands that still want an answer.
struct Work {
    range: Range<usize>,
    tries: u32,
    /// A commit of them may have been done.
    doubt: bool,
}

impl Work {
    fn again(self) -> Self {
        Self { tries: self.tries + 1, ..self }
    }

    /// What is known of a command that no transaction got to an end.
    fn given_up(&self) -> Answer {
        Err(if self.doubt { Rejection::Unknown } else { Rejection::Unavailable(limits::RETRY_MILLISECONDS) })
    }
}

/// Has every command decided by `transact`, all in one transaction where that can be: one answer per command, in order.
///
/// A transaction that fails for what it contains is cut in half, so that one bad command costs itself only.
pub async fn run(
    commands: &[Command],
    mut transact: impl AsyncFnMut(&[Command]) -> Result<Vec<Answer>, Failure>,
    log: impl Fn(&str),
) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::with_capacity(commands.len());
    let mut queue = vec![Work { range: 0..commands.len(), tries: 1, doubt: false }];
    let mut left = limits::TRANSACTIONS;
    // In the order of the commands: the earlier half of what was cut lies on top.
    while let Some(mut work) = queue.pop() {
        let members = commands.get(work.range.clone()).unwrap_or_default();
        if members.is_empty() {
            continue;
        }
        if left == 0 {
            answers.extend(members.iter().map(|_| work.given_up()));
            continue;
        }
        left -= 1;
        let failure = match transact(members).await {
            Ok(decided) => {
                debug_assert_eq!(decided.len(), members.len());
                answers.extend(decided);
                continue;
            }
            Err(failure) => failure,
        };
        log(&format!("ledger: {} commands: {failure}", members.len()));
        work.doubt |= matches!(failure, Failure::Doubt(_));
        let once_more = work.tries < limits::TRIES;
        match failure {
            Failure::Race(_) | Failure::Busy | Failure::Doubt(_) if once_more => queue.push(work.again()),
            Failure::Down(_) if once_more && work.doubt => queue.push(work.again()),
            Failure::Race(_) | Failure::Bad(_) if members.len() > 1 => {
                let middle = work.range.start + members.len() / 2;
                let half = |range| Work { range, tries: 1, doubt: work.doubt };
                queue.push(half(middle..work.range.end));
                queue.push(half(work.range.start..middle));
            }
            Failure::Down(_) | Failure::Busy => {
                // The others would only wait for the same.
                left = 0;
                answers.extend(members.iter().map(|_| work.given_up()));
            }
            Failure::Race(_) | Failure::Doubt(_) | Failure::Bad(_) => answers.extend(members.iter().map(|_| work.given_up())),
        }
    }
    answers
}

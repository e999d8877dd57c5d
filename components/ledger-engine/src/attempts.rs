//! When a transaction fails: try again, find out, or single out the command it is about.

use crate::{Answer, limits};
use ledger_core::{Command, Rejection};
use std::fmt;

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

/// Commands that still want an answer, by their places.
struct PendingCommands {
    places: Vec<usize>,
    tries: u32,
    /// A commit of them may have been done.
    doubt: bool,
}

impl PendingCommands {
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
/// `transact` gets whether this is the first attempt. Where it gives no answer, nothing was done: another ledger wrote the event.
/// A transaction that fails for what it contains is cut in half, so that one bad command costs itself only.
pub async fn run(
    commands: &[Command],
    mut transact: impl AsyncFnMut(&[&Command], bool) -> Result<Vec<Option<Answer>>, Failure>,
    log: impl Fn(&str),
) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = commands.iter().map(|_| None).collect();
    let mut queue = vec![PendingCommands { places: (0..commands.len()).collect(), tries: 1, doubt: false }];
    let mut left = limits::TRANSACTIONS;
    let mut set = |place: usize, answer: Answer| {
        if let Some(slot) = answers.get_mut(place) {
            *slot = Some(answer);
        }
    };
    // In the order of the commands: the earlier half of what was cut lies on top.
    while let Some(mut work) = queue.pop() {
        let members: Vec<&Command> = work.places.iter().filter_map(|place| commands.get(*place)).collect();
        if members.is_empty() {
            continue;
        }
        if left == 0 {
            work.places.iter().for_each(|place| set(*place, work.given_up()));
            continue;
        }
        let first = left == limits::TRANSACTIONS;
        left -= 1;
        let once_more = work.tries < limits::TRIES;
        let failure = match transact(&members, first).await {
            Ok(decided) => {
                debug_assert_eq!(decided.len(), members.len());
                let mut lost = Vec::new();
                for (place, answer) in work.places.iter().zip(decided) {
                    match answer {
                        Some(answer) => set(*place, answer),
                        None if once_more => lost.push(*place),
                        None => set(*place, work.given_up()),
                    }
                }
                queue.push(PendingCommands { places: lost, ..work }.again());
                continue;
            }
            Err(failure) => failure,
        };
        log(&format!("ledger: {} commands: {failure}", members.len()));
        work.doubt |= matches!(failure, Failure::Doubt(_));
        match failure {
            Failure::Race(_) | Failure::Busy | Failure::Doubt(_) if once_more => queue.push(work.again()),
            Failure::Down(_) if once_more && work.doubt => queue.push(work.again()),
            Failure::Race(_) | Failure::Bad(_) if members.len() > 1 => {
                let (earlier, later) = work.places.split_at(work.places.len() / 2);
                let half = |places: &[usize]| PendingCommands { places: places.to_vec(), tries: 1, doubt: work.doubt };
                queue.push(half(later));
                queue.push(half(earlier));
            }
            Failure::Down(_) | Failure::Busy => {
                // The others would only wait for the same.
                left = 0;
                work.places.iter().for_each(|place| set(*place, work.given_up()));
            }
            Failure::Race(_) | Failure::Doubt(_) | Failure::Bad(_) => {
                work.places.iter().for_each(|place| set(*place, work.given_up()));
            }
        }
    }
    // All have one. Should one be missing after all, nothing is claimed.
    answers.into_iter().map(|answer| answer.unwrap_or(Err(Rejection::Unknown))).collect()
}

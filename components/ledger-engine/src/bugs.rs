//! Faults that can be switched on, one at a time and on one thread: what a simulation that looks for such faults has to find.

use std::cell::Cell;

/// A fault in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Answers are given although the commit has not been confirmed.
    ReplyBeforeCommit,
    /// What was accepted is not remembered under its key.
    KeyNotStored,
    /// Loading an event leaves its version as it is.
    LoadWithoutSwap,
    /// After a commit in doubt, what changes nothing leaves no fence behind.
    NoFenceAfterDoubt,
    /// What is refused or repeated is refused or repeated by what is remembered, whatever the version is by now.
    StaleRefusal,
    /// This node's own clock decides.
    NodeClock,
    /// An event that lost its swap is answered as if it had been written.
    LostSwapAnswered,
    /// What ticket types share is not read, as by a ledger that has never heard of it.
    SharedLinesForgotten,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Switches this fault on, on this thread, and any other off.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether any is on: then what is read may be what no ledger leaves.
pub(crate) fn any_planted() -> bool {
    PLANTED.get().is_some()
}

/// Whether it is on.
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

//! Faults that the simulation must find, each switched on by itself: evidence that it would find an unknown one.

use std::cell::Cell;

use ledger_engine::bugs as engine;

/// A planted fault. Those of the ledger's engine stand there; those of SQL stand in the simulated database, which is what SQL does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// `write.sql` does not look whether the version is still the one that was decided on.
    NoVersionCheck,
    /// `write.sql` writes journal rows whether or not their event was swapped.
    JournalBeforeSwap,
    /// The sequencer reads its counter without locking it, and does not look whether what it gave has a gap.
    SequencerUnlocked,
    /// The sequencer's cursor is where the counter is, though what it publishes was read before.
    CursorBeforeData,
    /// A snapshot's rows and its position are read in two transactions, the position last.
    SnapshotSplit,
    /// No sequencer notices that the database was restored.
    RestoreUnnoticed,
    /// A batch whose instance was lost is answered `unavailable`: "certainly not done".
    LostIsNotDone,
    /// A fault of the ledger's engine.
    Engine(engine::Bug),
}

impl Bug {
    /// All that there are.
    pub(crate) const ALL: [Self; 15] = [
        Self::NoVersionCheck,
        Self::JournalBeforeSwap,
        Self::SequencerUnlocked,
        Self::CursorBeforeData,
        Self::SnapshotSplit,
        Self::RestoreUnnoticed,
        Self::LostIsNotDone,
        Self::Engine(engine::Bug::ReplyBeforeCommit),
        Self::Engine(engine::Bug::KeyNotStored),
        Self::Engine(engine::Bug::LoadWithoutSwap),
        Self::Engine(engine::Bug::NoFenceAfterDoubt),
        Self::Engine(engine::Bug::StaleRefusal),
        Self::Engine(engine::Bug::NodeClock),
        Self::Engine(engine::Bug::LostSwapAnswered),
        Self::Engine(engine::Bug::SharedLinesForgotten),
    ];
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Switches this fault on, on this thread, and any other off.
pub(super) fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
    engine::plant(match bug {
        Some(Bug::Engine(bug)) => Some(bug),
        _ => None,
    });
}

/// Whether it is on.
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

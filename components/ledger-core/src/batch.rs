//! A row of commands on one event, decided one after the other.

use crate::changes::Changes;
use crate::decide::{CommandInputs, Settings, decide};
use crate::facts::Facts;
use crate::state::{LineView, State};
use crate::types::{Command, Instant, Receipt, Rejection};

/// Decides commands on one event, each seeing what those before it changed.
///
/// Every command takes one version, whether it changes something or not: a batch of n commands on an event at version v leaves it at v + n, so
/// the shell's swap can add n before anything is decided.
#[derive(Debug)]
pub struct Batch {
    event: String,
    state: Option<State>,
    facts: Facts,
    now: Instant,
    settings: Settings,
    changes: Changes,
}

impl Batch {
    /// `state` is the inventory before the batch, none where the event was never opened; `facts` what all its commands need; `now` the
    /// database's time.
    #[must_use]
    pub fn new(event: String, state: Option<State>, facts: Facts, now: Instant, settings: Settings) -> Self {
        Self { event, state, facts, now, settings, changes: Changes::default() }
    }

    /// Decides the next command.
    pub fn decide(&mut self, command: &Command, fresh: CommandInputs) -> Result<Receipt, Rejection> {
        let before = self.state.as_ref().map(|state| state.version);
        let mut decision = decide(self.state.as_ref(), &self.facts, self.now, &self.settings, command, fresh);
        if command.trace.is_some() {
            decision.changes.journal.iter_mut().for_each(|entry| entry.trace.clone_from(&command.trace));
        }
        let version = before.unwrap_or_default() + 1;
        debug_assert!(
            decision.changes.bookings.values().all(|write| write.record.booking.version == version)
                && decision.changes.keys.iter().all(|write| write.accepted.version <= version),
            "{}: a decision of version {version} writes another",
            self.event
        );
        self.facts.apply(&decision.changes, self.now);
        match &mut self.state {
            Some(state) => {
                state.apply(&decision.changes);
                state.version = version;
            }
            None => self.state = State::opened(&self.event, &decision.changes),
        }
        self.changes.merge(decision.changes);
        decision.outcome
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Everything to be written so far.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The inventory as it is after the changes.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// What is known after the changes.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The inventory after the changes, and the changes.
    #[must_use]
    pub fn into_parts(self) -> (Option<State>, Changes) {
        (self.state, self.changes)
    }

    /// What the public sees after the changes.
    #[must_use]
    pub fn availability(&self) -> Vec<LineView> {
        let state = self.state.as_ref();
        state.map(|state| state.availability(&self.facts, self.now)).unwrap_or_default()
    }
}

//! What holds of every state: asserted before it is written, and after it is read.

use super::{Rollout, State};
use crate::limits;

impl Rollout {
    /// Whether the state can be.
    ///
    /// # Errors
    /// What cannot be, in a sentence.
    pub fn is_sound(&self) -> Result<(), String> {
        let must = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("{what} ({})", self.state.name())) };
        must(self.old.as_ref().is_none_or(|old| old.id != self.new.id), "a release follows itself")?;
        must(self.is_state_sound(&self.state), "it is at a step that its plan does not have")?;
        let current = self.state.position().map(|(stage, _)| stage);
        must(self.chosen.len() <= limits::NODES, "it has too many nodes")?;
        must(self.chosen.is_empty() || !self.is_before_begin(), "nodes have it before it began")?;
        for chosen in self.chosen.values() {
            let mut stages = std::iter::once(&chosen.stage).chain(&chosen.also);
            must(chosen.also.iter().all(|also| *also > chosen.stage), "a node was chosen again before it was chosen")?;
            must(stages.all(|stage| current.is_none_or(|current| *stage <= current)), "a node was chosen by a stage to come")?;
        }
        must(self.skipped.iter().all(|name| self.chosen.contains_key(name)), "a node is not waited for that it is not for")?;
        must(self.failed_looks <= self.plan.failure_limit, "more looks have failed than may")?;
        must(self.events.len() <= limits::EVENTS, "it has too many events")?;
        must(self.step_ms >= self.stage_ms || current.is_none(), "a step is older than its stage")?;
        must(!self.old_kept || self.old.is_some() || self.state != State::Completed, "a release is kept that is none")
    }

    fn is_before_begin(&self) -> bool {
        match &self.state {
            State::Pending => true,
            State::Paused { before } => **before == State::Pending,
            _ => false,
        }
    }

    fn is_state_sound(&self, state: &State) -> bool {
        let stages = &self.plan.stages;
        match state {
            State::Running { stage, step } => stages.get(*stage).is_some_and(|stage| *step < stage.steps()),
            State::Gated { stage, .. } => stages.get(*stage).is_some(),
            State::Paused { before } => {
                matches!(**before, State::Pending | State::Running { .. } | State::Gated { .. }) && self.is_state_sound(before)
            }
            _ => !stages.is_empty(),
        }
    }
}

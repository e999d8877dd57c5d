//! What people may say to a rollout.

use serde::{Deserialize, Serialize};

use super::decide::Step;
use super::event::EventKind;
use super::{Decision, Fleet, Rollout, State};
use crate::plan::duration;

/// What people may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Get no further, until [`Verb::Resume`].
    Pause,
    /// Go on.
    Resume,
    /// Go on past a gate.
    Promote,
    /// End it: what is under way goes back to the release before.
    Abort,
    /// Go back to the release before, also where the new one is everywhere, as long as that one is kept.
    Rollback,
}

/// Why something does not fit a rollout's state, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Rollout {
    /// Does what somebody says. What is so already changes nothing, and is no error.
    ///
    /// # Errors
    /// A sentence, where it does not fit the state.
    pub fn say(&self, verb: Verb, who: &str, now_ms: u64) -> Result<Decision, Refusal> {
        debug_assert_eq!(self.is_sound(), Ok(()));
        let nobody = Fleet::default();
        let mut step = Step { next: self.clone(), events: Vec::new(), now_ms: now_ms.max(self.looked_ms), fleet: &nobody };
        match verb {
            Verb::Pause => step.pause(who),
            Verb::Resume => step.resume(who),
            Verb::Promote => step.promote(who),
            Verb::Abort => step.abort(who),
            Verb::Rollback => step.go_back(who),
        }?;
        Ok(step.decision())
    }
}

impl Step<'_> {
    fn pause(&mut self, who: &str) -> Result<(), Refusal> {
        match &self.next.state {
            State::Paused { .. } => Ok(()),
            State::Pending | State::Running { .. } | State::Gated { .. } => {
                let before = Box::new(self.next.state.clone());
                self.say(EventKind::Paused, format!("paused by {who}"));
                self.enter(State::Paused { before });
                Ok(())
            }
            other => Err(refusal(other, "there is nothing to pause")),
        }
    }

    fn resume(&mut self, who: &str) -> Result<(), Refusal> {
        match &self.next.state {
            State::Paused { before } => {
                let before = (**before).clone();
                self.say(EventKind::Resumed, format!("resumed by {who}"));
                self.enter(before);
                self.next.progress_ms = self.now_ms;
                Ok(())
            }
            State::Pending | State::Running { .. } | State::Gated { .. } => Ok(()),
            other => Err(refusal(other, "there is nothing to resume")),
        }
    }

    fn promote(&mut self, who: &str) -> Result<(), Refusal> {
        match self.next.state {
            State::Gated { promoted: true, .. } => Ok(()),
            State::Gated { stage, .. } => {
                if let Some(freeze) = self.next.plan.frozen(self.now_ms) {
                    return Err(Refusal(format!("nothing goes on meanwhile: {freeze}")));
                }
                self.say(EventKind::Promoted, format!("promoted by {who}"));
                self.enter(State::Gated { stage, promoted: true });
                // With the next report, and not only with the next look.
                self.next.next_look_ms = self.now_ms;
                Ok(())
            }
            State::Paused { .. } => Err(refusal(&self.next.state, "resume it first")),
            State::Running { .. } | State::Pending => Err(refusal(&self.next.state, "it is at no gate")),
            _ => Err(refusal(&self.next.state, "there is nothing to promote")),
        }
    }

    fn abort(&mut self, who: &str) -> Result<(), Refusal> {
        match &self.next.state {
            State::Aborted { .. } | State::RollingBack { .. } | State::RolledBack { .. } => Ok(()),
            State::Pending | State::Running { .. } | State::Gated { .. } | State::Paused { .. } => {
                self.roll_back(format!("aborted by {who}"), true);
                Ok(())
            }
            State::Completed => Err(refusal(&self.next.state, "to go back to the release before, roll it back")),
            State::Failed { .. } => Err(refusal(&self.next.state, "there is nothing to abort")),
        }
    }

    fn go_back(&mut self, who: &str) -> Result<(), Refusal> {
        let Some(old) = self.next.old.as_ref().map(|old| old.id.0) else {
            return Err(Refusal("there is no release before this one: deploy the one that is to serve".to_owned()));
        };
        match &self.next.state {
            State::RollingBack { .. } | State::RolledBack { .. } | State::Aborted { .. } => Ok(()),
            State::Completed => {
                let window = self.next.plan.rollback_window_ms;
                if !self.next.old_kept || self.now_ms.saturating_sub(self.next.since_ms) >= window {
                    let window = duration::format(window);
                    let why = format!("release {old} was kept ready for {window}, and is not any more: deploy it again");
                    return Err(Refusal(why));
                }
                self.roll_back(format!("rolled back by {who}"), false);
                Ok(())
            }
            State::Pending | State::Running { .. } | State::Gated { .. } | State::Paused { .. } => {
                self.roll_back(format!("rolled back by {who}"), false);
                Ok(())
            }
            State::Failed { .. } => Err(refusal(&self.next.state, "deploy the release that is to serve")),
        }
    }
}

fn refusal(state: &State, hint: &str) -> Refusal {
    Refusal(format!("the rollout is {}: {hint}", state.name()))
}

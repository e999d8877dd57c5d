//! What people do meanwhile, and the plans that they write.

use super::random::Random;
use crate::machine::{Rollout, State, Verb};

/// What somebody wants of a rollout of a good release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That it completes.
    Complete,
    /// That it ends while it is under way.
    Abort,
    /// To go back once it is complete.
    Rollback,
}

impl Wish {
    pub(super) fn drawn(random: &mut Random) -> Self {
        match random.within(0, 5) {
            0 => Self::Abort,
            1 => Self::Rollback,
            _ => Self::Complete,
        }
    }

    /// What somebody says now, if anything.
    pub(super) fn verb(self, rollout: &Rollout, random: &mut Random) -> Option<Verb> {
        match (&rollout.state, self) {
            (State::Gated { .. }, _) => random.one_in(20).then_some(Verb::Promote),
            (State::Paused { .. }, _) => random.one_in(20).then_some(Verb::Resume),
            (State::Running { .. }, Self::Abort) => random.one_in(200).then_some(Verb::Abort),
            (State::Running { .. } | State::Pending, _) => random.one_in(400).then_some(Verb::Pause),
            (State::Completed, Self::Rollback) => random.one_in(30).then_some(Verb::Rollback),
            _ => None,
        }
    }
}

/// A plan with one to four stages.
pub(super) fn plan(random: &mut Random) -> String {
    let interval = [5, 10, 20][random.within(0, 2) as usize];
    let gate = |random: &mut Random| if random.one_in(3) { "gate = \"manual\"\n" } else { "" };
    let mut text = format!(
        "application = \"shop\"\ninterval = \"{interval}s\"\nprogress_deadline = \"15m\"\nrollback_window = \"2h\"\n\
         [analysis]\nmin_requests = 3000\nlatency = {{ quantile = 0.9, max_ratio = 1.1, min_increase_ms = 0.5, confidence = 0.999 }}\n"
    );
    if random.one_in(4) {
        text.push_str("[[freeze]]\nfrom = \"thu 00:20\"\nto = \"thu 00:50\"\n");
    }
    let canary = if random.one_in(2) {
        "labels = { tier = \"canary\" }".to_owned()
    } else {
        format!("percent = {}", random.within(10, 40))
    };
    let (step, most, hold) = (random.within(10, 30), random.within(30, 60), random.within(0, 60));
    text.push_str(&format!(
        "[[stages]]\nname = \"canary\"\nnodes = {{ kind = \"edge\", {canary} }}\nstep_weight = {step}\nmax_weight = {most}\nhold = \"{hold}s\"\n{}",
        gate(random)
    ));
    if random.one_in(2) {
        let (region, step) = (["eu", "us"][random.within(0, 1) as usize], random.within(20, 60));
        text.push_str(&format!(
            "[[stages]]\nname = \"near\"\nnodes = {{ kind = \"edge\", region = \"{region}\" }}\nstep_weight = {step}\n{}",
            gate(random)
        ));
    }
    if random.one_in(2) {
        let kind = ["region", "worker"][random.within(0, 1) as usize];
        text.push_str(&format!("[[stages]]\nname = \"behind\"\nnodes = {{ kind = \"{kind}\", percent = 50 }}\nhold = \"10s\"\n"));
    }
    text.push_str(&format!("[[stages]]\nname = \"everything\"\nstep_weight = {}\n{}", random.within(25, 100), gate(random)));
    text
}

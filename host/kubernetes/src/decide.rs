//! What follows from what an object declares and how the fleet is. No I/O and no clock.
//!
//! An object's word counts once: each change of it is said to the fleet, and what somebody says afterwards stands until the object changes again. So a
//! rollback is not fought, and neither is a pause of an operator's.

use control::{Declared, Fleet, Last};
use rollout::machine::{State, Verb};
use rollout::protocol::ReleaseId;

use crate::resource::Spec;

/// An object, as it is decided of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) generation: u64,
    pub(crate) spec: &'a Spec,
    /// A digest of what it wants deployed.
    pub(crate) want: &'a str,
    /// What it has had deployed last.
    pub(crate) declared: Option<&'a Declared>,
    pub(crate) fleet: &'a Fleet,
}

/// What is to be done for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the fleet is as the object says, on its way there, or somebody has to decide.
    Nothing,
    /// What it wants is to be begun.
    Begin,
    /// Its own rollout, which somebody has to end before what it wants now can begin, is to be ended.
    Supersede(ReleaseId),
    /// Its rollout is to be paused, or to go on.
    Pause(ReleaseId, bool),
    /// It has said so already, or it is too late to say so.
    Note(bool),
    /// A gate is to be passed.
    Promote(ReleaseId, String),
}

impl Seen<'_> {
    /// Whether what it wants has not been begun.
    pub(crate) fn is_new(&self) -> bool {
        self.declared.is_none_or(|declared| declared.want != self.want)
    }

    /// Whether the control plane knows a later generation: this view of the object is an old one.
    pub(crate) fn is_old(&self) -> bool {
        self.declared.is_some_and(|declared| declared.generation > self.generation)
    }

    /// The last rollout, where it is this object's.
    pub(crate) fn own(&self) -> Option<&Last> {
        let declared = self.declared?;
        self.fleet.last.as_ref().filter(|last| last.release == declared.release)
    }

    /// Somebody else's rollout that is under way.
    pub(crate) fn others(&self) -> Option<&Last> {
        let under_way = self.fleet.last.as_ref().filter(|last| !last.state.state.is_final())?;
        self.own().is_none().then_some(under_way)
    }

    /// What is to be done next.
    pub(crate) fn next(&self) -> Next {
        if self.is_old() {
            return Next::Nothing;
        }
        let under_way = self.own().filter(|own| is_under_way(&own.state.state));
        if let (Some(own), Some(declared)) = (under_way, self.declared)
            && self.spec.paused != declared.paused
        {
            return Next::Pause(own.release, self.spec.paused);
        }
        if self.is_new() {
            return self.begins();
        }
        match (under_way, self.declared) {
            (Some(own), _) => match self.gate(own) {
                Some((gate, stage)) if self.spec.promote.as_ref() == Some(&gate) => Next::Promote(own.release, stage),
                _ => Next::Nothing,
            },
            (None, Some(declared)) if self.spec.paused != declared.paused => Next::Note(self.spec.paused),
            (None, _) => Next::Nothing,
        }
    }

    fn begins(&self) -> Next {
        if self.spec.paused {
            return Next::Nothing;
        }
        match self.own() {
            Some(own) if is_under_way(&own.state.state) => Next::Supersede(own.release),
            Some(own) if !own.state.state.is_final() => Next::Nothing,
            // Whether that is the very same is for the control plane to say.
            _ => match self.others() {
                Some(others) if !self.spec.reference.ends_with(digest(&others.state.new.reference)) => Next::Nothing,
                _ => Next::Begin,
            },
        }
    }

    /// The gate that a rollout waits at, as objects name it, and its stage.
    pub(crate) fn gate(&self, own: &Last) -> Option<(String, String)> {
        let State::Gated { stage, promoted: false } = own.state.state else { return None };
        let stage = own.state.plan.stages.get(stage)?.name.clone();
        Some((format!("{}/{stage}", own.release.0), stage))
    }
}

/// Whether a rollout may be paused or ended by a word.
fn is_under_way(state: &State) -> bool {
    matches!(state, State::Pending | State::Running { .. } | State::Gated { .. } | State::Paused { .. })
}

fn digest(reference: &str) -> &str {
    reference.split_once('@').map_or(reference, |(_, digest)| digest)
}

impl Next {
    /// What is said to the rollout, if that is it.
    pub(crate) fn word(&self) -> Option<(ReleaseId, Verb, Option<&str>)> {
        match self {
            Self::Supersede(release) => Some((*release, Verb::Abort, None)),
            Self::Pause(release, true) => Some((*release, Verb::Pause, None)),
            Self::Pause(release, false) => Some((*release, Verb::Resume, None)),
            Self::Promote(release, stage) => Some((*release, Verb::Promote, Some(stage))),
            Self::Nothing | Self::Begin | Self::Note(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rollout::machine::Rollout;
    use rollout::plan::Plan;
    use rollout::protocol::{Needs, Release};
    use serde_json::{Value, json};

    use super::*;

    pub(crate) const OWN: u64 = 4;

    fn reference(number: u64) -> String {
        format!("r.example/shop@sha256:{number:064x}")
    }

    fn release(number: u64) -> Release {
        Release { id: ReleaseId(number), reference: reference(number), variables: [].into(), needs: Needs::default() }
    }

    /// A fleet whose last rollout brings this release, and is so; nodes had release 1 before.
    pub(crate) fn fleet(number: u64, state: State) -> Fleet {
        let plan = "application = \"shop\"\n[[stages]]\nname = \"canary\"\nmax_weight = 50\ngate = \"manual\"\n[[stages]]\nname = \"all\"\n";
        let mut rollout = Rollout::new(Plan::parse(plan).unwrap(), Some(release(1)), release(number), 0);
        rollout.state = state;
        let last = Some(Last { release: ReleaseId(number), by: "ops".to_owned(), state: rollout });
        Fleet { last, known: 3, away: 1, drifting: 0, now_ms: 0 }
    }

    pub(crate) fn spec(more: Value) -> Spec {
        let mut spec = json!({ "application": "shop", "reference": reference(OWN) });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Spec::read(&spec).unwrap()
    }

    /// What an object has had deployed as release 4.
    pub(crate) fn declared(want: &str, paused: bool) -> Declared {
        Declared { generation: 7, want: want.to_owned(), release: ReleaseId(OWN), paused }
    }

    pub(crate) fn gated() -> State {
        State::Gated { stage: 0, promoted: false }
    }

    fn running() -> State {
        State::Running { stage: 0, step: 0 }
    }

    fn paused() -> State {
        State::Paused { before: Box::new(running()) }
    }

    fn going_back() -> State {
        State::RollingBack { reason: "bad".to_owned(), aborted: false }
    }

    fn back() -> State {
        State::RolledBack { reason: "bad".to_owned() }
    }

    #[test]
    fn each_word_of_an_object_counts_once() {
        let own = ReleaseId(OWN);
        let promote = |gate: &str| json!({ "promote": gate });
        let (pause, nothing) = (json!({ "paused": true }), json!({}));
        for (what, more, want, has_said_pause, fleet, next) in [
            ("begun and on its way", &nothing, "w", false, fleet(OWN, running()), Next::Nothing),
            ("pauses", &pause, "w", false, fleet(OWN, running()), Next::Pause(own, true)),
            ("has paused", &pause, "w", true, fleet(OWN, paused()), Next::Nothing),
            ("has paused, and somebody resumed", &pause, "w", true, fleet(OWN, running()), Next::Nothing),
            ("somebody has paused", &nothing, "w", false, fleet(OWN, paused()), Next::Nothing),
            ("resumes", &nothing, "w", true, fleet(OWN, paused()), Next::Pause(own, false)),
            ("too late to pause", &pause, "w", false, fleet(OWN, State::Completed), Next::Note(true)),
            ("promotes", &promote("4/canary"), "w", false, fleet(OWN, gated()), Next::Promote(own, "canary".to_owned())),
            ("another release's gate", &promote("3/canary"), "w", false, fleet(OWN, gated()), Next::Nothing),
            ("another gate", &promote("4/all"), "w", false, fleet(OWN, gated()), Next::Nothing),
            ("at no gate", &promote("4/canary"), "w", false, fleet(OWN, running()), Next::Nothing),
            ("taken back", &nothing, "w", false, fleet(OWN, back()), Next::Nothing),
            ("wants another", &nothing, "x", false, fleet(OWN, back()), Next::Begin),
            ("wants another, paused", &pause, "x", true, fleet(OWN, State::Completed), Next::Nothing),
            ("wants another instead", &nothing, "x", false, fleet(OWN, running()), Next::Supersede(own)),
            ("wants another once it is back", &nothing, "x", false, fleet(OWN, going_back()), Next::Nothing),
            ("pauses and wants another", &pause, "x", false, fleet(OWN, running()), Next::Pause(own, true)),
            ("somebody else's is over", &nothing, "w", false, fleet(9, State::Completed), Next::Nothing),
            ("somebody else's is on its way", &nothing, "x", false, fleet(9, running()), Next::Nothing),
            ("somebody else's is what it wants", &nothing, "x", false, Fleet { ..others_alike() }, Next::Begin),
        ] {
            let (spec, declared) = (spec(more.clone()), declared("w", has_said_pause));
            let seen = Seen { generation: 7, spec: &spec, want, declared: Some(&declared), fleet: &fleet };
            assert_eq!(seen.next(), next, "{what}");
            // An old view of it says nothing.
            assert_eq!(Seen { generation: 6, ..seen }.next(), Next::Nothing, "{what}");
        }
        let (spec, empty) = (spec(nothing), Fleet { last: None, ..fleet(1, State::Completed) });
        assert_eq!(Seen { generation: 1, spec: &spec, want: "w", declared: None, fleet: &empty }.next(), Next::Begin);
    }

    /// Somebody else's rollout of the version that the object wants.
    fn others_alike() -> Fleet {
        let mut fleet = fleet(9, running());
        if let Some(last) = &mut fleet.last {
            last.state.new.reference = reference(OWN);
        }
        fleet
    }
}

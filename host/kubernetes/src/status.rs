//! What an object's status says. Its conditions are those that kstatus reads, and with it Flux and others: `Ready`, `Reconciling` and `Stalled`.

use control::{Last, Refusal};
use jiff::Timestamp;
use rollout::machine::{Rollout, State};
use serde::{Deserialize, Serialize};

use crate::decide::Seen;
use crate::limits;

/// An object's status. What is null in it is removed from the object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) observed_generation: u64,
    pub(crate) phase: String,
    pub(crate) release: Option<u64>,
    pub(crate) version: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) gate: Option<String>,
    pub(crate) running: Option<String>,
    pub(crate) nodes: Option<Nodes>,
    pub(crate) conditions: Vec<Condition>,
}

/// How many nodes there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Nodes {
    pub(crate) known: usize,
    pub(crate) away: usize,
    pub(crate) drifting: usize,
}

/// A condition, as all of Kubernetes has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) observed_generation: u64,
    pub(crate) last_transition_time: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// How an object is, in a word and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    how: How,
    /// The reason of its conditions.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The fleet is as the object says.
    Ready,
    /// It is on its way there, or waits for what passes.
    Reconciling,
    /// Somebody has to do something.
    Stalled,
}

impl Verdict {
    fn new(how: How, reason: &'static str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self { how, reason, message: message.chars().take(limits::MESSAGE_CHARS).collect() }
    }

    /// What the object says cannot be meant so.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(How::Stalled, "Invalid", message)
    }

    /// Another object says what this fleet is to run.
    pub(crate) fn not_this_one(holder: &str) -> Self {
        let message = format!("{holder}, which is older, says what this fleet is to run: one object for each control plane");
        Self::new(How::Stalled, "AnotherObject", message)
    }

    /// Nothing can be begun, or is not yet.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let (how, reason) = if refusal.may_pass { (How::Reconciling, "Waiting") } else { (How::Stalled, "Refused") };
        Self::new(how, reason, &*refusal.reason)
    }

    fn conditions(&self, generation: u64) -> Vec<Condition> {
        let all = [
            ("Ready", self.how == How::Ready),
            ("Reconciling", self.how == How::Reconciling),
            ("Stalled", self.how == How::Stalled),
        ];
        let condition = |(kind, is_so): (&str, bool)| Condition {
            kind: kind.to_owned(),
            status: if is_so { "True" } else { "False" }.to_owned(),
            observed_generation: generation,
            last_transition_time: String::new(),
            reason: self.reason.to_owned(),
            message: self.message.clone(),
        };
        all.map(condition).into()
    }
}

impl Status {
    /// Of an object of which nothing else can be said.
    pub(crate) fn of(generation: u64, verdict: &Verdict) -> Self {
        let (phase, conditions) = (verdict.reason.to_owned(), verdict.conditions(generation));
        Self { observed_generation: generation, phase, conditions, ..Self::default() }
    }

    /// Of an object that says what the fleet is to run. `refusal`: why what it wants could not be begun, or what it says not be said.
    pub(crate) fn read(seen: &Seen<'_>, version: Option<&str>, refusal: Option<&Refusal>) -> Self {
        let verdict = verdict(seen, refusal);
        let own = seen.own().filter(|_| !seen.is_new());
        let last = seen.fleet.last.as_ref().map(|last| &last.state);
        let has = last.and_then(|last| last.outcome().or(last.old.as_ref()));
        let fleet = seen.fleet;
        Self {
            release: seen.declared.filter(|_| !seen.is_new()).map(|declared| declared.release.0),
            version: version.filter(|_| !seen.is_new()).map(str::to_owned),
            step: own.and_then(|own| step(&own.state)),
            gate: own.and_then(|own| seen.gate(own)).map(|(gate, _)| gate),
            running: has.map(|release| release.reference.clone()),
            nodes: Some(Nodes { known: fleet.known, away: fleet.away, drifting: fleet.drifting }),
            ..Self::of(seen.generation, &verdict)
        }
    }

    /// Takes from the status before when each condition became what it is.
    pub(crate) fn since(mut self, before: Option<&Self>, now: Timestamp) -> Self {
        let before = before.map(|before| before.conditions.as_slice()).unwrap_or_default();
        // To the second, as Kubernetes writes times.
        let now = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
        for condition in &mut self.conditions {
            let same = before.iter().find(|known| known.kind == condition.kind && known.status == condition.status);
            condition.last_transition_time = same.map_or_else(|| now.clone(), |known| known.last_transition_time.clone());
        }
        self
    }
}

/// The stage, and the share of an edge's requests.
fn step(rollout: &Rollout) -> Option<String> {
    let (stage, step) = rollout.state.position()?;
    let stage = rollout.plan.stages.get(stage)?;
    let weight = stage.weight(step.unwrap_or_else(|| stage.steps().saturating_sub(1)));
    Some(format!("{} {weight}%", stage.name))
}

fn verdict(seen: &Seen<'_>, refusal: Option<&Refusal>) -> Verdict {
    let reconciling = |reason, message: String| Verdict::new(How::Reconciling, reason, message);
    if !seen.is_new() {
        return match seen.own() {
            Some(own) => of_rollout(seen, own, refusal),
            None => of_others(seen),
        };
    }
    if seen.spec.paused {
        return reconciling("Paused", "it is paused: it begins once spec.paused is false".to_owned());
    }
    if let Some(others) = seen.others() {
        let (release, by, state) = (others.release.0, &others.by, others.state.state.name());
        return reconciling(
            "Waiting",
            format!("rollout {release}, which {by} began, is {state}: this one begins once it is over"),
        );
    }
    if let Some(own) = seen.own().filter(|own| !own.state.state.is_final()) {
        let release = own.release.0;
        return reconciling("Superseding", format!("rollout {release}, which this one takes the place of, goes back first"));
    }
    match refusal {
        Some(refusal) => Verdict::refused(refusal),
        None => reconciling("Pending", "the version is fetched, verified and compared with what nodes offer".to_owned()),
    }
}

/// Of an object whose rollout is the last one.
fn of_rollout(seen: &Seen<'_>, own: &Last, refusal: Option<&Refusal>) -> Verdict {
    let rollout = &own.state;
    let waits = rollout.waiting.join("; ");
    let at = step(rollout).unwrap_or_default();
    let and = |first: String| if waits.is_empty() { first } else { format!("{first}: {waits}") };
    let (how, reason, message) = match &rollout.state {
        State::Pending => (How::Reconciling, "Pending", and("it begins".to_owned())),
        State::Running { .. } => (How::Reconciling, "Progressing", and(format!("stage {at} of an edge's requests"))),
        State::Gated { .. } => {
            if let Some(refusal) = refusal.filter(|_| seen.spec.promote.is_some()) {
                return Verdict::new(
                    How::Reconciling,
                    "Gated",
                    format!("{waits}; it cannot be promoted now: {}", refusal.reason),
                );
            }
            let gate = seen.gate(own).map(|(gate, _)| format!("; to go on, set spec.promote to {gate}")).unwrap_or_default();
            (How::Reconciling, "Gated", format!("{waits}{gate}"))
        }
        State::Paused { .. } if seen.spec.paused => (How::Reconciling, "Paused", format!("it is paused at {at}")),
        State::Paused { .. } => {
            let message =
                format!("somebody has paused it at {at}, and this object does not say so: resume it, or pause it here, too");
            (How::Reconciling, "Paused", message)
        }
        State::Completed => (How::Ready, "Completed", completed(seen)),
        State::RollingBack { reason, .. } => (How::Reconciling, "RollingBack", reason.clone()),
        State::RolledBack { reason } => (How::Stalled, "RolledBack", again(reason)),
        State::Aborted { reason } => (How::Stalled, "Aborted", again(reason)),
        State::Failed { reason } => (How::Stalled, "Failed", again(reason)),
    };
    let said = match (&rollout.state, seen.spec.paused) {
        (State::Pending | State::Running { .. } | State::Gated { .. }, true) => {
            "; spec.paused is true, and somebody has resumed it".to_owned()
        }
        _ => String::new(),
    };
    Verdict::new(how, reason, format!("{message}{said}"))
}

fn again(reason: &str) -> String {
    format!(
        "{reason}; nothing is tried again until the object changes (another version, plan or variables, or another spec.retry)"
    )
}

fn completed(seen: &Seen<'_>) -> String {
    let (known, away, drifting) = (seen.fleet.known, seen.fleet.away, seen.fleet.drifting);
    let there = known.saturating_sub(away);
    let mut message = match drifting {
        0 => format!("all {there} nodes that are there have it"),
        some => format!("{some} of {there} nodes that are there do not serve it yet: marquee fleet drift says which"),
    };
    if away > 0 {
        message.push_str(&format!("; {away} are away, and get it when they come back"));
    }
    message
}

/// Of an object whose rollout was followed by somebody else's.
fn of_others(seen: &Seen<'_>) -> Verdict {
    let Some(last) = &seen.fleet.last else {
        return Verdict::new(How::Stalled, "Overruled", "the control plane does not know its rollout any more");
    };
    let (release, by) = (last.release.0, &last.by);
    if !last.state.state.is_final() {
        let state = last.state.state.name();
        return Verdict::new(How::Reconciling, "AnotherRollout", format!("rollout {release}, which {by} began, is {state}"));
    }
    match last.state.outcome() {
        Some(has) if seen.declared.is_some_and(|declared| declared.release == has.id) => {
            Verdict::new(How::Ready, "Completed", completed(seen))
        }
        has => {
            let has = has.map_or("nothing", |release| release.reference.as_str());
            let message = again(&format!("rollout {release}, which {by} began, came after this one: nodes have {has}"));
            Verdict::new(How::Stalled, "Overruled", message)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decide::tests::{OWN, declared, fleet, gated, spec};

    fn said(state: State, more: serde_json::Value, want: &str, release: u64) -> Status {
        let (fleet, spec, declared) = (fleet(release, state), spec(more), declared("w", false));
        let seen = Seen { generation: 7, spec: &spec, want, declared: Some(&declared), fleet: &fleet };
        Status::read(&seen, Some("1.2.3"), None)
    }

    fn truth(status: &Status) -> Vec<&str> {
        status.conditions.iter().filter(|one| one.status == "True").map(|one| one.kind.as_str()).collect()
    }

    #[test]
    fn one_condition_is_true_and_says_why() {
        let reason = || "p99 is twice as long".to_owned();
        for (state, kind, phase, part) in [
            (State::Pending, "Reconciling", "Pending", "begins"),
            (State::Running { stage: 0, step: 0 }, "Reconciling", "Progressing", "canary 50%"),
            (gated(), "Reconciling", "Gated", "spec.promote to 4/canary"),
            (State::Paused { before: Box::new(gated()) }, "Reconciling", "Paused", "somebody has paused it"),
            (State::Completed, "Ready", "Completed", "all 2 nodes"),
            (State::RollingBack { reason: reason(), aborted: false }, "Reconciling", "RollingBack", "p99"),
            (State::RolledBack { reason: reason() }, "Stalled", "RolledBack", "p99"),
            (State::Aborted { reason: reason() }, "Stalled", "Aborted", "until the object changes"),
            (State::Failed { reason: reason() }, "Stalled", "Failed", "p99"),
        ] {
            let status = said(state, json!({}), "w", OWN);
            assert_eq!((truth(&status), status.phase.as_str()), (vec![kind], phase), "{status:?}");
            assert!(status.conditions.iter().all(|one| one.message.contains(part) && one.observed_generation == 7), "{status:?}");
            assert_eq!((status.release, status.version.as_deref()), (Some(OWN), Some("1.2.3")));
        }
        let overruled = said(State::Completed, json!({}), "w", 9);
        assert!(
            truth(&overruled) == ["Stalled"] && overruled.conditions.iter().all(|one| one.message.contains("which ops began"))
        );
        let waiting = said(State::Pending, json!({}), "x", 9);
        assert_eq!((truth(&waiting), waiting.phase.as_str(), waiting.release), (vec!["Reconciling"], "Waiting", None));
    }

    #[test]
    fn a_condition_keeps_the_time_at_which_it_became_so() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let first = said(State::Pending, json!({}), "w", OWN).since(None, at(1));
        let second = said(gated(), json!({}), "w", OWN).since(Some(&first), at(2));
        let third = said(State::Completed, json!({}), "w", OWN).since(Some(&second), at(3));
        let times = |status: &Status| status.conditions.iter().map(|one| one.last_transition_time.clone()).collect::<Vec<_>>();
        assert_eq!(times(&second), times(&first));
        let (before, now) = (at(1).to_string(), at(3).to_string());
        assert_eq!(times(&third), [now.clone(), now, before]);
    }
}

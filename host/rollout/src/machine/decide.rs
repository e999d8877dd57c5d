//! What follows from a rollout's state and what is known of the fleet.

use std::collections::BTreeSet;

use super::event::{Event, EventKind};
use super::look::{self, begin_window, follow};
use super::presence::{self, Presence, list};
use super::{Decision, Fleet, Rollout, State, choice};
use crate::limits;
use crate::plan::{Gate, Stage, duration};

/// Decides what follows, from a rollout's state and what is known of the fleet.
///
/// To be called whenever nodes have reported, and at least once a second; nothing changes where nothing follows.
#[must_use]
pub fn decide(rollout: &Rollout, now_ms: u64, fleet: &Fleet) -> Decision {
    debug_assert_eq!(rollout.is_sound(), Ok(()));
    // Another instance's clock may be behind: time does not go back for a rollout.
    let now_ms = now_ms.max(rollout.looked_ms);
    let mut step = Step { next: rollout.clone(), events: Vec::new(), now_ms, fleet };
    match rollout.state {
        State::Pending => step.pending(),
        State::Running { .. } | State::Gated { .. } | State::Paused { .. } => step.under_way(),
        State::RollingBack { .. } => step.rolling_back(),
        State::Completed => step.completed(),
        State::RolledBack { .. } | State::Aborted { .. } | State::Failed { .. } => {}
    }
    step.decision()
}

/// What is being decided.
pub(super) struct Step<'a> {
    pub next: Rollout,
    pub events: Vec<Event>,
    pub now_ms: u64,
    pub fleet: &'a Fleet,
}

impl Step<'_> {
    pub(super) fn decision(self) -> Decision {
        let Self { mut next, events, .. } = self;
        next.events.extend(events.iter().cloned());
        let beyond = next.events.len().saturating_sub(limits::EVENTS);
        next.events.drain(..beyond);
        debug_assert_eq!(next.is_sound(), Ok(()));
        Decision { next, events }
    }

    pub(super) fn say(&mut self, kind: EventKind, text: impl Into<String>) {
        self.events.push(Event { at_ms: self.now_ms, kind, text: text.into() });
    }

    /// The same sentence only once a stage.
    fn say_once(&mut self, kind: EventKind, text: String) {
        let is_said = |event: &Event| event.at_ms >= self.next.stage_ms && event.text == text;
        if !self.next.events.iter().chain(&self.events).any(is_said) {
            self.say(kind, text);
        }
    }

    pub(super) fn enter(&mut self, state: State) {
        self.next.state = state;
        self.next.since_ms = self.now_ms;
    }

    /// When the next look is due, and that this one was.
    fn looked(&mut self) {
        self.next.looked_ms = self.now_ms;
        self.next.next_look_ms = self.now_ms.saturating_add(self.next.plan.interval_ms);
    }

    /// Forgives time in which nobody looked: nodes were not away, and the release could not get on.
    fn watch(&mut self) {
        let (intervals, pause) = limits::UNWATCHED;
        let most = self.next.plan.interval_ms.saturating_mul(intervals).saturating_add(milliseconds(pause));
        let gap = self.now_ms.saturating_sub(self.next.looked_ms);
        if gap > most {
            self.say(EventKind::LookedAgain, format!("nobody has looked for {}: deadlines begin anew", duration::about(gap)));
            self.next.watched_ms = self.now_ms;
            self.next.progress_ms = self.now_ms;
            self.next.reached_ms = self.next.reached_ms.map(|_| self.now_ms);
            // Reports are to come before anything is concluded.
            self.looked();
        }
    }

    fn pending(&mut self) {
        if self.now_ms < self.next.next_look_ms {
            return;
        }
        self.looked();
        if let Some(freeze) = self.next.plan.frozen(self.now_ms) {
            let text = freeze.to_string();
            self.say_once(EventKind::Frozen, text.clone());
            self.next.waiting = vec![text];
            return;
        }
        self.next.watched_ms = self.now_ms;
        self.begin_stage(0);
    }

    /// Begins a stage, or the next one that has nodes.
    fn begin_stage(&mut self, from: usize) {
        for stage in from..self.next.plan.stages.len() {
            let nodes = choice::nodes_of(&self.next, stage, self.fleet, self.now_ms);
            if nodes.is_empty() && !self.next.plan.is_last(stage) {
                let name = self.stage_name(stage);
                self.say(EventKind::StageSkipped, format!("stage {name}: no node is of it; it is passed over"));
                continue;
            }
            let before = self.next.chosen.len();
            choice::choose(&mut self.next, stage, &nodes, self.fleet);
            self.next.stage_ms = self.now_ms;
            let (name, count) = (self.stage_name(stage), nodes.len());
            let (new, added) = (self.next.new.id.0, self.next.chosen.len().saturating_sub(before));
            let which = list(nodes.iter().map(String::as_str));
            self.say(
                EventKind::StageBegan,
                format!("stage {name}: release {new} goes to {count} nodes, {added} of which are new to it ({which})"),
            );
            self.begin_step(stage, 0);
            return;
        }
    }

    fn begin_step(&mut self, stage: usize, step: u32) {
        begin_window(&mut self.next, self.now_ms, self.fleet);
        if let Some(of) = self.next.plan.stages.get(stage).filter(|of| of.steps() > 1) {
            let (name, weight) = (of.name.clone(), of.weight(step));
            let text = format!("stage {name}: edges give the release {weight} % of their requests");
            self.say(EventKind::StepBegan, text);
        }
        self.enter(State::Running { stage, step });
        self.next.step_ms = self.now_ms;
        self.next.progress_ms = self.now_ms;
        self.next.reached_ms = None;
        self.next.waiting.clear();
        self.looked();
    }

    fn under_way(&mut self) {
        let Some((stage, step)) = self.next.state.position() else { return self.held_before_it_began() };
        self.watch();
        self.adopt(stage);
        follow(&mut self.next, self.fleet);
        let refusals = presence::refusals(&self.next, self.fleet);
        if !refusals.is_empty() {
            return self.roll_back(sentences(refusals), false);
        }
        let behind = self.behind(stage);
        if behind.is_empty() && self.next.reached_ms.is_none() {
            self.next.reached_ms = Some(self.now_ms);
        }
        if self.now_ms >= self.next.next_look_ms {
            self.looked();
            self.look(stage, step, behind);
        }
    }

    /// Paused before it began: nothing to look at, and the time does not count.
    fn held_before_it_began(&mut self) {
        if self.now_ms >= self.next.next_look_ms {
            self.looked();
        }
    }

    /// Nodes that have come since the stage began, where it is for all that match.
    fn adopt(&mut self, stage: usize) {
        if self.next.plan.stages.get(stage).is_some_and(|stage| stage.nodes.percent == 100) {
            let nodes = choice::nodes_of(&self.next, stage, self.fleet, self.now_ms);
            choice::choose(&mut self.next, stage, &nodes, self.fleet);
        }
    }

    /// What the step waits for at nodes, in sentences. Nodes that are away since before the stage began are not waited for, if another one of it is there.
    fn behind(&mut self, stage: usize) -> Vec<String> {
        let names: Vec<String> = self.next.chosen.keys().cloned().collect();
        let (mut behind, mut away, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        let (mut is_somebody_there, mut is_any_reached) = (false, false);
        for name in names {
            let presence = presence::of(&self.next, &name, self.fleet, self.now_ms);
            let is_of_stage =
                self.next.chosen.get(&name).is_some_and(|chosen| chosen.stage == stage || chosen.also.contains(&stage));
            is_somebody_there |= is_of_stage && matches!(presence, Presence::Reached | Presence::Behind);
            is_any_reached |= presence == Presence::Reached;
            let is_skipped = self.next.skipped.contains(&name);
            match presence {
                Presence::Reached => drop(self.next.skipped.remove(&name)),
                _ if is_skipped => {}
                Presence::Behind => behind.push(name),
                Presence::Away { since_before: true } => gone.push(name),
                Presence::Away { since_before: false } => away.push(name),
            }
        }
        // At the deadline the same holds of nodes that went away since: what is there has shown what it can.
        let is_late = self.is_late(stage);
        if is_any_reached && behind.is_empty() && is_late {
            self.skip(std::mem::take(&mut away));
        }
        if is_somebody_there {
            self.skip(std::mem::take(&mut gone));
        }
        away.append(&mut gone);
        let mut waiting = Vec::new();
        if !behind.is_empty() {
            waiting.push(format!("{} are there and do not serve as they are to yet", list(behind.iter().map(String::as_str))));
        }
        if !away.is_empty() {
            waiting.push(format!("{} are away", list(away.iter().map(String::as_str))));
        }
        if waiting.is_empty() && !is_any_reached {
            waiting.push("no node of it is there".to_owned());
        }
        waiting
    }

    fn skip(&mut self, names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        let list = list(names.iter().map(String::as_str));
        self.say(
            EventKind::NodeSkipped,
            format!("{list}: away, and not waited for; what holds then is theirs when they come back"),
        );
        self.next.skipped.extend(names);
    }

    /// Whether the step has had its time.
    fn is_late(&self, stage: usize) -> bool {
        self.now_ms.saturating_sub(self.next.progress_ms) > self.deadline_ms(stage)
    }

    /// A stage's last step is held for a while, which comes on top.
    fn deadline_ms(&self, stage: usize) -> u64 {
        let plan = &self.next.plan;
        let is_last =
            |of: &Stage| self.next.state.position().is_some_and(|(_, step)| step.is_none_or(|step| step + 1 >= of.steps()));
        let hold = plan.stages.get(stage).filter(|of| is_last(of)).map_or(0, |of| of.hold_ms);
        plan.progress_deadline_ms.saturating_add(hold)
    }

    fn look(&mut self, stage: usize, step: Option<u32>, behind: Vec<String>) {
        let found = look::look(&self.next, self.now_ms, self.fleet);
        self.next.figures = found.figures;
        for text in found.uncompared {
            self.say_once(EventKind::NothingToCompare, text);
        }
        let hindered: BTreeSet<String> = found.hindrances.keys().cloned().collect();
        let before = std::mem::replace(&mut self.next.hindered, hindered);
        if !found.failures.is_empty() || !found.hindrances.is_empty() {
            if found.failures.is_empty() && before.is_disjoint(&self.next.hindered) {
                self.next.failed_looks = 0;
            }
            return self.failed(sentences(found.failures.into_iter().chain(found.hindrances.into_values()).collect()));
        }
        self.next.failed_looks = 0;
        let is_conclusive = found.lacking.is_empty() && behind.is_empty();
        let is_held = self.held();
        let hold = self.hold(stage, step);
        if is_conclusive && is_held.is_none() && hold.is_none() {
            return self.advance(stage, step);
        }
        let is_late = self.is_late(stage);
        self.next.waiting = behind.into_iter().chain(found.lacking).chain(is_held.clone()).chain(hold).collect();
        if is_held.is_some() {
            self.next.progress_ms = self.now_ms;
        } else if is_late && !is_conclusive {
            let (name, time) = (self.stage_name(stage), duration::format(self.deadline_ms(stage)));
            let waiting = self.next.waiting.join("; ");
            return self.roll_back(format!("stage {name} has not got on in {time}: {waiting}"), false);
        }
        let window = self.next.plan.interval_ms.saturating_mul(limits::WINDOW_INTERVALS);
        if is_conclusive && self.now_ms.saturating_sub(self.next.window_ms) >= window {
            begin_window(&mut self.next, self.now_ms, self.fleet);
        }
    }

    /// Why somebody or something else holds it up.
    fn held(&mut self) -> Option<String> {
        match &self.next.state {
            State::Paused { .. } => return Some("it is paused".to_owned()),
            State::Gated { stage, promoted: false } => {
                return Some(format!("stage {} is done, and waits for somebody who promotes it", self.stage_name(*stage)));
            }
            _ => {}
        }
        let frozen = self.next.plan.frozen(self.now_ms)?.to_string();
        self.say_once(EventKind::Frozen, frozen.clone());
        Some(frozen)
    }

    /// How long it is still to be looked at once all nodes have it, in a sentence. A step is looked at for half an interval at least, or it would end before anybody was asked.
    fn hold(&self, stage: usize, step: Option<u32>) -> Option<String> {
        let of = self.next.plan.stages.get(stage)?;
        let step = step?;
        let least = self.next.plan.interval_ms / 2;
        let wanted = if step + 1 >= of.steps() { of.hold_ms.max(least) } else { least };
        let since = self.now_ms.saturating_sub(self.next.reached_ms?);
        (since < wanted).then(|| format!("it is looked at for another {}", duration::about(wanted - since)))
    }

    /// On to the next step, the gate, the next stage, or the end.
    fn advance(&mut self, stage: usize, step: Option<u32>) {
        let Some(of) = self.next.plan.stages.get(stage) else { return };
        match step {
            Some(step) if step + 1 < of.steps() => self.begin_step(stage, step + 1),
            Some(_) if of.gate == Gate::Manual => {
                self.enter(State::Gated { stage, promoted: false });
                self.next.progress_ms = self.now_ms;
                self.next.waiting = self.held().into_iter().collect();
                let name = self.stage_name(stage);
                self.say(EventKind::Gated, format!("stage {name} is done, and waits for somebody who promotes it"));
            }
            _ if self.next.plan.is_last(stage) => self.complete(),
            _ => self.begin_stage(stage + 1),
        }
    }

    fn complete(&mut self) {
        let is_away = |name: &&String| presence::of(&self.next, name, self.fleet, self.now_ms) != Presence::Reached;
        let away: Vec<String> = self.next.chosen.keys().filter(is_away).cloned().collect();
        let new = self.next.new.id.0;
        let mut text = format!("release {new} is on all {} nodes that are there", self.next.chosen.len() - away.len());
        if !away.is_empty() {
            text.push_str("; it goes to those that are away when they come back: ");
            text.push_str(&list(away.iter().map(String::as_str)));
        }
        self.say(EventKind::Completed, text);
        self.enter(State::Completed);
        self.next.old_kept = self.next.old.is_some();
        self.end();
    }

    /// What only what is under way needs.
    fn end(&mut self) {
        self.next.waiting.clear();
        self.next.hindered.clear();
        self.next.baselines.clear();
        self.next.before.clear();
        self.next.failed_looks = 0;
    }

    fn failed(&mut self, why: String) {
        self.next.failed_looks = self.next.failed_looks.saturating_add(1);
        let (looks, limit) = (self.next.failed_looks, self.next.plan.failure_limit);
        if looks > limit {
            let after = if looks > 1 { format!(" ({looks} looks in a row)") } else { String::new() };
            return self.roll_back(format!("{why}{after}"), false);
        }
        self.say(EventKind::LookFailed, format!("look {looks} of {} that may fail: {why}", limit));
        self.next.waiting = vec![why];
    }

    pub(super) fn roll_back(&mut self, reason: String, aborted: bool) {
        self.end();
        let new = self.next.new.id.0;
        let Some(old) = self.next.old.as_ref().map(|old| old.id.0) else {
            if aborted {
                self.say(EventKind::Aborted, format!("release {new} goes no further: {reason}"));
                return self.enter(State::Aborted { reason });
            }
            let text =
                format!("release {new} goes no further, and nodes that have it keep it, since there is none before it: {reason}");
            self.say(EventKind::Failed, text);
            return self.enter(State::Failed { reason });
        };
        if self.next.chosen.is_empty() {
            return self.back(reason, aborted, &[]);
        }
        self.say(EventKind::RollingBack, format!("release {new} is taken back to release {old}: {reason}"));
        self.enter(State::RollingBack { reason, aborted });
        self.looked();
    }

    fn rolling_back(&mut self) {
        self.watch();
        let State::RollingBack { reason, aborted } = self.next.state.clone() else { return };
        let new = self.next.new.id;
        let serve_it = |report: &crate::protocol::Report| report.serving.iter().any(|share| share.release == new);
        let remaining = self.fleet.nodes.iter().filter(|(_, node)| serve_it(&node.report));
        // Nodes that were away when it began are given the time to come back that others have.
        let since = self.next.since_ms;
        let (away, there): (Vec<_>, Vec<_>) =
            remaining.partition(|(_, node)| presence::is_away(&self.next, node.seen_at_ms.max(since), self.now_ms));
        let name = |(name, _): &(&String, _)| (*name).clone();
        let (away, there): (Vec<String>, Vec<String>) = (away.iter().map(name).collect(), there.iter().map(name).collect());
        if there.is_empty() {
            return self.back(reason, aborted, &away);
        }
        let list = list(there.iter().map(String::as_str));
        let since = since.max(self.next.watched_ms);
        if self.now_ms.saturating_sub(since) > self.next.plan.progress_deadline_ms {
            let time = duration::format(self.next.plan.progress_deadline_ms);
            let reason = format!("{reason}; {list} still serve release {} after {time}", new.0);
            self.say(EventKind::Failed, reason.clone());
            return self.enter(State::Failed { reason });
        }
        if self.now_ms >= self.next.next_look_ms {
            self.looked();
            self.next.waiting = vec![format!("{list} are to serve the release before again")];
        }
    }

    /// Every node that is there has the release before again.
    fn back(&mut self, reason: String, aborted: bool, away: &[String]) {
        let (new, old) = (self.next.new.id.0, self.next.old.as_ref().map_or(0, |old| old.id.0));
        let mut text = format!("release {new} is taken back, and release {old} serves: {reason}");
        if !away.is_empty() {
            text.push_str("; these are away, and go back when they come back: ");
            text.push_str(&list(away.iter().map(String::as_str)));
        }
        self.next.waiting.clear();
        self.say(if aborted { EventKind::Aborted } else { EventKind::RolledBack }, text);
        self.enter(if aborted { State::Aborted { reason } } else { State::RolledBack { reason } });
    }

    fn completed(&mut self) {
        let is_over = self.now_ms.saturating_sub(self.next.since_ms) >= self.next.plan.rollback_window_ms;
        if self.next.old_kept && is_over {
            self.next.old_kept = false;
            let old = self.next.old.as_ref().map_or(0, |old| old.id.0);
            self.say(EventKind::WindowEnded, format!("release {old} is not kept ready any more"));
        }
    }

    fn stage_name(&self, stage: usize) -> String {
        self.next.plan.stages.get(stage).map(|stage| stage.name.clone()).unwrap_or_default()
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// As many as a sentence can hold.
fn sentences(mut all: Vec<String>) -> String {
    let others = all.len().saturating_sub(limits::NAMED);
    all.truncate(limits::NAMED);
    if others > 0 {
        all.push(format!("and {others} more"));
    }
    all.join("; ")
}

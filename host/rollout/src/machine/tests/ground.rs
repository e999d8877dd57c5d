//! A fleet that obeys at once, and does what a test says beside that.

use std::collections::{BTreeMap, BTreeSet};

use crate::machine::{Decision, EventKind, Fleet, Node, Rollout, State, Verb, assignment_for, decide};
use crate::plan::Plan;
use crate::protocol::{
    Counters, FailureKind, Needs, NodeDescription, NodeKind, Phase, Release, ReleaseId, ReleaseReport, Report, Share, Stamp,
};

pub(super) const OLD: ReleaseId = ReleaseId(1);
pub(super) const NEW: ReleaseId = ReleaseId(2);
/// A Monday, at noon.
pub(super) const NOON: u64 = 1_796_040_000_000;

pub(super) fn release(id: ReleaseId) -> Release {
    Release { id, reference: format!("r/a@sha256:{}", id.0), variables: BTreeMap::new(), needs: Needs::default() }
}

pub(super) fn plan(keys: &str) -> Plan {
    Plan::parse(&format!("application = \"shop\"\ninterval = \"10s\"\n{keys}")).unwrap()
}

/// One stage that takes everything at once.
pub(super) const AT_ONCE: &str = "[[stages]]\nname = \"all\"\n";

pub(super) struct Ground {
    pub rollout: Rollout,
    pub fleet: Fleet,
    pub now: u64,
    /// Nodes that say nothing.
    pub silent: BTreeSet<String>,
    /// Nodes that do not do what they are told.
    pub stubborn: BTreeSet<String>,
    /// Nodes where the new release fails.
    pub failing: BTreeMap<String, FailureKind>,
    /// Requests that an edge is asked a second, and how many of 1,000 fail with the new release.
    pub rate: u64,
    pub errors: u64,
    counters: BTreeMap<(String, ReleaseId), Counters>,
    boots: BTreeMap<String, u64>,
}

impl Ground {
    /// Edges `a`, `b`, … of the region eu that serve the old release, and a plan.
    pub(super) fn new(keys: &str, edges: &[&str]) -> Self {
        Self::of(Rollout::new(plan(keys), Some(release(OLD)), release(NEW), NOON), edges)
    }

    pub(super) fn of(rollout: Rollout, edges: &[&str]) -> Self {
        let mut ground = Self {
            rollout,
            fleet: Fleet::default(),
            now: NOON,
            silent: BTreeSet::new(),
            stubborn: BTreeSet::new(),
            failing: BTreeMap::new(),
            rate: 100,
            errors: 0,
            counters: BTreeMap::new(),
            boots: BTreeMap::new(),
        };
        for name in edges {
            ground.join(name, NodeKind::Edge);
        }
        ground
    }

    pub(super) fn join(&mut self, name: &str, kind: NodeKind) {
        let node = NodeDescription {
            kind,
            region: "eu".into(),
            labels: BTreeMap::new(),
            host: "0.1.0".into(),
            interfaces: BTreeSet::new(),
            ledger_wire: 1,
            schema: None,
            variables: BTreeSet::new(),
        };
        let serving = self.rollout.old.iter().map(|old| Share { release: old.id, weight: 100 }).collect();
        let report = Report { node, boot: 1, known: Stamp::default(), releases: Vec::new(), serving, wait: false };
        self.fleet.nodes.insert(name.into(), Node { report, seen_at_ms: self.now });
    }

    /// The process of a node begins anew, with what its disk has.
    pub(super) fn reboot(&mut self, name: &str) {
        *self.boots.entry(name.into()).or_insert(1) += 1;
        self.counters.retain(|(of, _), _| of != name);
    }

    /// A second passes.
    fn second(&mut self) {
        self.now += 1_000;
        for (name, node) in &mut self.fleet.nodes {
            if self.silent.contains(name) {
                continue;
            }
            node.seen_at_ms = self.now;
            let report = &mut node.report;
            report.boot = self.boots.get(name).copied().unwrap_or(1);
            let assignment = assignment_for(&self.rollout, name, Stamp::default());
            let failure = self.failing.get(name).copied();
            if let Some(assignment) = &assignment
                && !self.stubborn.contains(name)
                && !(failure.is_some() && assignment.serving.iter().any(|share| share.release == NEW))
            {
                report.serving.clone_from(&assignment.serving);
            }
            for share in report.serving.clone().into_iter().filter(|_| report.node.kind == NodeKind::Edge) {
                let counters = self.counters.entry((name.clone(), share.release)).or_default();
                let requests = self.rate * u64::from(share.weight) / 100;
                counters.requests += requests;
                counters.errors += if share.release == NEW { requests * self.errors / 1_000 } else { 0 };
            }
            let releases = assignment.map(|assignment| assignment.releases).unwrap_or_default();
            let releases = releases.iter().map(|release| ReleaseReport {
                release: release.id,
                phase: match failure.filter(|_| release.id == NEW) {
                    Some(kind) => Phase::Failed { kind, reason: "so it is".into() },
                    None => Phase::Ready,
                },
                counters: self.counters.get(&(name.clone(), release.id)).cloned().unwrap_or_default(),
            });
            report.releases = releases.collect();
        }
    }

    /// Some seconds pass, and somebody decides in each. Returns what happened.
    pub(super) fn pass(&mut self, seconds: u64) -> Vec<EventKind> {
        let mut kinds = Vec::new();
        for _ in 0..seconds {
            self.second();
            let Decision { next, events } = decide(&self.rollout, self.now, &self.fleet);
            self.rollout = next;
            kinds.extend(events.into_iter().map(|event| event.kind));
        }
        kinds
    }

    /// Passes until the rollout is in a state, for an hour at most.
    pub(super) fn until(&mut self, state: &str) {
        for _ in 0..3_600 {
            if self.rollout.state.name() == state {
                return;
            }
            self.pass(1);
        }
        panic!("is {:?} and not {state}: {:#?}", self.rollout.state, self.rollout.events);
    }

    pub(super) fn say(&mut self, verb: Verb) -> Result<Vec<EventKind>, String> {
        let decision = self.rollout.say(verb, "ann", self.now).map_err(|refusal| refusal.0)?;
        self.rollout = decision.next;
        Ok(decision.events.into_iter().map(|event| event.kind).collect())
    }

    /// What a node serves, as release and percent.
    pub(super) fn serving(&self, name: &str) -> Vec<(u64, u8)> {
        self.fleet.nodes[name].report.serving.iter().map(|share| (share.release.0, share.weight)).collect()
    }

    /// What a node has ready.
    pub(super) fn ready(&self, name: &str) -> Vec<u64> {
        self.fleet.nodes[name].report.releases.iter().map(|of| of.release.0).collect()
    }

    /// The stage and step of what is under way.
    pub(super) fn position(&self) -> (usize, u32) {
        match self.rollout.state {
            State::Running { stage, step } => (stage, step),
            ref other => panic!("{other:?}"),
        }
    }

    /// What was said last.
    pub(super) fn last(&self) -> &str {
        &self.rollout.events.last().unwrap().text
    }
}

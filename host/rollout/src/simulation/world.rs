//! The fleet, the control plane's storage, and what must hold at every moment.

use std::collections::BTreeMap;

use super::node::Node;
use super::operator::{Wish, plan};
use super::random::Random;
use super::version::{Fault, NEW, OLD, Version};
use crate::machine::{self, EventKind, Fleet, Rollout, State, assignment_for, decide};
use crate::plan::Plan;
use crate::protocol::{Assignment, NodeDescription, NodeKind, Phase, Release, ReleaseId, Share, Stamp};

/// Milliseconds at which a run begins: a Thursday.
const BEGIN: u64 = 0;
/// Milliseconds after which a rollout that has not ended never will.
const LONGEST: u64 = 6 * 3_600_000;
/// Requests of each side that show what is wrong with a release.
const ENOUGH: u64 = 3_000;

/// A run.
pub(super) struct World {
    random: Random,
    fault: Fault,
    version: Version,
    wish: Wish,
    now: u64,
    nodes: BTreeMap<String, Node>,
    /// What the database has.
    stored: String,
    revision: u64,
    /// What has been heard of nodes.
    fleet: Fleet,
    /// Until when no instance of the control plane runs.
    control_down_until: u64,
    /// Since when there is enough to see that the release is bad, less the time in which nobody could look.
    enough_since: Option<u64>,
    joined: u64,
    weights: BTreeMap<String, u8>,
    stages_begun: Vec<String>,
    pub lines: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub state: &'static str,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// Nodes that have served the new release.
    pub met: usize,
    pub nodes: usize,
}

fn release(id: ReleaseId) -> Release {
    let reference = format!("registry.example/shop@sha256:{:064x}", id.0);
    Release { id, reference, variables: BTreeMap::new(), needs: crate::protocol::Needs::default() }
}

impl World {
    pub(super) fn new(seed: u64, fault: Fault) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::parse(&plan(&mut random)).unwrap();
        // A registry that is slow for less than two looks, and the reports between them, harms nobody.
        let hiccup = if random.one_in(3) { plan.interval_ms / 2 } else { 0 };
        let wish = if fault == Fault::Good { Wish::drawn(&mut random) } else { Wish::Complete };
        let mut world = Self {
            version: Version::new(fault, hiccup),
            fault,
            wish,
            now: BEGIN,
            nodes: BTreeMap::new(),
            stored: String::new(),
            revision: 0,
            fleet: Fleet::default(),
            control_down_until: 0,
            enough_since: None,
            joined: 0,
            weights: BTreeMap::new(),
            stages_begun: Vec::new(),
            lines: Vec::new(),
            random,
        };
        for kind in NodeKind::ALL {
            let most = if kind == NodeKind::Edge { 12 } else { 3 };
            for _ in 0..world.random.within(1, most) {
                world.join(kind);
            }
        }
        // There is always a canary, and it is alone nowhere: others of its region go on with the release before.
        for _ in 0..2 {
            world.join(NodeKind::Edge);
        }
        let canary = world.nodes.values_mut().find(|node| node.description.kind == NodeKind::Edge).unwrap();
        canary.description.labels.insert("tier".into(), "canary".into());
        for node in world.nodes.values_mut() {
            node.take(
                Assignment {
                    stamp: Stamp { epoch: 0, revision: 1 },
                    releases: vec![release(OLD)],
                    serving: vec![Share { release: OLD, weight: 100 }],
                    report_ms: 2_000,
                },
                0,
                &mut world.random,
            );
        }
        world.store(&Rollout::new(plan, Some(release(OLD)), release(NEW), 60_000));
        world
    }

    fn join(&mut self, kind: NodeKind) {
        self.joined += 1;
        let region = ["eu", "us"][self.random.within(0, 1) as usize];
        let name = format!("marquee://{}/{region}/n-{}", kind.name(), self.joined);
        let mut labels = BTreeMap::new();
        if kind == NodeKind::Edge && self.random.one_in(6) {
            labels.insert("tier".to_owned(), "canary".to_owned());
        }
        let description = NodeDescription {
            kind,
            region: region.into(),
            labels,
            host: "0.1.0".into(),
            interfaces: Default::default(),
            ledger_wire: 1,
            schema: None,
            variables: Default::default(),
        };
        let node = Node::new(description, &mut self.random);
        self.nodes.insert(name, node);
    }

    fn store(&mut self, rollout: &Rollout) {
        assert_eq!(rollout.is_sound(), Ok(()));
        self.stored = serde_json::to_string(rollout).unwrap();
        self.revision += 1;
    }

    /// What an instance that has just begun reads.
    pub(super) fn read(&self) -> Rollout {
        let rollout: Rollout = serde_json::from_str(&self.stored).unwrap();
        assert_eq!(rollout.is_sound(), Ok(()));
        rollout
    }

    /// Runs until the rollout has ended and all nodes have come back.
    pub(super) fn run(&mut self) -> Result<Outcome, String> {
        let mut ended = None;
        loop {
            let from = self.now;
            self.now += self.random.within(300, 2_000);
            if ended.is_none() {
                self.break_something();
            }
            for node in self.nodes.values_mut() {
                node.live(from, self.now, &self.version, &mut self.random);
            }
            if self.now >= self.control_down_until {
                self.control()?;
            } else if let Some(since) = &mut self.enough_since {
                *since += self.now - from;
            }
            let rollout = self.read();
            self.check(&rollout)?;
            let is_to_go_back = rollout.state == State::Completed && self.wish == Wish::Rollback;
            if rollout.state.is_final() && !is_to_go_back && ended.is_none() {
                ended = Some(self.now);
            }
            if ended.is_some_and(|ended| self.now > ended + 300_000) {
                return self.end(&rollout, ended.unwrap_or_default());
            }
            if self.now > LONGEST {
                return Err(format!("it has not ended: {:?}, it waits for {:?}", rollout.state, rollout.waiting));
            }
        }
    }

    /// Crashes, silence, nodes that join, and a control plane that is away.
    fn break_something(&mut self) {
        let now = self.now;
        let quiet = self.fault != Fault::Good;
        for node in self.nodes.values_mut() {
            if self.random.one_in(3_000) && !node.is_down(now) {
                let until = now + self.random.within(2_000, if quiet { 20_000 } else { 150_000 });
                node.crash(until, &mut self.random);
            }
            if self.random.one_in(2_000) {
                node.silent_until = now + self.random.within(1_000, if quiet { 5_000 } else { 120_000 });
            }
        }
        if self.random.one_in(400) && self.nodes.len() < 30 {
            let kind = NodeKind::ALL[self.random.within(0, 2) as usize];
            self.join(kind);
        }
        if now > self.control_down_until && self.random.one_in(150) {
            let most = if self.random.one_in(5) && !quiet { 900_000 } else { 10_000 };
            self.control_down_until = now + self.random.within(1_000, most);
        }
    }

    /// One round of an instance that knows nothing but what is stored.
    fn control(&mut self) -> Result<(), String> {
        for (name, node) in &mut self.nodes {
            if let Some(report) = node.report(self.now, &self.version) {
                self.fleet.nodes.insert(name.clone(), machine::Node { report, seen_at_ms: self.now });
            }
        }
        let rollout = self.read();
        let decision = match self.wish.verb(&rollout, &mut self.random) {
            Some(verb) => match rollout.say(verb, "somebody", self.now) {
                Ok(decision) => decision,
                Err(refusal) if refusal.0.contains("frozen") => return Ok(()),
                Err(refusal) => return Err(format!("{verb:?} is refused: {refusal}")),
            },
            None if self.now < rollout.created_ms => return Ok(()),
            None => decide(&rollout, self.now, &self.fleet),
        };
        // An instance may die before it has stored what it decided, or another one has stored something: then nothing has been said to anybody.
        if decision.next != rollout && !self.random.one_in(8) {
            for event in &decision.events {
                self.lines.push(format!("{:>8} {:?}: {}", event.at_ms / 1_000, event.kind, event.text));
                if event.kind == EventKind::StageBegan {
                    self.stages_begun.push(event.text.split(':').next().unwrap_or_default().to_owned());
                }
            }
            self.store(&decision.next);
        }
        let rollout = self.read();
        for (name, node) in &mut self.nodes {
            let is_reached = !node.is_down(self.now) && self.now >= node.silent_until && !self.random.one_in(3);
            let stamp = Stamp { epoch: 1, revision: self.revision };
            if let Some(assignment) = assignment_for(&rollout, name, stamp).filter(|_| is_reached) {
                node.take(assignment, self.now, &mut self.random);
            }
        }
        Ok(())
    }

    /// What holds at every moment.
    fn check(&mut self, rollout: &Rollout) -> Result<(), String> {
        for (name, node) in &self.nodes {
            let sum: u32 = node.serving.iter().map(|share| u32::from(share.weight)).sum();
            if node.serving.len() > 2 || !node.serving.is_empty() && sum != 100 {
                return Err(format!("{name} serves {:?}", node.serving));
            }
            if !node.has_served.contains(&NEW) {
                continue;
            }
            let stage = rollout.chosen.get(name).map(|chosen| chosen.stage);
            // Once it is complete, nodes that join get it without a stage.
            let was_complete = rollout.events.iter().any(|event| event.kind == EventKind::Completed);
            if stage.is_none() && !was_complete {
                return Err(format!("{name} has served the new release, which no stage gave it"));
            }
            if self.fault != Fault::Good && stage != Some(0) {
                return Err(format!("{name} of stage {stage:?} has met a bad release"));
            }
            let weight = node.serving.iter().filter(|share| share.release == NEW).map(|share| share.weight).sum();
            let before = self.weights.insert(name.clone(), weight).unwrap_or(0);
            if weight < before && rollout.state.position().is_some() {
                return Err(format!("{name} went from {before} to {weight} % while the release was on its way"));
            }
        }
        let mut begun = self.stages_begun.clone();
        begun.sort_unstable();
        begun.dedup();
        if begun.len() != self.stages_begun.len() {
            return Err(format!("a stage began twice: {:?}", self.stages_begun));
        }
        self.check_time(rollout)
    }

    /// A bad release is halted within two looks once there is enough to see it.
    fn check_time(&mut self, rollout: &Rollout) -> Result<(), String> {
        if self.fault == Fault::Good || rollout.state.position().is_none() {
            return Ok(());
        }
        if !self.is_enough(rollout) {
            self.enough_since = None;
            return Ok(());
        }
        let since = *self.enough_since.get_or_insert(self.now);
        // A decision may be lost again and again, each time for one round.
        let most = 2 * rollout.plan.interval_ms + 8_000;
        if self.now - since > most {
            return Err(format!("it could be seen since {} s that the release is bad: {:?}", since / 1_000, rollout.state));
        }
        Ok(())
    }

    /// Whether what nodes have said shows what is wrong.
    fn is_enough(&self, rollout: &Rollout) -> bool {
        let (mut of_new, mut of_old, mut memory, mut has_failed) = (0, 0, 0, false);
        for (name, node) in &self.fleet.nodes {
            if !rollout.chosen.contains_key(name) {
                continue;
            }
            let requests = |id| {
                let now = node.report.releases.iter().find(|of| of.release == id).map_or(0, |of| of.counters.requests);
                let Some(baseline) = rollout.baselines.get(name) else { return 0 };
                let before = if id == NEW { &baseline.new } else { &baseline.old };
                if baseline.boot == node.report.boot { now - before.requests } else { now }
            };
            of_new += requests(NEW);
            of_old += requests(OLD);
            let of = node.report.releases.iter().find(|of| of.release == NEW);
            memory = memory.max(of.map_or(0, |of| of.counters.memory));
            has_failed |= of.is_some_and(|of| matches!(of.phase, Phase::Failed { .. }));
        }
        let is_enough = of_new >= ENOUGH && of_old >= ENOUGH;
        match self.fault {
            Fault::Good => false,
            Fault::Errors | Fault::Slow | Fault::Traps => is_enough,
            Fault::Leak => memory > 31 * super::version::MIB,
            Fault::Unhealthy | Fault::Untrusted | Fault::Gone => has_failed,
        }
    }

    /// How all nodes are in the end.
    fn end(&self, rollout: &Rollout, ended: u64) -> Result<Outcome, String> {
        let expected = match (self.fault, self.wish) {
            (Fault::Good, Wish::Complete) => "completed",
            // Who wants to abort may be too late.
            (Fault::Good, Wish::Abort) if rollout.state == State::Completed => "completed",
            (Fault::Good, Wish::Abort) => "aborted",
            (Fault::Good, Wish::Rollback) | (_, _) => "rolled-back",
        };
        if rollout.state.name() != expected {
            return Err(format!("it is {} and not {expected}: {:?}", rollout.state.name(), rollout.state.reason()));
        }
        let serving = if expected == "completed" { NEW } else { OLD };
        for (name, node) in &self.nodes {
            if node.serving != [Share { release: serving, weight: 100 }] {
                return Err(format!("{name} serves {:?} in the end", node.serving));
            }
        }
        let met = self.nodes.values().filter(|node| node.has_served.contains(&NEW)).count();
        if matches!(self.fault, Fault::Unhealthy | Fault::Untrusted | Fault::Gone) && met > 0 {
            return Err(format!("{met} nodes have served what cannot be prepared"));
        }
        Ok(Outcome { state: rollout.state.name(), took: ended, met, nodes: self.nodes.len() })
    }
}

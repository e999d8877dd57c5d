//! One look at what the release does, beside the one before.

use std::collections::{BTreeMap, BTreeSet};

use super::assignment::serving;
use super::presence::{self, short};
use super::{Fleet, Rollout};
use crate::analysis::{Against, Baseline, Comparison, Figures, Pair, add, compare, counters_of, judge_reading};
use crate::limits;
use crate::protocol::{Counters, NodeDescription, NodeKind, Report};

/// What a look has found, in sentences.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What the release fails.
    pub failures: Vec<String>,
    /// Nodes that cannot have it yet, by name.
    pub hindrances: BTreeMap<String, String>,
    /// What there is too little of to conclude anything.
    pub lacking: Vec<String>,
    /// What has nothing to be compared with.
    pub uncompared: Vec<String>,
    /// What it was concluded from, a kind of nodes each.
    pub figures: Vec<Figures>,
}

/// Looks at everything that the plan wants.
pub(super) fn look(rollout: &Rollout, now_ms: u64, fleet: &Fleet) -> Look {
    let hindrances = presence::hindrances(rollout, fleet, now_ms);
    let mut look = Look { failures: restless(rollout), hindrances, ..Look::default() };
    for kind in NodeKind::ALL {
        if rollout.chosen.values().any(|chosen| chosen.kind == kind) {
            look.at_kind(rollout, kind, now_ms, fleet);
        }
    }
    let queries = &rollout.plan.analysis.queries;
    look.failures.extend(queries.iter().filter_map(|query| judge_reading(query, fleet.readings.get(&query.name))));
    look
}

impl Look {
    fn at_kind(&mut self, rollout: &Rollout, kind: NodeKind, now_ms: u64, fleet: &Fleet) {
        let analysis = &rollout.plan.analysis;
        let samples = Samples::of(rollout, kind, fleet);
        let (old, against) = samples.compared(analysis.min_requests);
        let window_ms = now_ms.saturating_sub(rollout.window_ms);
        let comparison = Comparison { kind, new: &samples.new, old, against, window_ms };
        self.failures.extend(compare(analysis, &comparison));
        // People see what there is, also where it is too little to be judged by.
        let (shown, by) = if against == Against::Nothing { samples.compared(1) } else { (old, against) };
        let (new, before) = (samples.new.clone(), shown.clone());
        self.figures.push(Figures { kind, at_ms: now_ms, window_ms, against: by, new, old: before });
        // People ask edges all the time. Regions and workers may have nothing to do, and are judged by what they had.
        if kind == NodeKind::Edge {
            self.lack(samples.new.requests, analysis.min_requests, "the new release");
            if samples.is_shared {
                self.lack(old.requests, analysis.min_requests, "the release before");
            }
        }
        if against == Against::Nothing && rollout.old.is_some() {
            let kind = kind.name();
            self.uncompared.push(format!(
                "at {kind} nodes nothing of the release before can be compared with: only limits that need no comparison hold"
            ));
        }
    }

    fn lack(&mut self, requests: u64, least: u64, whose: &str) {
        if requests < least {
            self.lacking.push(format!("edges have answered {requests} of {least} requests with {whose}"));
        }
    }
}

/// What nodes of one kind have done in the window.
struct Samples {
    new: Counters,
    old_same: Counters,
    old_others: Counters,
    old_before: Counters,
    /// Whether both releases serve on the same nodes.
    is_shared: bool,
}

impl Samples {
    fn of(rollout: &Rollout, kind: NodeKind, fleet: &Fleet) -> Self {
        let none = Counters::default;
        let mut samples = Self { new: none(), old_same: none(), old_others: none(), old_before: none(), is_shared: false };
        let regions: BTreeSet<&str> = of_kind(fleet, kind)
            .filter(|(name, _)| rollout.chosen.contains_key(*name))
            .map(|(_, report)| report.node.region.as_str())
            .collect();
        for (name, report) in of_kind(fleet, kind).filter(|(_, report)| regions.contains(report.node.region.as_str())) {
            let Some(baseline) = rollout.baselines.get(name) else { continue };
            let pair = baseline.since(report, &pair(rollout, report));
            if rollout.chosen.contains_key(name) {
                add(&mut samples.new, &pair.new);
                add(&mut samples.old_same, &pair.old);
                samples.is_shared |= serving(rollout, name).len() == 2;
            } else {
                add(&mut samples.old_others, &pair.old);
            }
        }
        for region in regions {
            if let Some(before) = rollout.before.get(&group(kind, region)) {
                add(&mut samples.old_before, before);
            }
        }
        samples
    }

    /// What to compare with: where both serve, those nodes and nothing else, however long that takes; else whatever there is enough of.
    fn compared(&self, least: u64) -> (&Counters, Against) {
        let least = least.max(1);
        if self.is_shared {
            (&self.old_same, Against::SameNodes)
        } else if self.old_others.requests >= least {
            (&self.old_others, Against::OtherNodes)
        } else if self.old_before.requests >= least {
            (&self.old_before, Against::WindowBefore)
        } else {
            (&NOTHING, Against::Nothing)
        }
    }
}

static NOTHING: Counters = Counters { requests: 0, errors: 0, traps: 0, restarts: 0, memory: 0, latency: Vec::new() };

/// Nodes whose process has begun anew too often in this window.
fn restless(rollout: &Rollout) -> Vec<String> {
    let nodes = rollout.chosen.keys().filter_map(|name| Some((name, rollout.baselines.get(name)?.boots)));
    let restless = nodes.filter(|(_, boots)| *boots > limits::BOOTS);
    restless
        .map(|(name, boots)| format!("the process of {} has begun anew {boots} times, or two have its certificate", short(name)))
        .collect()
}

/// Begins a new window: keeps what the release before did in this one, for where nobody will serve it any more, and counts from now on.
pub(super) fn begin_window(rollout: &mut Rollout, now_ms: u64, fleet: &Fleet) {
    let mut ended: BTreeMap<String, Counters> = BTreeMap::new();
    for (name, node) in fleet.nodes.iter().take(limits::NODES) {
        let report = &node.report;
        let counted = pair(rollout, report);
        let old = rollout.baselines.get(name).map_or(counted.old.clone(), |baseline| baseline.since(report, &counted).old);
        let NodeDescription { kind, region, .. } = &report.node;
        add(ended.entry(group(*kind, region)).or_default(), &old);
    }
    let least = rollout.plan.analysis.min_requests.max(1);
    for (group, old) in ended {
        // A window with next to nothing in it says less than the one before.
        let is_more = rollout.before.get(&group).is_none_or(|before| before.requests < old.requests);
        if old.requests >= least || is_more {
            rollout.before.insert(group, old);
        }
    }
    rollout.window_ms = now_ms;
    rollout.baselines.clear();
    follow(rollout, fleet);
}

/// Takes a baseline of nodes that have none, and notes processes that have begun anew.
pub(super) fn follow(rollout: &mut Rollout, fleet: &Fleet) {
    for (name, node) in fleet.nodes.iter().take(limits::NODES) {
        let report = &node.report;
        match rollout.baselines.get_mut(name) {
            None => {
                let counted = pair(rollout, report);
                rollout.baselines.insert(name.clone(), Baseline::of(report, counted));
            }
            Some(baseline) if baseline.latest_boot != report.boot => {
                baseline.latest_boot = report.boot;
                baseline.boots = baseline.boots.saturating_add(1);
            }
            Some(_) => {}
        }
    }
}

fn pair(rollout: &Rollout, report: &Report) -> Pair {
    let old = rollout.old.as_ref().map(|old| counters_of(report, old.id)).unwrap_or_default();
    Pair { old, new: counters_of(report, rollout.new.id) }
}

fn of_kind(fleet: &Fleet, kind: NodeKind) -> impl Iterator<Item = (&String, &Report)> {
    let nodes = fleet.nodes.iter().map(|(name, node)| (name, &node.report));
    nodes.filter(move |(_, report)| report.node.kind == kind).take(limits::NODES)
}

fn group(kind: NodeKind, region: &str) -> String {
    format!("{}/{region}", kind.name())
}

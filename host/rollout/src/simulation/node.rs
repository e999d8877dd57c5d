//! A simulated node: its agent, its process, and the requests that it answers.

use std::collections::{BTreeMap, BTreeSet};

use super::random::Random;
use super::version::{MIB, Version};
use crate::protocol::{
    Assignment, Counters, FailureKind, LATENCY_BOUNDS_US, NodeDescription, NodeKind, Phase, ReleaseId, ReleaseReport, Report,
    Share, Stamp,
};

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub description: NodeDescription,
    /// Requests that it is asked a second.
    rate: u64,
    boot: u64,
    /// Until when its process is down.
    pub down_until: u64,
    /// Until when it does not reach the control plane; its process goes on.
    pub silent_until: u64,
    /// What its disk has.
    pub assignment: Option<Assignment>,
    /// Releases that it prepares, with when they are ready or have failed.
    prepared: BTreeMap<ReleaseId, u64>,
    pub serving: Vec<Share>,
    counters: BTreeMap<ReleaseId, Counters>,
    next_report: u64,
    pub has_served: BTreeSet<ReleaseId>,
}

impl Node {
    pub(super) fn new(description: NodeDescription, random: &mut Random) -> Self {
        let rate = if description.kind == NodeKind::Edge { random.within(200, 600) } else { random.within(0, 30) };
        Self {
            description,
            rate,
            boot: random.next(),
            down_until: 0,
            silent_until: 0,
            assignment: None,
            prepared: BTreeMap::new(),
            serving: Vec::new(),
            counters: BTreeMap::new(),
            next_report: 0,
            has_served: BTreeSet::new(),
        }
    }

    pub(super) fn is_down(&self, now: u64) -> bool {
        now < self.down_until
    }

    /// The process ends; the next one begins with what the disk has.
    pub(super) fn crash(&mut self, until: u64, random: &mut Random) {
        self.down_until = until;
        self.boot = random.next();
        self.counters.clear();
        // Compiled code is on the disk.
        self.prepared.values_mut().for_each(|ready| *ready = until);
    }

    /// Takes an assignment that is later than the one it has.
    pub(super) fn take(&mut self, assignment: Assignment, now: u64, random: &mut Random) {
        if self.assignment.as_ref().is_some_and(|known| known.stamp >= assignment.stamp) {
            return;
        }
        let wanted: BTreeSet<ReleaseId> = assignment.releases.iter().map(|release| release.id).collect();
        self.prepared.retain(|release, _| wanted.contains(release));
        for release in wanted {
            self.prepared.entry(release).or_insert_with(|| now + random.within(500, 8_000));
        }
        self.assignment = Some(assignment);
    }

    /// How a release is on it. What cannot be fetched at first is tried again.
    fn phase(&self, release: ReleaseId, version: &Version, now: u64) -> Phase {
        let Some(ready) = self.prepared.get(&release) else { return Phase::Preparing };
        if now < *ready {
            return Phase::Preparing;
        }
        match version.failure(release) {
            Some(kind) => Phase::Failed { kind, reason: "it is simulated".into() },
            None if now < ready + version.hiccup_ms => Phase::Failed { kind: FailureKind::Fetch, reason: "timed out".into() },
            None => Phase::Ready,
        }
    }

    /// Time passes: it switches where all is ready, and answers requests.
    pub(super) fn live(&mut self, from: u64, now: u64, version: &Version, random: &mut Random) {
        if self.is_down(now) {
            return;
        }
        if let Some(assignment) = &self.assignment {
            let is_ready = |share: &Share| self.phase(share.release, version, now) == Phase::Ready;
            if assignment.serving.iter().all(is_ready) {
                self.serving.clone_from(&assignment.serving);
            }
        }
        for share in self.serving.clone() {
            self.has_served.insert(share.release);
            let mean = self.rate as f64 * (now - from) as f64 / 1_000.0 * f64::from(share.weight) / 100.0;
            let requests = random.about(mean);
            self.answer(share.release, requests, version, random);
        }
    }

    fn answer(&mut self, release: ReleaseId, requests: u64, version: &Version, random: &mut Random) {
        let counters = self.counters.entry(release).or_default();
        let of = version.behaviour(release);
        counters.requests += requests;
        let traps = random.about(requests as f64 * of.traps);
        counters.traps += traps;
        counters.errors += random.about(requests as f64 * of.errors) + traps;
        counters.restarts += random.about(requests as f64 * 0.001) + traps;
        counters.memory = counters.memory.max(20 * MIB + (counters.requests as f64 * of.leak) as u64);
        counters.latency.resize(LATENCY_BOUNDS_US.len() + 1, 0);
        for (bucket, share) in counters.latency.iter_mut().zip(&of.latency) {
            *bucket += random.about(requests as f64 * share);
        }
    }

    /// What it says, where it is time to and it is heard.
    pub(super) fn report(&mut self, now: u64, version: &Version) -> Option<Report> {
        if self.is_down(now) || now < self.silent_until || now < self.next_report {
            return None;
        }
        let assignment = self.assignment.as_ref();
        self.next_report = now + assignment.map_or(2_000, |assignment| u64::from(assignment.report_ms));
        let releases = assignment.map(|assignment| assignment.releases.as_slice()).unwrap_or_default().iter().map(|release| {
            let counters = self.counters.get(&release.id).cloned().unwrap_or_default();
            ReleaseReport { release: release.id, phase: self.phase(release.id, version, now), counters }
        });
        Some(Report {
            node: self.description.clone(),
            boot: self.boot,
            known: assignment.map_or(Stamp::default(), |assignment| assignment.stamp),
            releases: releases.collect(),
            serving: self.serving.clone(),
            wait: false,
        })
    }
}

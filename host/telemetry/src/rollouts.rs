//! Metrics of rollouts: of an instance of the control plane, and of a node's agent. Each is made before the node's registry is known, and joins it later.

use std::time::{Duration, SystemTime};

use prometheus::core::Collector;
use prometheus::{GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use crate::limits::DURATION_BUCKETS;
use crate::{Error, Metrics};

/// How a node is, as its control plane sees it.
pub const NODE_STATES: [&str; 4] = ["ready", "switching", "failed", "away"];

/// What an instance of the control plane does. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    acts: IntGauge,
    epoch: IntGauge,
    polls: IntGauge,
    nodes: IntGaugeVec,
    rollout: IntGaugeVec,
    looks: IntCounterVec,
    conflicts: IntCounterVec,
    database: IntCounterVec,
    versions: IntCounterVec,
    refused: IntCounterVec,
    reports: IntCounterVec,
    requests: IntCounterVec,
    rounds: Histogram,
    last_round: GaugeVec,
}

impl ControlPlane {
    /// Families without samples.
    ///
    /// # Errors
    /// One of them is ill-defined: a bug, seen at start.
    pub fn new() -> Result<Self, Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauges = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let rounds = HistogramOpts::new("marquee_control_round_duration_seconds", "How long a good round took.");
        Ok(Self {
            acts: IntGauge::new("marquee_control_acts", "1 where this instance acts, 0 where another does, or none.")?,
            epoch: IntGauge::new("marquee_control_lease_epoch", "The epoch of the lease, as this instance has read it last.")?,
            polls: IntGauge::new("marquee_control_polls_waiting", "Requests of agents that wait for an assignment.")?,
            nodes: gauges("marquee_control_nodes", "Nodes by how they are; of the instance that acts.", &["state"])?,
            rollout: gauges(
                "marquee_control_rollout_info",
                "1 for the state of the last rollout; of the instance that acts.",
                &["application", "state"],
            )?,
            looks: counters(
                "marquee_control_looks_total",
                "Looks at a release that were concluded here, by verdict.",
                &["verdict"],
            )?,
            conflicts: counters(
                "marquee_control_conflicts_total",
                "Changes that were refused because another one was first.",
                &["by"],
            )?,
            database: counters("marquee_control_database_errors_total", "Statements that failed.", &["kind"])?,
            versions: counters(
                "marquee_control_versions_total",
                "Versions that were looked up in a registry, by outcome.",
                &["outcome"],
            )?,
            refused: counters(
                "marquee_control_certificates_refused_total",
                "Connections to the listener of agents whose certificate was refused, or who showed none.",
                &[],
            )?,
            reports: counters("marquee_control_reports_total", "Requests of agents, by how they were answered.", &["outcome"])?,
            requests: counters("marquee_control_requests_total", "Requests of people, by the answer's status.", &["status"])?,
            rounds: Histogram::with_opts(rounds.buckets(DURATION_BUCKETS.to_vec()))?,
            last_round: GaugeVec::new(
                Opts::new("marquee_control_last_round_timestamp_seconds", "When the last good round ended."),
                &[],
            )?,
        })
    }

    /// Has a node's registry show them.
    ///
    /// # Errors
    /// Another one has registered them there.
    pub fn register(&self, metrics: &Metrics) -> Result<(), Error> {
        let Self { acts, epoch, polls, nodes, rollout, looks, conflicts, database, .. } = self.clone();
        let Self { versions, refused, reports, requests, rounds, last_round, .. } = self.clone();
        let first: [Box<dyn Collector>; 8] = [
            Box::new(acts),
            Box::new(epoch),
            Box::new(polls),
            Box::new(nodes),
            Box::new(rollout),
            Box::new(looks),
            Box::new(conflicts),
            Box::new(database),
        ];
        let rest: [Box<dyn Collector>; 6] = [
            Box::new(versions),
            Box::new(refused),
            Box::new(reports),
            Box::new(requests),
            Box::new(rounds),
            Box::new(last_round),
        ];
        first.into_iter().chain(rest).try_for_each(|family| metrics.add(family))
    }

    /// Whether this instance acts, and in which epoch of the lease. What only the instance that acts knows is shown no more where it does not.
    pub fn acts(&self, acts: bool, epoch: u64) {
        self.acts.set(i64::from(acts));
        self.epoch.set(signed(epoch));
        if !acts {
            self.nodes.reset();
            self.rollout.reset();
        }
    }

    /// An agent waits for an assignment, for as long as the guard lives.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        self.polls.inc();
        Waiting(self.polls.clone())
    }

    /// How many nodes are in each of [`NODE_STATES`].
    pub fn nodes(&self, counts: [usize; 4]) {
        for (state, count) in NODE_STATES.into_iter().zip(counts) {
            self.nodes.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// How the last rollout is. A fleet has one application; `state` is of a closed set.
    pub fn rollout(&self, application: &str, state: &'static str) {
        self.rollout.reset();
        self.rollout.with_label_values(&[application, state]).set(1);
    }

    /// Counts a look. `verdict` is of a closed set.
    pub fn look(&self, verdict: &'static str) {
        self.looks.with_label_values(&[verdict]).inc();
    }

    /// Counts a change that came too late: one of a `round`, or of a `person`.
    pub fn conflict(&self, by: &'static str) {
        self.conflicts.with_label_values(&[by]).inc();
    }

    /// Counts a statement that failed: the database was `away`, or has `refused` it.
    pub fn database_error(&self, kind: &'static str) {
        self.database.with_label_values(&[kind]).inc();
    }

    /// Counts a version that was looked up: `found`, `refused`, or the registry was `away`.
    pub fn version(&self, outcome: &'static str) {
        self.versions.with_label_values(&[outcome]).inc();
    }

    /// How many certificates were refused since the process began.
    pub fn certificates_refused(&self, all: u64) {
        let counter = self.refused.with_label_values(&[] as &[&str]);
        counter.inc_by(all.saturating_sub(counter.get()));
    }

    /// Counts an agent's request. `outcome` is of a closed set.
    pub fn report(&self, outcome: &'static str) {
        self.reports.with_label_values(&[outcome]).inc();
    }

    /// Counts a person's request by the status that it was answered with, which is one of those that this program gives.
    pub fn request(&self, status: &str) {
        self.requests.with_label_values(&[status]).inc();
    }

    /// Counts a good round.
    pub fn round(&self, took: Duration) {
        self.rounds.observe(took.as_secs_f64());
        self.last_round.with_label_values(&[] as &[&str]).set(now());
    }
}

/// An agent that waits; see [`ControlPlane::waiting`].
#[derive(Debug)]
pub struct Waiting(IntGauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What a node's agent does. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub struct Agent {
    epoch: IntGaugeVec,
    revision: IntGaugeVec,
    switches: IntCounterVec,
    failures: IntCounterVec,
    fetched: IntCounterVec,
    heard: GaugeVec,
}

impl Agent {
    /// Families without samples.
    ///
    /// # Errors
    /// One of them is ill-defined: a bug, seen at start.
    pub fn new() -> Result<Self, Error> {
        let gauges = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &[]);
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        Ok(Self {
            epoch: gauges("marquee_agent_assignment_epoch", "The epoch of the assignment that the node has taken.")?,
            revision: gauges("marquee_agent_assignment_revision", "The revision of that assignment.")?,
            switches: counters("marquee_agent_switches_total", "Changes of what serves on the node, by outcome.", &["outcome"])?,
            failures: counters(
                "marquee_agent_failures_total",
                "Times that a release did not run on the node, by why.",
                &["kind"],
            )?,
            fetched: counters("marquee_agent_fetched_bytes_total", "Bytes of releases that came from registries.", &[])?,
            heard: GaugeVec::new(
                Opts::new("marquee_agent_control_heard_timestamp_seconds", "When the control plane last answered the node."),
                &[],
            )?,
        })
    }

    /// Has a node's registry show them.
    ///
    /// # Errors
    /// Another one has registered them there.
    pub fn register(&self, metrics: &Metrics) -> Result<(), Error> {
        let Self { epoch, revision, switches, failures, fetched, heard } = self.clone();
        let all: [Box<dyn Collector>; 6] =
            [Box::new(epoch), Box::new(revision), Box::new(switches), Box::new(failures), Box::new(fetched), Box::new(heard)];
        all.into_iter().try_for_each(|family| metrics.add(family))
    }

    /// Which assignment the node has taken.
    pub fn assignment(&self, epoch: u64, revision: u64) {
        self.epoch.with_label_values(&[] as &[&str]).set(signed(epoch));
        self.revision.with_label_values(&[] as &[&str]).set(signed(revision));
    }

    /// Counts a change of what serves: `switched` or `refused`.
    pub fn switch(&self, outcome: &'static str) {
        self.switches.with_label_values(&[outcome]).inc();
    }

    /// Counts a release that did not run. `kind` is of a closed set.
    pub fn failure(&self, kind: &'static str) {
        self.failures.with_label_values(&[kind]).inc();
    }

    /// Counts bytes that came from a registry.
    pub fn fetched(&self, bytes: u64) {
        self.fetched.with_label_values(&[] as &[&str]).inc_by(bytes);
    }

    /// The control plane has answered.
    pub fn heard(&self) {
        self.heard.with_label_values(&[] as &[&str]).set(now());
    }
}

/// Seconds since the Unix epoch.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render().unwrap()).unwrap()
    }

    #[test]
    fn an_instance_that_does_not_act_shows_no_fleet() {
        let (metrics, control) = (Metrics::new().unwrap(), ControlPlane::new().unwrap());
        control.register(&metrics).unwrap();
        control.acts(true, 7);
        control.nodes([3, 1, 0, 2]);
        control.rollout("shop", "running");
        control.rollout("shop", "gated");
        control.certificates_refused(2);
        control.certificates_refused(5);
        let waiting = control.waiting();
        let text = shown(&metrics);
        for line in [
            "marquee_control_acts 1",
            "marquee_control_lease_epoch 7",
            "marquee_control_polls_waiting 1",
            "marquee_control_nodes{state=\"away\"} 2",
            "marquee_control_rollout_info{application=\"shop\",state=\"gated\"} 1",
            "marquee_control_certificates_refused_total 5",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("state=\"running\""), "{text}");
        drop(waiting);
        control.acts(false, 8);
        let text = shown(&metrics);
        assert!(text.contains("marquee_control_polls_waiting 0"), "{text}");
        assert!(!text.contains("marquee_control_nodes{") && !text.contains("marquee_control_rollout_info{"), "{text}");
    }

    #[test]
    fn an_agent_that_has_heard_nothing_shows_nothing() {
        let (metrics, agent) = (Metrics::new().unwrap(), Agent::new().unwrap());
        agent.register(&metrics).unwrap();
        assert!(!shown(&metrics).contains("marquee_agent"));
        agent.assignment(1_796_040_000, 3);
        agent.fetched(10);
        agent.fetched(5);
        agent.failure("fetch");
        agent.heard();
        let text = shown(&metrics);
        for line in [
            "marquee_agent_assignment_epoch 1796040000",
            "marquee_agent_assignment_revision 3",
            "marquee_agent_fetched_bytes_total 15",
            "marquee_agent_failures_total{kind=\"fetch\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("marquee_agent_control_heard_timestamp_seconds 1"), "{text}");
    }
}

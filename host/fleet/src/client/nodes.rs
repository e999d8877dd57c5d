//! A region's nodes, and who of them is asked.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use telemetry::{BreakerOptions, BreakerState, Finding};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::Failure;
use super::node::{Connector, Links, Node};
use crate::{NodeAddress, limits};

/// The nodes of a region.
pub(super) struct Nodes {
    nodes: Box<[Arc<Node>]>,
    /// Where this node begins to ask for its ledger, so that many spread over all, each with one that it keeps to.
    home: usize,
    turn: AtomicUsize,
    /// Counts changes of who can be asked.
    changed: watch::Sender<u64>,
    /// Since when none can.
    down: Mutex<Option<Instant>>,
}

/// A node that is asked.
#[derive(Clone)]
pub(super) struct ChosenNode {
    pub(super) at: usize,
    pub(super) node: Arc<Node>,
    pub(super) links: Arc<Links>,
}

impl ChosenNode {
    pub(super) fn succeeded(&self) {
        self.node.succeeded();
    }

    pub(super) fn failed(&self, failure: &Failure) {
        self.node.failed(&self.links, failure);
    }
}

/// Where to begin.
#[derive(Clone, Copy, Debug)]
pub(super) enum StartNode {
    /// With the node that this one keeps to.
    Home,
    /// With each in turn.
    Turn,
}

impl Nodes {
    /// `own` is the name of the node that asks.
    pub(super) fn new(nodes: Vec<NodeAddress>, own: &str, breaker: BreakerOptions) -> Self {
        let nodes: Box<[_]> = nodes.into_iter().map(|node| Node::new(node, breaker)).collect();
        let mut hasher = DefaultHasher::new();
        own.hash(&mut hasher);
        let home = usize::try_from(hasher.finish() >> 1).unwrap_or(0);
        let down = Mutex::new(Some(Instant::now()));
        Self { nodes, home, turn: AtomicUsize::new(home), changed: watch::Sender::new(0), down }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// One of them.
    pub(super) fn at(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at).map(|node| &**node)
    }

    /// Where an attempt begins.
    pub(super) fn begin(&self, begin: StartNode) -> usize {
        match begin {
            StartNode::Home => self.home,
            StartNode::Turn => self.turn.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The first node from `start` on that can be asked; the one that was asked `last` only where there is no other.
    pub(super) fn pick(&self, start: usize, last: Option<usize>) -> Option<ChosenNode> {
        let mut same = None;
        for step in 0..self.nodes.len() {
            let at = start.wrapping_add(step) % self.nodes.len();
            let Some((node, links)) = self.nodes.get(at).and_then(|node| Some((node, node.links()?))) else { continue };
            let asked = ChosenNode { at, node: Arc::clone(node), links };
            if last == Some(at) { same = Some(asked) } else { return Some(asked) }
        }
        same
    }

    /// The same; where there is none, the first that comes up by `until`. While none has been there for [`limits::NODE_WAIT`] nobody waits.
    pub(super) async fn wait(&self, start: usize, last: Option<usize>, until: Instant) -> Option<ChosenNode> {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(asked) = self.pick(start, last) {
                return Some(asked);
            }
            let down = *self.down.lock().unwrap_or_else(PoisonError::into_inner);
            let until = down.map_or(until, |since| until.min(since + limits::NODE_WAIT));
            tokio::time::timeout_at(until, changed.changed()).await.ok()?.ok()?;
        }
    }

    /// Keeps one of them connected until `stop`.
    pub(super) async fn keep(&self, at: usize, connector: &Connector, stop: &CancellationToken) {
        if let Some(node) = self.nodes.get(at) {
            node.keep(connector, || self.note(), stop).await;
        }
    }

    /// Notes who can be asked now.
    fn note(&self) {
        let any = self.nodes.iter().any(|node| node.links().is_some());
        {
            let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
            *down = if any { None } else { Some(down.unwrap_or_else(Instant::now)) };
        }
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn reset(&self) {
        for node in &self.nodes {
            node.reset();
        }
    }

    pub(super) fn breakers(&self) -> impl Iterator<Item = (&str, BreakerState)> {
        self.nodes.iter().map(|node| (node.name.as_str(), node.breaker()))
    }

    /// How the region is, as far as it can be reached.
    pub(super) fn finding(&self) -> Finding {
        let (up, all) = (self.nodes.iter().filter(|node| node.links().is_some()).count(), self.nodes.len());
        let text = format!("{up} of {all} nodes can be asked");
        match up {
            0 => Finding::down(text),
            up if up < all => Finding::degraded(text),
            _ => Finding::up(text),
        }
    }
}

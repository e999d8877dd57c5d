//! Which leases a node claims and gives up, given what it has read. No I/O, no clock.
//!
//! Every node decides for itself by the same rule: no node leads more than the fair share, ⌈partitions ÷ live nodes⌉. A node with less takes what is
//! free; one with more gives the excess up, for another then has less. All shares together are no fewer than the partitions, so
//! nothing stays free; and a share that is not exceeded is never touched, so nothing moves that need not.
//!
//! One exception: a node that is stuck with a partition gives it up and does not take it again, while all others may have their share. A lease that
//! stays free although everybody has looked is taken beyond the share, and another one is given up for it, which the stuck node can take.

use std::collections::BTreeSet;

/// The lease of the node that ticks.
pub(crate) const RUNNER: &str = "runner";

/// A lease as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) name: String,
    /// Empty: free.
    pub(crate) owner: String,
    pub(crate) address: String,
    pub(crate) epoch: i64,
    /// Of the database's clock, in microseconds.
    pub(crate) expires_at: i64,
}

/// The leases and members, read at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// The database's clock, in microseconds.
    pub(crate) now: i64,
    pub(crate) leases: Vec<Lease>,
    /// The names of members that have renewed lately.
    pub(crate) nodes: BTreeSet<String>,
}

/// Whether a node wants to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeIntent {
    /// To lead its share.
    Member,
    /// To lead nothing any more.
    Leaving,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Names, with the epochs at which they were seen free: claiming swaps that for the next one.
    pub(crate) claim: Vec<(String, i64)>,
    /// Names of this node's leases that are to be given up as soon as their queues are empty.
    pub(crate) give_up: Vec<String>,
}

impl View {
    /// The current holder of a lease.
    pub(crate) fn holder(&self, lease: &Lease) -> Option<String> {
        (!lease.owner.is_empty() && lease.expires_at > self.now).then(|| lease.owner.clone())
    }
}

/// Decides for the node `me`, which is already about to give up the leases `leaving`. Nobody has claimed the leases `unclaimed` for longer than nodes take
/// to look, or nobody had before this node did.
pub(crate) fn decide(
    me: &str,
    view: &View,
    intent: NodeIntent,
    leaving: &BTreeSet<String>,
    unclaimed: &BTreeSet<String>,
) -> Plan {
    let mine = |lease: &&Lease| view.holder(lease).as_deref() == Some(me) && !leaving.contains(&lease.name);
    let free = |lease: &&Lease| view.holder(lease).is_none() && !leaving.contains(&lease.name);
    if intent == NodeIntent::Leaving {
        let give_up = view.leases.iter().filter(mine).map(|lease| lease.name.clone()).collect();
        return Plan { claim: Vec::new(), give_up };
    }
    // A node that decides is alive, whatever has become of its row.
    let others = view.nodes.iter().filter(|node| *node != me).count();
    let partitions: Vec<&Lease> = view.leases.iter().filter(|lease| lease.name != RUNNER).collect();
    let share = partitions.len().div_ceil(others + 1);
    let mut have: Vec<&Lease> = partitions.iter().copied().filter(|lease| mine(lease)).collect();
    // What nobody else takes is given up last: else it would come back.
    have.sort_by_key(|lease| !unclaimed.contains(&lease.name));

    let (unclaimed, mut candidates): (Vec<&Lease>, Vec<&Lease>) =
        partitions.iter().copied().filter(|lease| free(lease)).partition(|lease| unclaimed.contains(&lease.name));
    // Each node begins elsewhere, so that those who claim at the same time seldom want the same.
    let begin = begin(me, candidates.len());
    candidates.rotate_left(begin);
    candidates.truncate(share.saturating_sub(have.len() + unclaimed.len()));
    candidates.extend(unclaimed);
    candidates.extend(view.leases.iter().filter(|lease| lease.name == RUNNER).filter(free));
    Plan {
        claim: candidates.into_iter().map(|lease| (lease.name.clone(), lease.epoch)).collect(),
        give_up: have.iter().skip(share).map(|lease| lease.name.clone()).collect(),
    }
}

/// A place in a list, which is the node's own.
fn begin(me: &str, length: usize) -> usize {
    let length = u64::try_from(length).unwrap_or(1).max(1);
    usize::try_from(crate::coordinator::stable_hash(me) % length).unwrap_or(0)
}

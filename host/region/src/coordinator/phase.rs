//! The state of a partition on this node.

use std::sync::Arc;

use tokio::time::Instant;

/// Until when something is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term(Option<Instant>);

impl Term {
    /// For good: there are no other nodes.
    pub(crate) const UNLIMITED: Self = Self(None);

    /// Until a moment of this node's own monotonic clock.
    pub(crate) fn until(end: Instant) -> Self {
        Self(Some(end))
    }

    pub(crate) fn holds(self) -> bool {
        self.0.is_none_or(|end| Instant::now() < end)
    }
}

/// Whether a partition is led here, and under which epoch and term.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// By another node, at this address; none: no leader is known.
    Elsewhere(Option<Arc<str>>),
    /// Here. What was remembered under another epoch is worth nothing.
    Here { epoch: i64, term: Term },
    /// Here, for what has queued already. Nothing more is taken.
    Draining { epoch: i64, term: Term },
    /// No longer: the queue is empty and the lease can go, or has gone. Who comes next is about to be known.
    Drained,
}

impl Phase {
    /// The epoch under which it may decide now.
    pub(crate) fn leads(&self) -> Option<i64> {
        match self {
            Self::Here { epoch, term } | Self::Draining { epoch, term } if term.holds() => Some(*epoch),
            _ => None,
        }
    }

    /// Whether it is about to be somebody else's.
    pub(crate) fn moving(&self) -> bool {
        matches!(self, Self::Draining { .. } | Self::Drained)
    }
}

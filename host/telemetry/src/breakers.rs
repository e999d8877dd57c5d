//! Circuit breakers, for those who run a node: how they are, and trying everything again at once.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;

use crate::breaker::BreakerCounts;

/// How a circuit breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// What it guards is used.
    Closed,
    /// It is being tried.
    HalfOpen,
    /// It is left alone for a while.
    Open,
}

impl BreakerState {
    pub(crate) const fn as_number(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 0.5,
            Self::Open => 1.0,
        }
    }
}

/// What operators see of one breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakerLine {
    /// Its name, which comes from the configuration.
    pub name: String,
    /// How it is.
    pub state: BreakerState,
    /// What has come of calls, where it counts them.
    #[serde(flatten)]
    pub counts: Option<BreakerCounts>,
}

/// The breakers of one part of a node.
pub trait BreakerSource: Send + Sync + 'static {
    /// How they are. Their number is bounded: each is a label.
    fn lines(&self) -> Vec<BreakerLine>;
    /// Lets the next call probe.
    fn reset(&self);
}

/// All breakers of a node. Cheap to clone; clones are one.
#[derive(Clone, Default)]
pub struct Breakers(Arc<RwLock<Vec<Box<dyn BreakerSource>>>>);

impl std::fmt::Debug for Breakers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.lines().into_iter().map(|line| (line.name, line.state))).finish()
    }
}

impl Breakers {
    /// Adds a part's.
    pub fn add(&self, guards: impl BreakerSource) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(guards));
    }

    /// How they are.
    #[must_use]
    pub fn lines(&self) -> Vec<BreakerLine> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().flat_map(|guards| guards.lines()).collect()
    }

    /// Tries now whatever is left alone.
    pub fn reset(&self) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|guards| guards.reset());
    }
}

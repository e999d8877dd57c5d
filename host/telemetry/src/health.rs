//! Health: parts register checks that read what they know already, so that a probe costs nothing and waits for nothing.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::limits::CHECKS;

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Up,
    /// It works, less well than it should: browsing from a stale replica, say.
    Degraded,
    /// It does not work.
    Down,
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The verdict.
    #[serde(rename = "status")]
    pub state: State,
    /// One phrase for a person; never a secret.
    pub detail: Cow<'static, str>,
}

impl Finding {
    /// It works.
    pub fn up(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { state: State::Up, detail: detail.into() }
    }

    /// It works, less well than it should.
    pub fn degraded(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { state: State::Degraded, detail: detail.into() }
    }

    /// It does not work.
    pub fn down(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { state: State::Down, detail: detail.into() }
    }
}

/// Which question a check's `down` answers with no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Needed {
    /// Is this process of any use? No: restart it.
    Live,
    /// May it be sent requests? No: send them elsewhere for now.
    Ready,
    /// Neither; people want to know.
    Information,
}

type Check = Box<dyn Fn() -> Finding + Send + Sync>;

struct Registered {
    name: Cow<'static, str>,
    needed: Needed,
    check: Check,
}

struct Inner {
    started: Instant,
    draining: AtomicBool,
    checks: RwLock<Vec<Registered>>,
}

/// The node's health. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("overall", &self.overall()).finish_non_exhaustive()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(Inner { started: Instant::now(), draining: AtomicBool::new(false), checks: RwLock::default() }))
    }
}

/// The node's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// Everything works.
    Up,
    /// Something works less well than it should, or something not needed does not work.
    Degraded,
    /// It cannot serve.
    Down,
    /// It finishes what it has and takes no more.
    Draining,
}

/// One line of the detailed answer.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The check's name.
    pub name: Cow<'static, str>,
    /// What depends on it.
    pub needed_for: Needed,
    /// What it found.
    #[serde(flatten)]
    pub finding: Finding,
}

impl Health {
    /// Adds a check. It is called for every probe, so it must neither block nor wait. Checks beyond [`CHECKS`] are refused and logged.
    pub fn register(
        &self,
        name: impl Into<Cow<'static, str>>,
        needed: Needed,
        check: impl Fn() -> Finding + Send + Sync + 'static,
    ) {
        let name = name.into();
        let mut checks = self.0.checks.write().unwrap_or_else(PoisonError::into_inner);
        if checks.len() >= CHECKS {
            tracing::error!(%name, limit = CHECKS, "too many health checks; this one is left out");
            return;
        }
        checks.push(Registered { name, needed, check: Box::new(check) });
    }

    /// From now on the node is not ready: it finishes what it has.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Whether [`Health::drain`] was called.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Since this node's start.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Every check's finding, in the order of registration.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let checks = self.0.checks.read().unwrap_or_else(PoisonError::into_inner);
        checks.iter().map(|one| Line { name: one.name.clone(), needed_for: one.needed, finding: (one.check)() }).collect()
    }

    /// Whether the process is of any use.
    #[must_use]
    pub fn live(&self) -> bool {
        self.lines().iter().all(|line| line.needed_for != Needed::Live || line.finding.state != State::Down)
    }

    /// Whether it may be sent requests.
    #[must_use]
    pub fn ready(&self) -> bool {
        matches!(self.overall(), Overall::Up | Overall::Degraded)
    }

    /// The verdict over everything.
    #[must_use]
    pub fn overall(&self) -> Overall {
        if self.draining() {
            return Overall::Draining;
        }
        let lines = self.lines();
        let needed = |line: &&Line| line.needed_for != Needed::Information;
        if lines.iter().filter(needed).any(|line| line.finding.state == State::Down) {
            Overall::Down
        } else if lines.iter().any(|line| line.finding.state != State::Up) {
            Overall::Degraded
        } else {
            Overall::Up
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(needed: Needed, state: State) -> Health {
        let health = Health::default();
        health.register("part", needed, move || Finding { state, detail: Cow::Borrowed("so it is") });
        health
    }

    #[test]
    fn only_required_checks_take_a_node_down() {
        for (needed, state, overall, ready, live) in [
            (Needed::Ready, State::Up, Overall::Up, true, true),
            (Needed::Ready, State::Degraded, Overall::Degraded, true, true),
            (Needed::Ready, State::Down, Overall::Down, false, true),
            (Needed::Live, State::Down, Overall::Down, false, false),
            (Needed::Information, State::Down, Overall::Degraded, true, true),
        ] {
            let health = with(needed, state);
            assert_eq!((health.overall(), health.ready(), health.live()), (overall, ready, live), "{needed:?} {state:?}");
        }
    }

    #[test]
    fn a_draining_node_is_alive_and_not_ready() {
        let health = with(Needed::Ready, State::Up);
        health.clone().drain();
        assert_eq!(health.overall(), Overall::Draining);
        assert!(!health.ready());
        assert!(health.live());
    }
}

//! A circuit breaker around one thing outside.

use std::sync::{Arc, Mutex, PoisonError};

use telemetry::{BreakerCounts, BreakerLine, BreakerOptions, BreakerSource, BreakerState, Finding};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Whether something outside is used, left alone or being tried. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    options: BreakerOptions,
    state: Mutex<State>,
    again: Notify,
}

#[derive(Debug)]
struct State {
    breaker: BreakerState,
    failures: u32,
    counts: BreakerCounts,
    /// When it last failed, and how.
    since: Option<(Instant, String)>,
}

impl Breaker {
    /// Closed.
    #[must_use]
    pub fn new(name: impl Into<String>, options: BreakerOptions) -> Self {
        let state = State { breaker: BreakerState::Closed, failures: 0, counts: BreakerCounts::default(), since: None };
        Self(Arc::new(Inner { name: name.into(), options, state: Mutex::new(state), again: Notify::new() }))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// It works. Returns whether that is news.
    pub(crate) fn works(&self) -> bool {
        self.with(|state| {
            let news = state.since.take().is_some();
            state.breaker = BreakerState::Closed;
            state.failures = 0;
            state.counts.succeeded += 1;
            news
        })
    }

    /// It failed: open, if that was once too often. Returns whether that is news.
    pub(crate) fn failed(&self, reason: &str) -> bool {
        self.with(|state| {
            state.failures = state.failures.saturating_add(1);
            if state.failures >= self.0.options.failures {
                state.breaker = BreakerState::Open;
            }
            state.counts.failed += 1;
            let news = state.since.is_none();
            let since = state.since.as_ref().map_or_else(Instant::now, |(since, _)| *since);
            state.since = Some((since, reason.to_owned()));
            news
        })
    }

    /// Returns once it may be tried: at once where it works, else after a pause that doubles while it is open; half open then. A reset makes
    /// it sooner.
    pub(crate) async fn wait(&self) {
        let BreakerOptions { failures: tolerated, open, longest } = self.0.options;
        let failures = self.with(|state| state.failures);
        if failures > 0 {
            let pause = open.saturating_mul(1 << failures.saturating_sub(tolerated.max(1)).min(16)).min(longest);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.0.again.notified() => {}
            }
        }
        self.with(|state| {
            if state.breaker == BreakerState::Open {
                state.breaker = BreakerState::HalfOpen;
            }
        });
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.with(|state| state.breaker)
    }

    /// For a health check.
    pub(crate) fn finding(&self, works: &'static str) -> Finding {
        self.with(|state| match &state.since {
            None => Finding::up(works),
            Some((since, reason)) => Finding::degraded(format!("failing for {} s: {reason}", since.elapsed().as_secs())),
        })
    }
}

impl BreakerSource for Breaker {
    fn lines(&self) -> Vec<BreakerLine> {
        self.with(|state| vec![BreakerLine { name: self.0.name.clone(), state: state.breaker, counts: Some(state.counts) }])
    }

    fn reset(&self) {
        self.0.again.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_breaker_opens_after_the_configured_failures_with_growing_pauses() {
        let [open, longest] = [20, 50].map(Duration::from_millis);
        let breaker = Breaker::new("kafka", BreakerOptions { failures: 2, open, longest });
        let pause = async || {
            let begin = Instant::now();
            breaker.wait().await;
            begin.elapsed().as_millis()
        };
        assert_eq!(pause().await, 0);
        for (state, next, waited) in [
            (BreakerState::Closed, BreakerState::Closed, 20),
            (BreakerState::Open, BreakerState::HalfOpen, 20),
            (BreakerState::Open, BreakerState::HalfOpen, 40),
            (BreakerState::Open, BreakerState::HalfOpen, 50),
        ] {
            breaker.failed("away");
            assert_eq!(breaker.state(), state);
            assert_eq!(pause().await, waited);
            assert_eq!(breaker.state(), next);
        }
        assert!(breaker.works());
        assert_eq!((breaker.state(), pause().await), (BreakerState::Closed, 0));
    }
}

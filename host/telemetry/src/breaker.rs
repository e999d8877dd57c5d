//! One circuit breaker: leaves what fails alone for a while, so that callers hear at once and what is ill is not pressed.
//!
//! Closed, everybody is let through. After [`BreakerOptions::failures`] in a row it opens, and everybody is refused for
//! [`BreakerOptions::open`], or up to a quarter less. Then it is half open: one caller tries. If that succeeds it closes; else it opens again, for twice as
//! long each time, up to [`BreakerOptions::longest`].
//!
//! What counts is the caller's to say: a failure is that the thing could not be asked, never that it answered no.
//!
//! ```
//! # use telemetry::{Breaker, BreakerOptions};
//! # fn ask() -> std::io::Result<u32> { Ok(7) }
//! let breaker = Breaker::new("redis/10.0.0.7:6379", BreakerOptions::default());
//! if let Ok(permit) = breaker.permit() {
//!     match ask() {
//!         Ok(_) => permit.succeeded(),
//!         Err(_) => permit.failed(),
//!     }
//! }
//! ```

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::breakers::{BreakerLine, BreakerSource, BreakerState};
use crate::{jittered, limits};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Failures in a row after which it opens; 0 counts as 1.
    pub failures: u32,
    /// How long it stays open the first time.
    pub open: Duration,
    /// How long it stays open at most.
    pub longest: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures: limits::BREAKER_FAILURES, open: limits::BREAKER_OPEN, longest: limits::BREAKER_LONGEST }
    }
}

/// What has come of calls since the breaker was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BreakerCounts {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were not let through.
    pub rejected: u64,
}

/// The breaker is open, or half open and somebody else is trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its circuit breaker is open")]
pub struct CircuitOpen {
    /// When it makes sense to ask again; never zero.
    pub retry_after: Duration,
}

/// A circuit breaker. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Breaker(Arc<Inner>);

struct Inner {
    name: Box<str>,
    options: BreakerOptions,
    /// A copy of what `phase` says, so that calls through a closed breaker take no lock.
    state: AtomicU8,
    /// Counts changes of state: a call counts only for the state that it began in.
    epoch: AtomicU32,
    /// Failures in a row while closed.
    in_a_row: AtomicU32,
    phase: Mutex<Phase>,
    succeeded: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
}

struct Phase {
    /// Until when it is open.
    until: Option<Instant>,
    /// Somebody is trying.
    trying: bool,
    /// How long it will be open the next time.
    next: Duration,
    /// How long it was open when that was last logged.
    said: Duration,
}

const CLOSED: u8 = 0;
const HALF_OPEN: u8 = 1;
const OPEN: u8 = 2;

/// Leave to make one call. Say what came of it; one that is dropped without a word says nothing about the thing.
#[must_use = "say what came of the call"]
pub struct Permit<'a> {
    breaker: &'a Inner,
    epoch: u32,
    trying: bool,
    told: bool,
}

impl Breaker {
    /// A closed breaker. `name` is for people and a metric's label: from the configuration, with no password in it.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>, options: BreakerOptions) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            options,
            state: AtomicU8::new(CLOSED),
            epoch: AtomicU32::new(0),
            in_a_row: AtomicU32::new(0),
            phase: Mutex::new(Phase { until: None, trying: false, next: options.open, said: Duration::ZERO }),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Asks whether a call may be made now.
    ///
    /// # Errors
    /// [`CircuitOpen`]: certainly nothing was done.
    pub fn permit(&self) -> Result<Permit<'_>, CircuitOpen> {
        self.permit_at(Instant::now)
    }

    fn permit_at(&self, now: impl FnOnce() -> Instant) -> Result<Permit<'_>, CircuitOpen> {
        let breaker = &*self.0;
        let epoch = breaker.epoch.load(Ordering::Acquire);
        if breaker.state.load(Ordering::Acquire) == CLOSED {
            return Ok(Permit { breaker, epoch, trying: false, told: false });
        }
        breaker.try_again(now())
    }

    /// Counts a failure of a call that had no permit, or gave it up: one that was cut short, or that began long before.
    pub fn failure(&self) {
        let epoch = self.0.epoch.load(Ordering::Acquire);
        // Ignored while it is open; while half open only the probe counts.
        Permit { breaker: &self.0, epoch, trying: false, told: false }.failed();
    }

    /// How it is. One whose pause has passed is half open, though no call has probed yet.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.0.state.load(Ordering::Acquire) {
            CLOSED => BreakerState::Closed,
            HALF_OPEN => BreakerState::HalfOpen,
            _ if self.0.lock().until.is_none_or(|until| until <= Instant::now()) => BreakerState::HalfOpen,
            _ => BreakerState::Open,
        }
    }

    /// What has come of calls.
    #[must_use]
    pub fn counts(&self) -> BreakerCounts {
        BreakerCounts {
            succeeded: self.0.succeeded.load(Ordering::Relaxed),
            failed: self.0.failed.load(Ordering::Relaxed),
            rejected: self.0.rejected.load(Ordering::Relaxed),
        }
    }

    /// Its line for operators.
    #[must_use]
    pub fn line(&self) -> BreakerLine {
        BreakerLine { name: self.0.name.to_string(), state: self.state(), counts: Some(self.counts()) }
    }

    /// Lets the next call try now, if it is open.
    pub fn reset(&self) {
        let mut phase = self.0.lock();
        phase.next = self.0.options.open;
        phase.until = None;
    }
}

impl std::fmt::Debug for Breaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker").field("name", &self.0.name).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl BreakerSource for Breaker {
    fn lines(&self) -> Vec<BreakerLine> {
        vec![self.line()]
    }

    fn reset(&self) {
        Self::reset(self);
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_again(&self, now: Instant) -> Result<Permit<'_>, CircuitOpen> {
        let mut phase = self.lock();
        let epoch = self.epoch.load(Ordering::Acquire);
        if self.state.load(Ordering::Acquire) == CLOSED {
            return Ok(Permit { breaker: self, epoch, trying: false, told: false });
        }
        let left = phase.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if phase.trying || !left.is_zero() {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(CircuitOpen { retry_after: left.max(limits::BREAKER_TRYING) });
        }
        phase.trying = true;
        Ok(Permit { breaker: self, epoch: self.set(HALF_OPEN), trying: true, told: false })
    }

    /// Changes the state, under the lock; the epoch that begins.
    fn set(&self, state: u8) -> u32 {
        self.in_a_row.store(0, Ordering::Relaxed);
        self.state.store(state, Ordering::Release);
        self.epoch.fetch_add(1, Ordering::AcqRel).wrapping_add(1)
    }

    fn open(&self, phase: &mut Phase, now: Instant) {
        let pause = jittered(phase.next);
        phase.until = Some(now + pause);
        phase.trying = false;
        // In a long outage it opens every second: once it is open for the longest pause, that is no longer logged.
        if phase.next < self.options.longest || phase.said < self.options.longest {
            tracing::warn!(breaker = &*self.name, for_ms = pause.as_millis(), "a circuit breaker opens");
        }
        phase.said = phase.next;
        phase.next = (phase.next * 2).min(self.options.longest).max(self.options.open);
        self.set(OPEN);
    }
}

impl Permit<'_> {
    /// The thing was there and answered, whatever it said.
    pub fn succeeded(mut self) {
        self.told = true;
        self.breaker.succeeded.fetch_add(1, Ordering::Relaxed);
        if self.trying {
            let mut phase = self.breaker.lock();
            phase.trying = false;
            phase.next = self.breaker.options.open;
            phase.said = Duration::ZERO;
            phase.until = None;
            self.breaker.set(CLOSED);
            tracing::info!(breaker = &*self.breaker.name, "a circuit breaker closes");
        } else if self.breaker.in_a_row.load(Ordering::Relaxed) != 0 {
            self.breaker.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// The thing could not be asked, or did not answer.
    pub fn failed(self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(mut self, now: Instant) {
        self.told = true;
        self.breaker.failed.fetch_add(1, Ordering::Relaxed);
        if self.trying {
            self.breaker.open(&mut self.breaker.lock(), now);
            return;
        }
        // What began before the state changed says nothing about what is now.
        if self.breaker.epoch.load(Ordering::Acquire) != self.epoch || self.breaker.state.load(Ordering::Acquire) != CLOSED {
            return;
        }
        if self.breaker.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= self.breaker.options.failures {
            let mut phase = self.breaker.lock();
            if self.breaker.epoch.load(Ordering::Acquire) == self.epoch {
                self.breaker.open(&mut phase, now);
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.trying && !self.told {
            // The next caller tries instead.
            self.breaker.lock().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: BreakerOptions = BreakerOptions { failures: 3, open: Duration::from_secs(1), longest: Duration::from_secs(3) };

    fn fail(breaker: &Breaker, now: Instant) {
        breaker.permit_at(|| now).unwrap().failed_at(now);
    }

    fn refused_for(breaker: &Breaker, now: Instant) -> Duration {
        breaker.permit_at(|| now).err().unwrap().retry_after
    }

    #[test]
    fn the_breaker_opens_only_after_consecutive_failures() {
        let (breaker, now) = (Breaker::new("a", OPTIONS), Instant::now());
        for _ in 0..10 {
            fail(&breaker, now);
            fail(&breaker, now);
            breaker.permit_at(|| now).unwrap().succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        (0..3).for_each(|_| fail(&breaker, now));
        assert_eq!(breaker.state(), BreakerState::Open);
        let refused = refused_for(&breaker, now);
        assert!(refused <= OPTIONS.open && refused >= OPTIONS.open * 3 / 4, "{refused:?}");
        assert_eq!(breaker.counts(), BreakerCounts { succeeded: 10, failed: 23, rejected: 1 });
    }

    #[test]
    fn a_half_open_breaker_lets_one_caller_probe() {
        let (breaker, mut now) = (Breaker::new("a", OPTIONS), Instant::now());
        (0..3).for_each(|_| fail(&breaker, now));
        for seconds in [1, 2, 3, 3] {
            // A quarter less, at most.
            assert!(breaker.permit_at(|| now + Duration::from_millis(seconds * 750 - 1)).is_err());
            now += Duration::from_secs(seconds);
            let first = breaker.permit_at(|| now).unwrap();
            assert_eq!(refused_for(&breaker, now), limits::BREAKER_TRYING, "one is enough");
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            first.failed_at(now);
        }
        now += Duration::from_secs(3);
        breaker.permit_at(|| now).unwrap().succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
        // And it begins from the beginning.
        (0..3).for_each(|_| fail(&breaker, now));
        assert!(refused_for(&breaker, now) <= OPTIONS.open);
    }

    #[test]
    fn recovery_is_noticed_within_a_second_of_a_long_outage() {
        let (breaker, mut now) = (Breaker::new("a", BreakerOptions::default()), Instant::now());
        (0..limits::BREAKER_FAILURES).for_each(|_| fail(&breaker, now));
        let mut pauses = std::collections::BTreeSet::new();
        for _ in 0..60 {
            let pause = refused_for(&breaker, now);
            assert!(pause <= Duration::from_secs(1), "{pause:?}");
            pauses.insert(pause);
            now += pause;
            fail(&breaker, now);
        }
        assert!(pauses.len() > 10, "nodes do not all come back at the same moment: {pauses:?}");
    }

    #[test]
    fn a_cancelled_probe_lets_the_next_caller_probe() {
        let (breaker, now) = (Breaker::new("a", OPTIONS), Instant::now());
        (0..3).for_each(|_| fail(&breaker, now));
        drop(breaker.permit_at(|| now + OPTIONS.open).unwrap());
        breaker.permit_at(|| now + OPTIONS.open).unwrap().succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn outcomes_of_calls_from_before_the_breaker_opened_are_ignored() {
        let (breaker, now) = (Breaker::new("a", OPTIONS), Instant::now());
        let old: Vec<_> = (0..5).map(|_| breaker.permit_at(|| now).unwrap()).collect();
        (0..3).for_each(|_| fail(&breaker, now));
        breaker.permit_at(|| now + OPTIONS.open).unwrap().succeeded();
        old.into_iter().for_each(|permit| permit.failed_at(now));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_reset_lets_the_next_call_try() {
        let (breaker, now) = (Breaker::new("a", OPTIONS), Instant::now());
        (0..3).for_each(|_| fail(&breaker, now));
        breaker.reset();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        fail(&breaker, now);
        assert_eq!(breaker.state(), BreakerState::Open, "as long as it is ill, it stays so");
        breaker.reset();
        breaker.permit_at(|| now).unwrap().succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}

//! What everything in a simulation shares: its randomness, its clocks, its trace, and what is known to have gone wrong.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::random::Random;

/// When a simulation begins: microseconds since the Unix epoch.
pub(super) const START: i64 = 1_800_000_000_000_000;
/// Lines of the trace that are kept for a failure's report.
const LINES: usize = 120;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) invariant: &'static str,
    pub(super) text: String,
}

pub(super) struct World {
    random: Mutex<Random>,
    started: Instant,
    /// How far the database's clock was stepped forward, in microseconds.
    stepped: AtomicI64,
    /// Whether anything goes wrong.
    storm: AtomicBool,
    /// Whether the database can be reached.
    pub(super) outage: AtomicBool,
    /// What of a lease's length the database really grants in the storm, in per mille.
    lease_granted: i64,
    numbers: AtomicU64,
    /// How often the database was restored, and when for the last time.
    restores: (AtomicU64, AtomicI64),
    trace: Mutex<Trace>,
    violation: Mutex<Option<Violation>>,
}

struct Trace {
    whole: bool,
    hash: DefaultHasher,
    count: u64,
    last: VecDeque<String>,
}

impl World {
    pub(super) fn new(seed: u64, whole_trace: bool) -> Self {
        let mut random = Random::new(seed);
        let lease_granted = [1000, 600, 100][usize::try_from(random.below(3)).unwrap()];
        Self {
            random: Mutex::new(random),
            started: Instant::now(),
            stepped: AtomicI64::new(0),
            storm: AtomicBool::new(false),
            outage: AtomicBool::new(false),
            lease_granted,
            numbers: AtomicU64::new(0),
            restores: (AtomicU64::new(0), AtomicI64::new(0)),
            trace: Mutex::new(Trace { whole: whole_trace, hash: DefaultHasher::new(), count: 0, last: VecDeque::new() }),
            violation: Mutex::new(None),
        }
    }

    // Chance -----------------------------------------------------------------------------------------------------------

    /// 0 to `bound - 1`.
    pub(super) fn below(&self, bound: u64) -> u64 {
        self.random.lock().unwrap().below(bound)
    }

    /// One of so many.
    pub(super) fn index(&self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap()
    }

    /// Whether something that happens so many times in a thousand happens now.
    pub(super) fn happens(&self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// Whether a fault that happens so many times in a thousand happens now: only in the storm.
    pub(super) fn fault(&self, per_mille: u64) -> bool {
        self.storm.load(Ordering::Relaxed) && self.happens(per_mille)
    }

    pub(super) fn milliseconds(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }

    /// A number that nothing else has.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    // Time -------------------------------------------------------------------------------------------------------------

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// By the one clock that is right, in microseconds since the epoch.
    pub(super) fn now(&self) -> i64 {
        START + i64::try_from(self.elapsed().as_micros()).unwrap()
    }

    /// By the database's clock.
    pub(super) fn database_now(&self) -> i64 {
        self.now() + self.stepped.load(Ordering::Relaxed)
    }

    pub(super) fn step_the_databases_clock(&self, by: Duration) {
        self.stepped.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// The time that a message or a piece of work takes.
    pub(super) async fn takes_a_while(&self) {
        let storm = self.storm.load(Ordering::Relaxed);
        let milliseconds = match self.below(100) {
            0..50 => 0,
            50..90 => 1 + self.below(3),
            90..99 => 4 + self.below(12),
            _ if storm => 30 + self.below(300),
            _ => 20,
        };
        if milliseconds == 0 {
            tokio::task::yield_now().await;
        } else {
            sleep(Duration::from_millis(milliseconds)).await;
        }
    }

    /// What of a lease's length the database really grants, in per mille: by how much its clock and the nodes' run apart.
    pub(super) fn lease_granted(&self) -> i64 {
        if self.in_storm() { self.lease_granted } else { 1000 }
    }

    pub(super) fn restored(&self) {
        self.restores.0.fetch_add(1, Ordering::Relaxed);
        self.restores.1.store(self.now(), Ordering::Relaxed);
        self.trace(|| "the database is restored".to_owned());
    }

    /// How often the database was restored so far.
    pub(super) fn restores(&self) -> u64 {
        self.restores.0.load(Ordering::Relaxed)
    }

    /// When it was restored for the last time.
    pub(super) fn restored_at(&self) -> i64 {
        self.restores.1.load(Ordering::Relaxed)
    }

    pub(super) fn storms(&self, on: bool) {
        self.storm.store(on, Ordering::Relaxed);
    }

    pub(super) fn in_storm(&self) -> bool {
        self.storm.load(Ordering::Relaxed)
    }

    // What is known ----------------------------------------------------------------------------------------------------

    pub(super) fn trace(&self, text: impl FnOnce() -> String) {
        let line = format!("{:>8.3} {}", self.elapsed().as_secs_f64(), text());
        let mut trace = self.trace.lock().unwrap();
        line.hash(&mut trace.hash);
        trace.count += 1;
        if !trace.whole && trace.last.len() == LINES {
            trace.last.pop_front();
        }
        trace.last.push_back(line);
    }

    /// A number that two runs have in common only if the same happened in both.
    pub(super) fn trace_hash(&self) -> u64 {
        let trace = self.trace.lock().unwrap();
        let mut hash = trace.hash.clone();
        trace.count.hash(&mut hash);
        hash.finish()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.trace.lock().unwrap().last.iter().cloned().collect()
    }

    /// An invariant does not hold. The first one counts: the others may follow from it.
    pub(super) fn violated(&self, invariant: &'static str, text: impl Into<String>) {
        let mut violation = self.violation.lock().unwrap();
        if violation.is_none() {
            let text = text.into();
            self.trace(|| format!("VIOLATED: {invariant}: {text}"));
            *violation = Some(Violation { invariant, text });
        }
    }

    pub(super) fn violation(&self) -> Option<Violation> {
        self.violation.lock().unwrap().clone()
    }
}

//! When a record is tried again, and when it is given up.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How often a record is tried, and after which pauses.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The first pause, and the longest.
    pub pauses: (Duration, Duration),
    /// Tries, of which the last one decides.
    pub attempts: u32,
}

/// The verdict on a record that was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again after so long.
    Again(Duration),
    /// It is not, for this reason.
    GivenUp(String),
}

impl Retry {
    /// Of a record that was tried so often and wants to be tried again, after so many milliseconds at the earliest.
    #[must_use]
    pub fn verdict(&self, tries: u32, asked: u32) -> Verdict {
        if tries >= self.attempts {
            return Verdict::GivenUp(format!("not done after {tries} tries"));
        }
        let asked = Duration::from_millis(asked.into()).min(self.pauses.1);
        Verdict::Again(pause(self.pauses, tries).max(asked))
    }
}

/// The first pause doubles up to the longest; by up to a quarter longer or shorter, so that not everything comes again at once.
pub(crate) fn pause((first, longest): (Duration, Duration), tries: u32) -> Duration {
    let pause = first.saturating_mul(1 << tries.saturating_sub(1).min(20)).min(longest);
    let random = f64::from(u32::try_from(RandomState::new().hash_one(tries) >> 32).unwrap_or_default()) / f64::from(u32::MAX);
    pause.mul_f64(0.75 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_attempts_end() {
        let retry = Retry { pauses: (Duration::from_millis(100), Duration::from_secs(10)), attempts: 10 };
        let pause = |tries, asked| match retry.verdict(tries, asked) {
            Verdict::Again(pause) => pause.as_secs_f64(),
            Verdict::GivenUp(reason) => panic!("{reason}"),
        };
        for (tries, about) in [(1, 0.1), (2, 0.2), (5, 1.6), (9, 10.0)] {
            let pause = pause(tries, 0);
            assert!((0.75 * about..=1.25 * about).contains(&pause), "{tries}: {pause}");
        }
        // What the record asks for counts, within bounds.
        assert!((pause(1, 3_000), pause(1, 60_000)) == (3.0, 10.0));
        assert_eq!(retry.verdict(10, 0), Verdict::GivenUp("not done after 10 tries".to_owned()));
    }
}

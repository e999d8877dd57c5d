//! Pauses that are not all alike.

use std::hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState};
use std::time::Duration;

use crate::limits;

/// A pause of this length or up to a quarter less, so that those who lost the same thing at the same moment do not all come back at once.
#[must_use]
pub fn jittered(pause: Duration) -> Duration {
    // Each of these has its own keys: as good as chance.
    by(RandomState::new().hash_one(()), pause)
}

/// The same, deterministic by name.
#[must_use]
pub fn jittered_for(name: &str, pause: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    by(hasher.finish(), pause)
}

fn by(chance: u64, pause: Duration) -> Duration {
    let less = u32::try_from(chance % u64::from(limits::JITTER + 1)).unwrap_or(0);
    pause - pause * less / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_are_never_longer() {
        let pause = Duration::from_millis(900);
        let pauses: std::collections::BTreeSet<Duration> = (0..100).map(|_| jittered(pause)).collect();
        assert!(pauses.len() > 10 && pauses.iter().all(|it| *it <= pause && *it >= pause * 3 / 4), "{pauses:?}");
        assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
    }
}

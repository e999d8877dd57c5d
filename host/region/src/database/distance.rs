//! How far away a server is: how long an answer takes, estimated as TCP does it (RFC 6298), so that a way that becomes longer all at once is known
//! with the next answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long answers take. Cheap to clone; clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distance(Arc<Mutex<Option<Estimate>>>);

#[derive(Clone, Copy, Debug)]
struct Estimate {
    smoothed: Duration,
    varies_by: Duration,
}

impl Distance {
    /// An answer took so long.
    pub(crate) fn note(&self, took: Duration) {
        let mut estimate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *estimate = Some(match *estimate {
            None => Estimate { smoothed: took, varies_by: took / 2 },
            Some(Estimate { smoothed, varies_by }) => {
                Estimate { smoothed: (smoothed * 7 + took) / 8, varies_by: (varies_by * 3 + smoothed.abs_diff(took)) / 4 }
            }
        });
    }

    /// How long one usually takes; zero where none has come yet.
    pub(crate) fn usual(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map_or(Duration::ZERO, |estimate| estimate.smoothed)
    }

    /// How long the next one takes at most, nearly always; zero where none has come yet.
    pub(crate) fn answer(&self) -> Duration {
        let estimate = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        estimate.map_or(Duration::ZERO, |Estimate { smoothed, varies_by }| smoothed + varies_by * 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Duration = Duration::from_millis(1);
    const FAR: Duration = Duration::from_millis(600);

    #[test]
    fn the_distance_estimate_rises_with_the_next_answer_and_decays() {
        let distance = Distance::default();
        assert_eq!(distance.answer(), Duration::ZERO);
        (0..50).for_each(|_| distance.note(NEAR));
        assert!(distance.answer() < NEAR * 2);
        distance.note(FAR);
        assert!(distance.answer() >= FAR, "{:?}", distance.answer());
        (0..50).for_each(|_| distance.note(FAR));
        assert!(distance.answer() >= FAR && distance.answer() < FAR * 2);
        (0..100).for_each(|_| distance.note(NEAR));
        assert!(distance.answer() < NEAR * 10, "{:?}", distance.answer());
    }
}

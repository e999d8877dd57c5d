//! Whether a difference is more than chance.

/// A count out of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proportion {
    pub count: u64,
    pub of: u64,
}

impl Proportion {
    /// The share; nothing of nothing is nothing.
    pub(super) fn share(self) -> f64 {
        if self.of == 0 { 0.0 } else { float(self.count) / float(self.of) }
    }

    /// The variance of the share.
    fn variance(self) -> f64 {
        let share = self.share().clamp(0.0, 1.0);
        if self.of == 0 { 0.0 } else { share * (1.0 - share) / float(self.of) }
    }
}

/// Whether one share is larger than another by more than a margin: a test of two proportions, one sided, with the variances that were observed.
pub(super) fn is_larger(new: Proportion, old: Proportion, margin: f64, confidence: f64) -> bool {
    let difference = new.share() - old.share() - margin;
    exceeds(difference, new.variance() + old.variance(), confidence)
}

/// Whether a difference with this variance is larger than 0.
pub(super) fn exceeds(difference: f64, variance: f64, confidence: f64) -> bool {
    difference > 0.0 && (variance <= 0.0 || normal(difference / variance.sqrt()) > confidence)
}

/// The standard normal distribution: how likely a value is less.
fn normal(value: f64) -> f64 {
    0.5 * libm::erfc(-value / std::f64::consts::SQRT_2)
}

/// Counts are far below 2^52, where a float is no longer exact; beyond, a share does not mind.
#[expect(clippy::cast_precision_loss, reason = "a share of counts this large is exact enough")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

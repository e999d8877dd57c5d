//! Random numbers that a seed decides, and a password that nothing does.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};

/// A generator (SplitMix64): small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most - least).unwrap_or(0) + 1;
        least + i64::try_from(self.next() % span).unwrap_or(0)
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }
}

/// 64 hexadecimal digits from the system's randomness, by way of the keys that hash maps get from it.
pub fn password() -> String {
    (0..4u8).fold(String::new(), |mut text, n| {
        // Writing to a String cannot fail.
        _ = write!(text, "{:016x}", RandomState::new().hash_one((n, std::process::id())));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        for _ in 0..100 {
            let number = one.between(-3, 9);
            assert!((-3..=9).contains(&number));
            assert_eq!(number, other.between(-3, 9));
        }
        assert_eq!(one.one::<u8>(&[]), None);
    }

    #[test]
    fn passwords_differ() {
        assert_eq!(password().len(), 64);
        assert_ne!(password(), password());
    }
}

//! Who asks, as far as it takes to answer them by one version.

/// A visitor: a digest of what tells one from another, the same at every node. It is no secret, and proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Visitor(u64);

impl Visitor {
    /// The visitor that these tell apart.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        // FNV-1a, with each part's length before it, so that no two lists of parts are one.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for part in parts {
            let length = (part.len() as u64).to_le_bytes();
            for byte in length.iter().chain(*part) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        Self(hash)
    }

    /// A place from 0 to 99, evenly spread over visitors; with another salt, another one.
    #[must_use]
    pub fn percentile(self, salt: u64) -> u8 {
        // The finalizer of MurmurHash3: FNV's low bits alone are not even.
        let mut hash = self.0 ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for multiplier in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
            hash = (hash ^ (hash >> 33)).wrapping_mul(multiplier);
        }
        u8::try_from((hash ^ (hash >> 33)) % 100).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_are_spread_evenly_and_differently_by_salt() {
        let visitors: Vec<_> = (0..10_000_u32).map(|n| Visitor::of(&[b"10.0.0.1", &n.to_le_bytes()])).collect();
        let among = |salt: u64, below: u8| visitors.iter().filter(move |it| it.percentile(salt) < below).count();
        for salt in [0, 1, 2, 7_000_000_000] {
            assert!((900..1_100).contains(&among(salt, 10)), "{}", among(salt, 10));
            assert_eq!(among(salt, 100), visitors.len());
        }
        let both = visitors.iter().filter(|it| it.percentile(1) < 10 && it.percentile(2) < 10).count();
        assert!((50..150).contains(&both), "{both}");
        assert_ne!(Visitor::of(&[b"ab", b"c"]), Visitor::of(&[b"a", b"bc"]));
        // At every node, and by the host's next version.
        assert_eq!(Visitor::of(&[b"eu_u"]).percentile(1), Visitor::of(&[b"eu_u"]).percentile(1));
    }
}

//! Which partition an event belongs to.

/// FNV-1a, 64 bits: of these bytes the same on every node, in every build. Nodes that disagreed would decide for the same event.
pub(crate) fn stable_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// An event's partition, of so many.
pub(crate) fn partition(event: &str, partitions: usize) -> usize {
    let count = u64::try_from(partitions).unwrap_or(1).max(1);
    // The high half is folded in: of the product above it is the better mixed one.
    let hash = stable_hash(event);
    usize::try_from((hash ^ (hash >> 32)) % count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_an_id_is_stable() {
        // The published test vectors of FNV-1a.
        for (text, hash) in [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] {
            assert_eq!(stable_hash(text), hash);
        }
        // A change here moves events between partitions while nodes of two versions run: it must be a deliberate one.
        assert_eq!((0..6).map(|n| partition(&format!("eu_{n}"), 16)).collect::<Vec<_>>(), [0, 3, 6, 9, 12, 15]);
    }

    #[test]
    fn events_spread_evenly() {
        let mut counts = [0_u32; 16];
        for n in 0..16_000 {
            counts[partition(&format!("eu_0{n:025}"), 16)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}

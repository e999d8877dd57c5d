//! Ids: `<region>_<uuid v7 in base32>`. They sort by time and name their home.

use crate::{hash, limits, time};

/// A new id in this region.
pub fn new(region: &str) -> String {
    format!("{region}_{}", unique(time::now()))
}

/// The part after the region: a version 7 UUID (RFC 9562) of this instant, as 26 letters and digits.
pub fn unique(now: i64) -> String {
    with(now, hash::random())
}

/// As [`unique`], of random bytes that are used for nothing else.
pub fn with(now: i64, mut bytes: [u8; 16]) -> String {
    let milliseconds = u64::try_from(now / 1000).unwrap_or_default().to_be_bytes();
    for (byte, from) in bytes.iter_mut().zip(milliseconds.iter().skip(2)) {
        *byte = *from;
    }
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = (*version & 0x0f) | 0x70;
    *variant = (*variant & 0x3f) | 0x80;
    hash::base32(&bytes)
}

/// The region that an id names, where it has the shape of an id.
pub fn region(id: &str) -> Option<&str> {
    let (region, rest) = id.split_once('_')?;
    (valid_region(region) && limits::ID_BYTES.contains(&id.len()) && rest.bytes().all(is_part)).then_some(region)
}

/// Whether a text could be the name of a region.
pub fn valid_region(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(is_part)
}

/// Whether a text has the shape of an id. Anything else names nothing, and need not reach the database.
pub fn valid(text: &str) -> bool {
    region(text).is_some()
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_name_their_region() {
        let (early, late) = (unique(1_000_000), unique(2_000_000_000_000));
        assert!(early < late);
        assert_eq!(early.len(), 26);
        assert_eq!(region(&format!("eu_{early}")), Some("eu"));
    }

    #[test]
    fn malformed_ids_are_refused() {
        for text in ["", "_", "eu", "EU_abc", "eu_A", "eu_a/b", "eu_a b", "é_a", "../x_y", &format!("eu_{}", "a".repeat(80))] {
            assert!(!valid(text), "{text}");
        }
    }

    #[test]
    fn fuzz_ids() {
        fuzz::text(&["eu_06f9zkb2m4s8t1w6y3c5e7g9hj", "local_0", "abcdefghijklmnop_1"], |text| {
            assert_eq!(valid(text), region(text).is_some());
            if let Some(region) = region(text) {
                assert!(valid_region(region) && text.starts_with(&format!("{region}_")), "{text}");
                assert!(
                    text.len() <= *limits::ID_BYTES.end() && text.bytes().all(|byte| is_part(byte) || byte == b'_'),
                    "{text}"
                );
            }
        });
    }
}

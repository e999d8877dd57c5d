//! What an id says of itself: `<region>_<uuid v7 in base32>`.

/// Crockford's, in lower case: as the components make ids.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// When an id was made, in microseconds; none where it does not say.
#[must_use]
pub fn made_at(id: &str) -> Option<i64> {
    let (_, unique) = id.split_once('_')?;
    let (time, rest) = unique.as_bytes().split_at_checked(10)?;
    // Of the first fifty bits forty-eight are milliseconds.
    let mut bits = 0_i64;
    for letter in time {
        let digit = ALPHABET.iter().position(|known| known == letter)?;
        bits = (bits << 5) | i64::try_from(digit).ok()?;
    }
    (rest.len() == 16).then_some((bits >> 2) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_contains_its_creation_time() {
        // The bytes of a version 7 UUID of 1,790,000,000,123 ms.
        assert_eq!(made_at("eu_06gc8m3cfdr010000000000000"), Some(1_790_000_000_123_000));
        for text in
            ["eu_1", "", "eu_", "eu_06gc8m3cfdr01000000000000", "eu_!6gc8m3cfdr010000000000000", "eu_égc8m3cfdr010000000000000"]
        {
            assert_eq!(made_at(text), None, "{text}");
        }
    }
}

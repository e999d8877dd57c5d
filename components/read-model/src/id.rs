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

/// The region that a ticket's code names, as it is written there (`EU.T1.…`, see `ticket-code`), of whatever version; none where it begins
/// like none.
#[must_use]
pub fn region_of_code(text: &str) -> Option<&str> {
    let mut parts = text.trim_start().splitn(3, '.');
    let (region, version) = (parts.next()?, parts.next()?);
    let digits = version.strip_prefix(['T', 't'])?;
    let versioned = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && parts.next().is_some();
    (versioned && !region.is_empty()).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_code_says_its_region() {
        for (text, region) in [
            ("EU.T1.06F9ZKB2M4S8T1W6Y3C5E7G9HJ.3-1.4D", Some("EU")),
            (" eu.t1.a", Some("eu")),
            ("EU.T2.", Some("EU")),
            ("EU.T1", None),
            ("EU.T.a", None),
            ("EU.X1.a", None),
            (".T1.a", None),
            ("g7jbmey215yrbb27", None),
            ("", None),
        ] {
            assert_eq!(region_of_code(text), region, "{text}");
        }
    }

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

//! NUMERIC: the server has groups of four decimal digits, the guest has text.

const NEGATIVE: u16 = 0x4000;
const NOT_A_NUMBER: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;
/// Digits after the point that the server keeps.
const MOST_SCALE: usize = 16_383;

/// The text of a NUMERIC, with as many digits after the point as it has.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let mut words = bytes.chunks_exact(2).filter_map(|word| word.try_into().ok().map(u16::from_be_bytes));
    let count = usize::from(words.next()?);
    let weight = i32::from(words.next()?.cast_signed());
    let sign = words.next()?;
    let scale = usize::from(words.next()?);
    match sign {
        NOT_A_NUMBER => return Some("NaN".into()),
        INFINITY => return Some("Infinity".into()),
        MINUS_INFINITY => return Some("-Infinity".into()),
        _ => {}
    }
    let groups: Vec<u16> = words.take(count).collect();
    let group = |position: i32| usize::try_from(position).ok().and_then(|position| groups.get(position)).copied().unwrap_or(0);
    let mut text = String::new();
    if sign == NEGATIVE {
        text.push('-');
    }
    let whole: String = (0..=weight).map(|position| format!("{:04}", group(position))).collect();
    match whole.trim_start_matches('0') {
        "" => text.push('0'),
        digits => text.push_str(digits),
    }
    if scale > 0 {
        let groups_after = i32::try_from(scale.div_ceil(4)).ok()?;
        let after: String = (weight + 1..=weight + groups_after).map(|position| format!("{:04}", group(position))).collect();
        text.push('.');
        text.push_str(after.get(..scale)?);
    }
    Some(text)
}

/// A NUMERIC from decimal text, such as `-12.50`.
pub(super) fn encode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, after) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + after.len() == 0
        || after.len() > MOST_SCALE
        || !whole.bytes().chain(after.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    // Both sides are filled up to whole groups, away from the point.
    let whole = format!("{}{whole}", "0".repeat(whole.len().next_multiple_of(4) - whole.len()));
    let padded = format!("{after}{}", "0".repeat(after.len().next_multiple_of(4) - after.len()));
    let mut weight = i16::try_from(whole.len() / 4).ok()? - 1;
    let all = format!("{whole}{padded}");
    let mut groups: Vec<u16> =
        all.as_bytes().chunks(4).map(|group| group.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))).collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight = weight.checked_sub(i16::try_from(leading).ok()?)?;
    groups.truncate(groups.iter().rposition(|group| *group != 0).map_or(0, |last| last + 1));
    let sign = if negative && !groups.is_empty() { NEGATIVE } else { 0 };
    let weight = if groups.is_empty() { 0 } else { weight };
    let head = [u16::try_from(groups.len()).ok()?, weight.cast_unsigned(), sign, u16::try_from(after.len()).ok()?];
    Some(head.into_iter().chain(groups).flat_map(u16::to_be_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_as_text() {
        for text in [
            "0",
            "0.00",
            "1",
            "-1",
            "12.50",
            "-0.0001",
            "9999",
            "10000",
            "123456789012345678901234567890.123456789",
            "0.00001234",
            "100000000",
            "1.0000",
        ] {
            assert_eq!(decode(&encode(text).unwrap()).as_deref(), Some(text));
        }
        for (given, shown) in [("+5", "5"), ("007", "7"), (".5", "0.5"), ("5.", "5"), ("-0", "0")] {
            assert_eq!(decode(&encode(given).unwrap()).as_deref(), Some(shown));
        }
    }

    #[test]
    fn the_servers_own_bytes() {
        // 12345.67 as a server sends it: groups 1, 2345, 6700; weight 1; scale 2.
        let bytes = [0, 3, 0, 1, 0, 0, 0, 2, 0, 1, 9, 41, 26, 44];
        assert_eq!(decode(&bytes).as_deref(), Some("12345.67"));
        assert_eq!(encode("12345.67").as_deref(), Some(bytes.as_slice()));
        assert_eq!(decode(&[0, 0, 0, 0, 0xC0, 0, 0, 0]).as_deref(), Some("NaN"));
    }

    #[test]
    fn invalid_numbers_are_refused() {
        for text in ["", ".", "-", "1e5", "1,5", "abc", "1.2.3", "--1"] {
            assert_eq!(encode(text), None, "{text}");
        }
        assert_eq!(decode(&[0, 1]), None);
    }
}

//! Durations as plans and sentences have them: `30s`, `10m`, `24h`, `7d`.

/// Units with their milliseconds, the largest first.
const UNITS: [(char, u64); 4] = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];

/// Milliseconds; none where it is not a number and one of the units.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// As people say it: rounded to a unit of which there are three or more, if there are as many seconds.
pub(crate) fn about(ms: u64) -> String {
    let unit = UNITS.iter().find(|(_, factor)| ms >= factor.saturating_mul(3));
    let (name, factor) = unit.unwrap_or(&('s', 1_000));
    format!("{}{name}", ms.saturating_add(factor / 2) / factor)
}

/// In the largest unit that it is a multiple of; what is no multiple of a second is rounded to one.
pub(crate) fn format(ms: u64) -> String {
    let ms = ms.saturating_add(500) / 1_000 * 1_000;
    let unit = UNITS.iter().find(|(_, factor)| ms > 0 && ms.is_multiple_of(*factor));
    let (name, factor) = unit.unwrap_or(&('s', 1_000));
    format!("{}{name}", ms / factor)
}

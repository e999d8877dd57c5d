//! Instants: microseconds since the Unix epoch, UTC. RFC 3339 only where people read them.

use jiff::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// One second.
pub const SECOND: i64 = 1_000_000;

/// This node's clock: for ids and for what decides nothing. Decisions take [`crate::sql::Tx::now`].
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or_default()
}

/// RFC 3339 in UTC, with as many digits of a second as there are.
pub fn format(instant: i64) -> String {
    Timestamp::from_microsecond(instant).map(|timestamp| timestamp.to_string()).unwrap_or_default()
}

/// An RFC 3339 instant between the years 1970 and 9999; any offset is accepted and becomes UTC.
pub fn parse(text: &str) -> Option<i64> {
    if text.len() > 40 {
        return None;
    }
    // jiff takes more than RFC 3339 (a space for the T, an annotation after the offset); a client's document should not depend on that.
    let strict = text.as_bytes().get(10).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T')) && !text.contains('[');
    let instant = text.parse::<Timestamp>().ok().filter(|_| strict)?.as_microsecond();
    (0..=253_402_300_799_999_999).contains(&instant).then_some(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_round_trip() {
        assert_eq!(format(0), "1970-01-01T00:00:00Z");
        assert_eq!(parse("2027-03-01T19:00:00Z").map(format).as_deref(), Some("2027-03-01T19:00:00Z"));
        assert_eq!(parse("2027-03-01T19:00:00+05:30").map(format).as_deref(), Some("2027-03-01T13:30:00Z"));
        for nonsense in [
            "",
            "2027-03-01",
            "2027-03-01T19:00:00",
            "2027-13-01T19:00:00Z",
            "yesterday",
            "2027-03-01 19:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}

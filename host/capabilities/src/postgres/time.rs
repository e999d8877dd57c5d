//! Dates and times: the server counts days and microseconds from the start of the year 2000, the guest has calendar fields.

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Year, month, day.
pub(super) type Date = (i32, u8, u8);
/// Hour, minute, second, nanosecond.
pub(super) type Time = (u8, u8, u8, u32);
/// Both.
pub(super) type DateTime = (i32, u8, u8, u8, u8, u8, u32);

/// Days since 2000-01-01; none where there is no such day or the server knows none so far away.
pub(super) fn days((year, month, day): Date) -> Option<i32> {
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    // The year begins in March, so that the day that is sometimes missing comes last.
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_of_year = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_of_year + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468 - EPOCH_DAYS).ok()
}

/// The day so many days after 2000-01-01.
pub(super) fn date(days: i64) -> Option<Date> {
    let days = days.checked_add(719_468 + EPOCH_DAYS)?;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_year = (5 * day_of_year + 2) / 153;
    let day = u8::try_from(day_of_year - (153 * month_of_year + 2) / 5 + 1).ok()?;
    let month = u8::try_from(if month_of_year < 10 { month_of_year + 3 } else { month_of_year - 9 }).ok()?;
    let year = i32::try_from(year_of_era + era * 400 + i64::from(month <= 2)).ok()?;
    Some((year, month, day))
}

fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Microseconds since midnight; what is finer is cut off.
pub(super) fn micros((hour, minute, second, nanosecond): Time) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 59 || nanosecond > 999_999_999 {
        return None;
    }
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Some(seconds * SECOND + i64::from(nanosecond) / 1_000)
}

/// The time so many microseconds after midnight.
pub(super) fn time(micros: i64) -> Option<Time> {
    let seconds = micros.div_euclid(SECOND);
    let nanosecond = u32::try_from(micros.rem_euclid(SECOND) * 1_000).ok()?;
    let hour = u8::try_from(seconds / 3_600).ok().filter(|hour| *hour < 24)?;
    Some((hour, u8::try_from(seconds / 60 % 60).ok()?, u8::try_from(seconds % 60).ok()?, nanosecond))
}

/// Microseconds since 2000-01-01 00:00.
pub(super) fn datetime_micros((year, month, day, hour, minute, second, nanosecond): DateTime) -> Option<i64> {
    i64::from(days((year, month, day))?).checked_mul(DAY)?.checked_add(micros((hour, minute, second, nanosecond))?)
}

/// The date and time so many microseconds after 2000-01-01 00:00; none for infinity.
pub(super) fn datetime(micros: i64) -> Option<DateTime> {
    if micros == i64::MAX || micros == i64::MIN {
        return None;
    }
    let (year, month, day) = date(micros.div_euclid(DAY))?;
    let (hour, minute, second, nanosecond) = time(micros.rem_euclid(DAY))?;
    Some((year, month, day, hour, minute, second, nanosecond))
}

/// Microseconds since 2000-01-01 00:00 UTC for seconds since the Unix epoch.
pub(super) fn unix_micros(seconds: i64) -> Option<i64> {
    seconds.checked_mul(SECOND)?.checked_sub(EPOCH_DAYS * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        for (date_, number) in [
            ((2000, 1, 1), 0),
            ((1970, 1, 1), -10_957),
            ((2000, 2, 29), 59),
            ((2024, 12, 31), 9_131),
            ((1, 1, 1), -730_119),
            ((-4712, 1, 1), -2_451_507),
        ] {
            assert_eq!(days(date_), Some(number), "{date_:?}");
            assert_eq!(date(i64::from(number)), Some(date_));
        }
        for number in (-800_000..800_000).step_by(37) {
            assert_eq!(days(date(number).unwrap()).map(i64::from), Some(number));
        }
        for impossible in
            [(2023, 2, 29), (1900, 2, 29), (2024, 0, 1), (2024, 13, 1), (2024, 4, 31), (2024, 1, 0), (i32::MAX, 1, 1)]
        {
            assert_eq!(days(impossible), None, "{impossible:?}");
        }
    }

    #[test]
    fn instants() {
        let moment = (1999, 12, 31, 23, 59, 59, 999_999_000);
        assert_eq!(datetime_micros(moment), Some(-1));
        assert_eq!(datetime(-1), Some(moment));
        assert_eq!(datetime(i64::MAX), None);
        assert_eq!(unix_micros(946_684_800), Some(0));
        assert_eq!(micros((24, 0, 0, 0)), None);
        assert_eq!(time(86_399 * SECOND + 999_999), Some((23, 59, 59, 999_999_000)));
        assert_eq!(time(DAY), None);
    }
}

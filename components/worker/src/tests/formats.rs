//! Numbers and dates in each language.

use crate::mail::formats::{instant, money};

/// What people say, and ICU4X does not.
const SINHALA_MONTHS: [&str; 12] =
    ["ජනවාරි", "පෙබරවාරි", "මාර්තු", "අප්\u{200d}රේල්", "මැයි", "ජූනි", "ජූලි", "අගෝස්තු", "සැප්තැම්බර්", "ඔක්තෝබර්", "නොවැම්බර්", "දෙසැම්බර්"];

/// 2027-01-15T08:00:00Z
const AT: i64 = super::world::START;

#[test]
fn an_instant_is_written_as_people_of_the_language_do() {
    for (tag, date, time) in [
        ("en-GB", "Friday, 15 January 2027", "13:30"),
        ("de", "Freitag, 15. Januar 2027", "13:30"),
        ("si", "2027 ජනවාරි 15, සිකුරාදා", "13:30"),
    ] {
        let shown = instant(AT, "Asia/Colombo", tag).unwrap();
        assert_eq!((shown.date.as_str(), shown.time.as_str()), (date, time));
        assert_eq!(shown.zone, "Asia/Colombo, UTC+05:30");
    }
    assert_eq!(instant(AT, "Atlantis/Capital", "de").unwrap().zone, "UTC");
    let dates: Vec<_> = (0..12).map(|month| instant(AT + month * 30 * 86_400_000_000, "UTC", "si").unwrap().date).collect();
    for (date, month) in dates.iter().zip(SINHALA_MONTHS) {
        assert!(date.contains(month), "{date}");
    }
    // The day is the one of its place.
    assert!(instant(AT, "Pacific/Honolulu", "en-GB").unwrap().date.starts_with("Thursday, 14"));
    assert!(instant(i64::MAX, "UTC", "en-GB").is_err());
}

#[test]
fn a_sum_is_written_as_people_of_the_language_do() {
    for (tag, amount, currency, written) in [
        ("en-GB", 9_000, "EUR", "90.00"),
        ("en-GB", 123_456_789, "USD", "1,234,567.89"),
        ("de", 123_456_789, "EUR", "1.234.567,89"),
        ("de", 1_234, "JPY", "1.234"),
        ("de", 1_234, "KWD", "1,234"),
        ("si", 450_000, "LKR", "4,500.00"),
        ("en-GB", 5, "EUR", "0.05"),
        ("en-GB", 0, "LKR", "0.00"),
    ] {
        assert_eq!(money(amount, currency, tag).unwrap(), (written.to_owned(), currency.to_owned()));
    }
    assert_eq!(money(1, "<b>", "de").unwrap().1, "???");
}

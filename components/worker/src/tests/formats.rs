//! Numbers and dates in each language, and where their data comes from.

extern crate alloc;

use crate::mail::formats::{instant, money};
use icu_locale_fallback::LocaleFallbacker;
use icu_provider::prelude::*;
use icu_provider_export::blob_exporter::BlobExporter;
use icu_provider_export::{DataLocaleFamily, DeduplicationStrategy, ExportDriver};
use std::collections::BTreeSet;
use std::path::Path;
use zerovec::VarZeroVec;

/// The locales of `render::LANGUAGES`.
const LOCALES: [&str; 3] = ["en-GB", "de", "si"];

/// What ICU4X brings for every language, and what people of a language say otherwise.
struct Everything;

/// What ICU4X brings of months.
struct Months;

/// CLDR calls the months of the Gregorian calendar by the names of lunar ones, whose days are others. On a ticket that is another day.
const SINHALA_MONTHS: [&str; 12] =
    ["ජනවාරි", "පෙබරවාරි", "මාර්තු", "අප්\u{200d}රේල්", "මැයි", "ජූනි", "ජූලි", "අගෝස්තු", "සැප්තැම්බර්", "ඔක්තෝබර්", "නොවැම්බර්", "දෙසැම්බර්"];

impl DataProvider<DatetimeNamesMonthGregorianV1> for Everything {
    fn load(&self, request: DataRequest<'_>) -> Result<DataResponse<DatetimeNamesMonthGregorianV1>, DataError> {
        // In full: `5` within a date, `5s` by themselves.
        if request.id.locale.language.as_str() == "si" && request.id.marker_attributes.starts_with('5') {
            let names = MonthNames::Linear(VarZeroVec::from(&SINHALA_MONTHS));
            return Ok(DataResponse { metadata: DataResponseMetadata::default(), payload: DataPayload::from_owned(names) });
        }
        Months.load(request)
    }
}

impl IterableDataProvider<DatetimeNamesMonthGregorianV1> for Everything {
    fn iter_ids(&self) -> Result<BTreeSet<DataIdentifierCow<'_>>, DataError> {
        IterableDataProvider::<DatetimeNamesMonthGregorianV1>::iter_ids(&Months)
    }
}

mod icu {
    pub use icu_datetime as datetime;
    pub use icu_decimal as decimal;
}

use icu::datetime::provider::names::{
    DatetimeNamesMonthGregorianV1, DatetimeNamesWeekdayV1, DatetimeNamesYearGregorianV1, MonthNames,
};
use icu::datetime::provider::semantic_skeletons::{DatetimePatternsDateGregorianV1, DatetimePatternsTimeV1};
use icu::decimal::provider::{DecimalDigitsV1, DecimalSymbolsV1};

const _: () = {
    // They call each other by their bare names.
    use icu_datetime_data::*;
    use icu_decimal_data::*;
    icu_datetime_data::make_provider!(Everything);
    icu_datetime_data::make_provider!(Months);
    icu_datetime_data::impl_datetime_names_month_gregorian_v1!(Months, ITER);
    icu_datetime_data::impl_datetime_names_weekday_v1!(Everything, ITER);
    icu_datetime_data::impl_datetime_names_year_gregorian_v1!(Everything, ITER);
    icu_datetime_data::impl_datetime_patterns_date_gregorian_v1!(Everything, ITER);
    icu_datetime_data::impl_datetime_patterns_time_v1!(Everything, ITER);
    icu_decimal_data::impl_decimal_digits_v1!(Everything, ITER);
    icu_decimal_data::impl_decimal_symbols_v1!(Everything, ITER);
};

icu_provider::export::make_exportable_provider!(
    Everything,
    [
        DatetimeNamesMonthGregorianV1,
        DatetimeNamesWeekdayV1,
        DatetimeNamesYearGregorianV1,
        DatetimePatternsDateGregorianV1,
        DatetimePatternsTimeV1,
        DecimalDigitsV1,
        DecimalSymbolsV1,
    ]
);

/// Fails after a language was added, or ICU4X has newer data: with `MARQUEE_TEST_WRITE_LOCALES` in the environment it writes the file instead.
#[test]
fn the_data_is_what_icu_brings_for_the_languages_of_mails() {
    let mut data = Vec::new();
    // In the root is what has no language: digits, and what a language does as it does.
    let families = LOCALES.iter().chain(&["und"]).map(|tag| DataLocaleFamily::single(tag.parse().unwrap()));
    ExportDriver::new(families, DeduplicationStrategy::None.into(), LocaleFallbacker::new().static_to_owned())
        .export(&Everything, BlobExporter::new_with_sink(Box::new(&mut data)))
        .unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/locales.postcard");
    if std::env::var_os("MARQUEE_TEST_WRITE_LOCALES").is_some() {
        std::fs::write(&path, &data).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == data, "write it anew: MARQUEE_TEST_WRITE_LOCALES=1 cargo test -p worker formats");
}

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

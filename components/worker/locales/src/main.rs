//! What mails need of ICU4X's data: how dates, times and numbers are written in their languages, and nothing of other languages. It is a file of the
//! component `worker`, which this program writes, and whose test holds the file against the data.
//!
//! A crate of its own, built by itself: what makes data out of ICU4X's sources needs them with features that nothing else does.

extern crate alloc;

use anyhow::{Context as _, Result};
use icu_locale_fallback::LocaleFallbacker;
use icu_provider::prelude::*;
use icu_provider_export::blob_exporter::BlobExporter;
use icu_provider_export::{DataLocaleFamily, DeduplicationStrategy, ExportDriver};
use std::collections::BTreeSet;
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

/// The file.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/mail/locales.postcard");

/// What it is to have.
fn data() -> Result<Vec<u8>> {
    let mut data = Vec::new();
    // In the root is what has no language: digits, and what a language does as it does.
    let families = LOCALES.iter().chain(&["und"]).map(|tag| Ok(DataLocaleFamily::single(tag.parse()?)));
    let families = families.collect::<Result<Vec<_>>>()?;
    ExportDriver::new(families, DeduplicationStrategy::None.into(), LocaleFallbacker::new().static_to_owned())
        .export(&Everything, BlobExporter::new_with_sink(Box::new(&mut data)))
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(data)
}

fn main() -> Result<()> {
    std::fs::write(FILE, data()?).with_context(|| format!("cannot write {FILE}"))
}

/// Fails after a language was added, or where ICU4X has newer data.
#[test]
fn the_file_has_what_icu_brings_for_the_languages_of_mails() {
    assert!(std::fs::read(FILE).unwrap() == data().unwrap(), "write it anew: cargo run --package locales");
}

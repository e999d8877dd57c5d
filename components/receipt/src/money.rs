//! Sums as people read them.

/// Currencies without a minor unit, and those with three decimals (ISO 4217); all others have two.
const WHOLE: &[&str] =
    &["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"];
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Decimals of a currency's major unit.
#[must_use]
pub fn decimals(currency: &str) -> u8 {
    if WHOLE.contains(&currency) {
        0
    } else if THOUSANDTHS.contains(&currency) {
        3
    } else {
        2
    }
}

/// A currency's code. One that is not three letters is shown as `???`: nothing foreign comes through here.
#[must_use]
pub fn code(currency: &str) -> &str {
    if currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_alphabetic()) { currency } else { "???" }
}

/// Minor units as `EUR 1,234.50`.
pub fn format(amount: i64, currency: &str) -> String {
    let (decimals, code) = (decimals(currency), code(currency));
    let scale = 10u64.pow(u32::from(decimals));
    let units = amount.unsigned_abs();
    let sign = if amount < 0 { "-" } else { "" };
    let whole = grouped(units / scale);
    if decimals == 0 {
        format!("{code} {sign}{whole}")
    } else {
        format!("{code} {sign}{whole}.{:0width$}", units % scale, width = usize::from(decimals))
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn sums_follow_their_currency() {
        for (amount, currency, text) in [
            (9000, "EUR", "EUR 90.00"),
            (5, "EUR", "EUR 0.05"),
            (123_456_789, "USD", "USD 1,234,567.89"),
            (1_234, "JPY", "JPY 1,234"),
            (1_234, "KWD", "KWD 1.234"),
            (-4500, "EUR", "EUR -45.00"),
            (0, "LKR", "LKR 0.00"),
            (1, "<b>", "??? 0.01"),
        ] {
            assert_eq!(format(amount, currency), text);
        }
    }
}
